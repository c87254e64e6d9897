// AVX2 kernel: every lane of a vector is an output channel. For each product the table rows of
// eight or sixteen channels' weights are interleaved, so that one load by activation code gives as
// many products, which are added to the sums of a position. Tables whose rows span less than 2^16
// are interleaved as 16-bit numbers.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/lanes_formats_avx2.h"

namespace hawx {
namespace {

// Products added in one pass over the positions; their entries share the first-level cache.
constexpr size_t kPass = 4;
constexpr size_t kPositions = 256;
constexpr size_t kCounted = 32;  // positions come in whole vectors of codes

// Interleaving 256 entries takes about as long as this many look-ups.
constexpr size_t kWorthwhile = 256;

// Sums of some channels over one block of positions.
template <typename Format>
class Block {
 public:
  Block(const ChannelView* channels, const TableView* tables, size_t count)
      : channels_(channels), tables_(tables), count_(count) {}

  // Begins with what the entries leave out of every product.
  void start(const uint32_t* base, size_t positions) {
    for (size_t p = 0; p < positions; ++p) {
      for (size_t s = 0; s < kSums; ++s) {
        _mm256_store_si256(at(sums_[p][s]), _mm256_load_si256(at(base + 8 * s)));
      }
    }
  }

  void run(const uint8_t* codes, size_t stride, size_t positions) {
    const size_t depth = channels_[0].depth;
    size_t k = 0;
    for (; k + kPass <= depth; k += kPass) {
      const uint8_t* rows[kPass];
      for (size_t i = 0; i < kPass; ++i) {
        rows[i] = codes + (k + i) * stride;
        interleave(k + i, CodeRange(rows[i], positions), entries_[i]);
      }
      for (size_t p = 0; p < positions; ++p) {
        __m256i sums[kSums];
        load(p, sums);
        for (size_t i = 0; i < kPass; i += 2) {
          Format::add_pair(entries_[i][rows[i][p]], entries_[i + 1][rows[i + 1][p]], sums);
        }
        store(p, sums);
      }
    }
    for (; k < depth; ++k) {
      const uint8_t* row = codes + k * stride;
      interleave(k, CodeRange(row, positions), entries_[0]);
      for (size_t p = 0; p < positions; ++p) {
        __m256i sums[kSums];
        load(p, sums);
        Format::add_one(entries_[0][row[p]], sums);
        store(p, sums);
      }
    }
  }

  // Writes acc[channel * stride + position].
  void write(uint32_t* acc, size_t stride, size_t positions) const {
    for (size_t s = 0; s < kSums; ++s) {
      for (size_t p = 0; p < positions; p += 8) {
        const int32_t* from[8];
        for (size_t i = 0; i < 8; ++i) from[i] = sums_[p + i][s];
        __m256i turned[8];
        transpose(from, turned);
        for (size_t c = 0; c < 8 && 8 * s + c < count_; ++c) {
          _mm256_store_si256(at(acc + (8 * s + c) * stride + p), turned[c]);
        }
      }
    }
  }

 private:
  using Entry = typename Format::Entry;
  static constexpr size_t kLanes = Format::kLanes;
  static constexpr size_t kSums = kLanes / 8;

  // Lays out the entries of product k that the codes ask for; lanes to spare repeat a channel.
  void interleave(size_t k, const CodeRange& range, Entry (*to)[kLanes]) const {
    const Entry* rows[kLanes];
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const size_t wanted = Format::channel_of(lane);
      const size_t channel = wanted < count_ ? wanted : 0;
      rows[lane] = Format::rows(tables_[channel]) + channels_[channel].codes[k] * size_t{256};
    }
    constexpr size_t step = Format::kStep;
    for (size_t code = range.least / step * step; code <= range.greatest; code += step) {
      Format::interleave(rows, code, to);
    }
  }

  void load(size_t p, __m256i* sums) const {
    for (size_t s = 0; s < kSums; ++s) sums[s] = _mm256_load_si256(at(sums_[p][s]));
  }

  void store(size_t p, const __m256i* sums) {
    for (size_t s = 0; s < kSums; ++s) _mm256_store_si256(at(sums_[p][s]), sums[s]);
  }

  const ChannelView* channels_;
  const TableView* tables_;
  size_t count_;
  alignas(64) Entry entries_[kPass][256][kLanes];
  alignas(64) int32_t sums_[kPositions][kSums][8];
};

template <typename Format>
void run_block(const ChannelView* channels, const TableView* tables, size_t count,
               const uint32_t* base, const TileView& tile, size_t begin, size_t positions,
               uint32_t* acc) {
  Block<Format> block(channels, tables, count);
  block.start(base, positions);
  block.run(tile.codes + begin, tile.stride, positions);
  block.write(acc + begin, tile.stride, positions);
}

// What the 16-bit entries leave out of the channel's products.
uint32_t sum_of_bases(const ChannelView& channel, const TableView& table) {
  uint32_t sum = 0;
  for (size_t k = 0; k < channel.depth; ++k) {
    sum += static_cast<uint32_t>(table.info[channel.codes[k]].base) +
           static_cast<uint32_t>(kShortBase);
  }
  return sum;
}

void run_blocks(const ChannelView* channels, const TableView* tables, size_t count, bool narrow,
                const TileView& tile, uint32_t* acc) {
  alignas(32) uint32_t bases[kMostGrouped] = {};
  for (size_t c = 0; narrow && c < count; ++c) bases[c] = sum_of_bases(channels[c], tables[c]);
  const size_t end = (tile.positions + kCounted - 1) / kCounted * kCounted;
  for (size_t begin = 0; begin < end; begin += kPositions) {
    const size_t rest = end - begin;
    const size_t positions = rest < kPositions ? rest : kPositions;
    if (count * positions < kWorthwhile) {
      for (size_t c = 0; c < count; ++c) {
        gather_positions(channels[c], tables[c], tile.codes + begin, tile.stride, positions,
                         acc + c * tile.stride + begin);
      }
    } else if (!narrow) {
      run_block<Wide>(channels, tables, count, bases, tile, begin, positions, acc);
    } else if (count <= Narrow::kLanes) {
      run_block<Narrow>(channels, tables, count, bases, tile, begin, positions, acc);
    } else {
      run_block<NarrowDouble>(channels, tables, count, bases, tile, begin, positions, acc);
    }
  }
}

}  // namespace

void lanes_avx2(const ChannelView* channels, const TableView* tables, size_t count,
                const TileView& tile, uint32_t* acc) {
  static_assert(kMostGrouped == NarrowDouble::kLanes);
  bool narrow = true;
  for (size_t c = 0; c < count; ++c) narrow = narrow && tables[c].short_rows != nullptr;
  const size_t most = narrow ? NarrowDouble::kLanes : Wide::kLanes;
  for (size_t c = 0; c < count; c += most) {
    const size_t some = count - c < most ? count - c : most;
    run_blocks(channels + c, tables + c, some, narrow, tile, acc + c * tile.stride);
  }
}

}  // namespace hawx
