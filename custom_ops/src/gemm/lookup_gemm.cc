#include "gemm/lookup_gemm.h"

#include <algorithm>
#include <cstring>

#include "gemm/scratch_pool.h"
#include "hawx/tensor.h"

namespace hawx {
namespace {

constexpr size_t kTileBytes = size_t{512} << 10;  // half of a usual second-level cache
constexpr size_t kMostPositions = 256;
constexpr size_t kChannelBlock = 32;       // outputs buffered before they are stored
constexpr size_t kEnoughTasks = 32;        // for any thread count to be expected
constexpr size_t kTaskProducts = 1 << 19;  // tasks below some 20 us would not pay for themselves

size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

size_t round_up(size_t a, size_t b) { return ceil_div(a, b) * b; }

// How the problem is cut. Depends on the problem alone, never on the threads.
struct Cut {
  explicit Cut(const GemmShape& shape) {
    const size_t fitting = kTileBytes / std::max<size_t>(shape.depth, 1);
    const size_t wanted = std::min(fitting, kMostPositions) / kPositionBlock * kPositionBlock;
    tile_positions =
        std::min(std::max(wanted, kPositionBlock), round_up(shape.positions, kPositionBlock));
    tiles = ceil_div(shape.positions, tile_positions);
    const size_t most_chunks = ceil_div(shape.channels, kChannelBlock);
    chunks = std::clamp<size_t>(kEnoughTasks / (shape.groups * tiles), 1, most_chunks);
    chunk_channels = round_up(ceil_div(shape.channels, chunks), 4);
    chunks = ceil_div(shape.channels, chunk_channels);
    units = shape.groups * tiles * chunks;
    const size_t products = tile_positions * std::max<size_t>(shape.depth, 1) * chunk_channels;
    units_per_task = std::clamp<size_t>(kTaskProducts / products, 1, units);
  }

  size_t tile_positions;
  size_t tiles;
  size_t chunks;  // of one group's channels
  size_t chunk_channels;
  size_t units;  // (group, tile, chunk)
  size_t units_per_task;
};

bool any_upper_code(const uint8_t* codes, size_t bytes) {
  uint64_t bits = 0;  // bytes is a multiple of kPositionBlock
  for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, codes + i, sizeof(word));
    bits |= word;
  }
  return (bits & 0x8080808080808080u) != 0;
}

void sum_codes(const Tile& tile, size_t depth, bool is_signed, uint32_t* sums) {
  std::fill_n(sums, tile.stride, 0u);
  for (size_t k = 0; k < depth; ++k) {
    const uint8_t* row = tile.codes.data() + k * tile.stride;
    for (size_t p = 0; p < tile.stride; ++p) {
      sums[p] += static_cast<uint32_t>(code_value(row[p], is_signed));
    }
  }
}

// Accumulators with what is still missing in them, as an operator with int32 output gives them.
void complete_sums(const Requantization& q, const uint32_t* acc, size_t count, uint32_t* sums) {
  for (size_t p = 0; p < count; ++p) sums[p] = acc[p] + q.constant;
  if (q.code_sum == nullptr) return;
  for (size_t p = 0; p < count; ++p) sums[p] -= q.weight_zero * q.code_sum[p];
}

class Worker {
 public:
  Worker(const GemmProblem& problem, const Cut& cut, Scratch& scratch)
      : problem_(problem), cut_(cut), scratch_(scratch) {
    const size_t stride = cut.tile_positions;
    scratch.tile.codes.reserve(std::max<size_t>(problem.shape.depth, 1) * stride);
    scratch.acc.reserve(stride * kMostGrouped);
    scratch.code_sums.reserve(stride);
    scratch.outputs.reserve(stride * kChannelBlock * problem.output.bytes);
  }

  // Units of one tile follow each other, so that they share its plan.
  void run_unit(size_t unit) {
    const GemmShape& shape = problem_.shape;
    const size_t chunk = unit % cut_.chunks;
    const size_t group = unit / cut_.chunks % shape.groups;
    const size_t begin = unit / cut_.chunks / shape.groups * cut_.tile_positions;
    const size_t count = std::min(cut_.tile_positions, shape.positions - begin);
    load_tile(group, begin, count);
    const size_t first = chunk * cut_.chunk_channels;
    const size_t last = std::min(first + cut_.chunk_channels, shape.channels);
    for (size_t c = first; c < last; c += kChannelBlock) {
      const size_t block = std::min(kChannelBlock, last - c);
      for (size_t i = 0; i < block;) {
        const size_t index = group * shape.channels + c + i;
        const size_t together = accumulate(index, block - i);
        for (size_t j = 0; j < together; ++j) finish_channel(index + j, i + j, j);
        i += together;
      }
      problem_.operands->store(group, c, block, begin, count, scratch_.outputs.data(),
                               scratch_.tile.stride);
    }
  }

 private:
  void load_tile(size_t group, size_t begin, size_t count) {
    Tile& tile = scratch_.tile;
    const bool planned = plan_ != nullptr && planned_begin_ == begin;
    if (planned && filled_group_ == group) return;
    if (!planned) {
      tile.stride = round_up(count, kPositionBlock);
      plan_ = problem_.operands->plan(begin, count, tile);
      planned_begin_ = begin;
    }
    problem_.operands->fill(*plan_, group, tile);
    filled_group_ = group;
    const size_t depth = problem_.shape.depth;
    has_upper_codes_ = any_upper_code(tile.codes.data(), depth * tile.stride);
    if (problem_.needs_code_sums) {
      sum_codes(tile, depth, problem_.activations_signed, scratch_.code_sums.data());
    }
  }

  // Fills the accumulators of some channels from `index` on, at most `most`; returns how many.
  size_t accumulate(size_t index, size_t most) {
    const Channel* channels = problem_.channels + index;
    const Kernel* kernel = channels->kernel;
    const TileView tile = {scratch_.tile.codes.data(), scratch_.tile.stride, has_upper_codes_};
    if (kernel->accumulate_group == nullptr || most == 1) {
      kernel->accumulate(channels->weights, channels->table->view(), tile, scratch_.acc.data());
      return 1;
    }
    ChannelView weights[kMostGrouped];
    TableView tables[kMostGrouped];
    size_t count = 0;
    while (count < std::min(most, kMostGrouped) && channels[count].kernel == kernel) {
      weights[count] = channels[count].weights;
      tables[count] = channels[count].table->view();
      ++count;
    }
    kernel->accumulate_group(weights, tables, count, tile, scratch_.acc.data());
    return count;
  }

  // Turns the accumulators of the channel that was taken as number `taken` into codes.
  void finish_channel(size_t index, size_t slot, size_t taken) {
    const Channel& channel = problem_.channels[index];
    const Tile& tile = scratch_.tile;
    uint32_t* acc = scratch_.acc.data() + taken * tile.stride;
    problem_.operands->correct(*plan_, index, tile.stride, acc);
    const bool is_signed = problem_.output.is_signed;
    const Requantization requantization = {
        channel.constant,
        channel.weight_zero,
        problem_.needs_code_sums ? scratch_.code_sums.data() : nullptr,
        channel.scale,
        problem_.output.zero_point,
        is_signed ? -128 : 0,
        is_signed ? 127 : 255,
    };
    uint8_t* outputs = scratch_.outputs.data() + slot * tile.stride * problem_.output.bytes;
    if (problem_.output.bytes == sizeof(uint32_t)) {
      complete_sums(requantization, acc, tile.stride, reinterpret_cast<uint32_t*>(outputs));
    } else {
      channel.kernel->requantize(requantization, acc, tile.stride, outputs);
    }
  }

  const GemmProblem& problem_;
  const Cut& cut_;
  Scratch& scratch_;
  std::unique_ptr<BlockPlan> plan_;
  size_t planned_begin_ = 0;
  size_t filled_group_ = 0;
  bool has_upper_codes_ = false;
};

}  // namespace

void lookup_gemm(const GemmProblem& problem, const ParallelFor& parallel_for) {
  const GemmShape& shape = problem.shape;
  if (shape.groups == 0 || shape.positions == 0 || shape.channels == 0) return;
  const Cut cut(shape);
  const size_t tasks = ceil_div(cut.units, cut.units_per_task);
  parallel_for(tasks, [&](size_t task) {
    BorrowedScratch scratch;
    Worker worker(problem, cut, *scratch);
    const size_t begin = task * cut.units_per_task;
    const size_t end = std::min(begin + cut.units_per_task, cut.units);
    for (size_t unit = begin; unit < end; ++unit) worker.run_unit(unit);
  });
}

}  // namespace hawx
