// The worker's part for tables without factors: look-ups, with operands as they are or exchanged.
#include <algorithm>

#include "gemm/limits.h"
#include "gemm/worker.h"

namespace hawx {
namespace {

// Sums [count][tile.stride] of the channels from `first` on.
void look_up(const Kernel& kernel, const WeightPlan& weights, const LookupTable& table,
             const TileView& tile, size_t first, size_t count, uint32_t* sums) {
  for (size_t c = 0; c < count;) {
    uint32_t* to = sums + c * tile.stride;
    if (kernel.accumulate_group == nullptr || count - c == 1) {
      kernel.accumulate(weights.channel(first + c), table.view(), tile, to);
      ++c;
      continue;
    }
    const size_t together = std::min(count - c, kMostGrouped);
    ChannelView channels[kMostGrouped];
    TableView tables[kMostGrouped];
    for (size_t i = 0; i < together; ++i) {
      channels[i] = weights.channel(first + c + i);
      tables[i] = table.view();
    }
    kernel.accumulate_group(channels, tables, together, tile, to);
    c += together;
  }
}

// Positions whose activations are sorted together, whole steps of 16 that the memory allows.
size_t sorted_batch(size_t depth) {
  const size_t each = depth * (sizeof(uint8_t) + sizeof(uint32_t));
  return std::max<size_t>(kSortedBytes / (each + 1) / 16, 1) * 16;
}

}  // namespace

bool takes_transposed(const Slice& slice, size_t positions) {
  return slice.kernel != nullptr && !slice.lookups.empty() &&
         transposing_pays(positions, slice.channels.size(), slice.lookups.front().weights.depth());
}

void Worker::load_codes(const Unit& unit, const LookupPart& part, const uint8_t* map) {
  const Contents wanted = {run_, unit.begin, unit.slice->group, &part};
  if (scratch_.codes_hold == wanted) return;
  scratch_.codes_hold = {};
  const size_t depth = part.weights.depth();
  scratch_.codes.reserve(depth * stride_ + 1);
  uint8_t* codes = scratch_.codes.data();
  // What columns beyond the positions hold does not matter: nobody sees their sums.
  const uint8_t bits = problem_.operands->fill_codes(
      *scratch_.plan, filling(unit, part.first_input, part.inputs, map, codes));
  scratch_.code_bits = bits_of(bits);
  scratch_.codes_hold = wanted;
}

void Worker::sum_lookups(const Unit& unit, size_t first, size_t count) {
  const Slice& slice = *unit.slice;
  const LookupTable& table = *slice.multiplier->table;
  uint32_t* sums = scratch_.sums.data();
  if (slice.lookups.empty()) std::fill_n(sums, count * stride_, 0u);
  for (const LookupPart& part : slice.lookups) {
    load_codes(unit, part, table.activation_classes());
    const TileView tile = {scratch_.codes.data(), stride_, unit.positions, scratch_.code_bits};
    if (&part == &slice.lookups.front()) {
      look_up(*slice.kernel, part.weights, table, tile, first, count, sums);
      continue;
    }
    scratch_.more_sums.reserve(count * stride_);
    look_up(*slice.kernel, part.weights, table, tile, first, count, scratch_.more_sums.data());
    for (size_t i = 0; i < count * stride_; ++i) sums[i] += scratch_.more_sums.data()[i];
  }
}

// Sorts the activations of `count` positions from `first` on as kernels need their weights.
void Worker::sort_codes(const Unit& unit, const LookupPart& part, const LookupTable& transposed,
                        size_t first, size_t count) {
  const Contents wanted = {run_, unit.begin + first, unit.slice->group, &part};
  if (scratch_.sorted_holds == wanted) return;
  scratch_.sorted_holds = {};
  load_codes(unit, part, identity_codes());
  const size_t depth = part.weights.depth();
  std::vector<uint8_t> rows(count * depth);
  for (size_t k = 0; k < depth; ++k) {
    const uint8_t* codes = scratch_.codes.data() + k * stride_ + first;
    for (size_t p = 0; p < count; ++p) rows[p * depth + k] = codes[p];
  }
  std::vector<const uint8_t*> each(count);
  for (size_t p = 0; p < count; ++p) each[p] = rows.data() + p * depth;
  scratch_.sorted = std::make_unique<WeightPlan>(each, depth, transposed.weight_classes());
  scratch_.sorted_holds = wanted;
}

// `first` begins a block of transposed channels. Sums come as rows of channels and are turned into
// rows of positions some at a time, so that these are written by whole cache lines.
void Worker::sum_transposed(const Unit& unit, size_t first, size_t count) {
  constexpr size_t kTogether = 16;
  constexpr size_t kWidth = TransposedLookups::kBlock;
  scratch_.more_sums.reserve(kTogether * kWidth);
  uint32_t* rows = scratch_.more_sums.data();
  for (const LookupPart& part : unit.slice->lookups) {
    const LookupTable& table = unit.slice->multiplier->table->transposed();
    const TileView tile = part.transposed->get(table, part.weights).tile(first / kWidth);
    const Kernel& kernel = problem_.dispatch->choose(table);
    const bool is_first = &part == &unit.slice->lookups.front();
    const size_t batch = sorted_batch(part.weights.depth());
    for (size_t p = 0; p < unit.positions; p += kTogether) {
      const size_t start = p / batch * batch;
      sort_codes(unit, part, table, start, std::min(batch, unit.positions - start));
      const size_t some = std::min(kTogether, unit.positions - p);
      look_up(kernel, *scratch_.sorted, table, tile, p - start, some, rows);
      for (size_t c = 0; c < count; ++c) {
        uint32_t* to = scratch_.sums.data() + c * stride_ + p;
        for (size_t i = 0; i < some; ++i) {
          to[i] = (is_first ? 0 : to[i]) + rows[i * tile.stride + c];
        }
      }
    }
  }
}

}  // namespace hawx
