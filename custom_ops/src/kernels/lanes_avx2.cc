// AVX2 kernel: every lane of a vector is an output channel. For each product the table rows of
// eight channels' weights are interleaved, so that one load by activation code gives eight
// products, which are added to the eight sums of a position. Tables whose rows span less than 2^16
// are interleaved as 16-bit numbers, which takes half the time.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace hawx {
namespace {

constexpr size_t kLanes = kMostGrouped;
static_assert(kLanes == 8, "32-bit lanes of a 256-bit vector");

// Products added in one pass over the positions; their tables share the first-level cache.
constexpr size_t kPass = 4;
constexpr size_t kPositions = 256;

// Interleaving 256 entries takes about as long as this many look-ups.
constexpr size_t kWorthwhile = 256;

// Writes the transpose of 8 x 8 numbers: to[i * stride + j] = from[j][i].
inline void transpose(const int32_t* const* from, int32_t* to, size_t stride) {
  for (int half = 0; half < 2; ++half) {
    __m256i pair[4];  // numbers of rows i and i + 4
    for (int i = 0; i < 4; ++i) {
      const auto* upper = reinterpret_cast<const __m128i*>(from[i] + 4 * half);
      const auto* lower = reinterpret_cast<const __m128i*>(from[i + 4] + 4 * half);
      pair[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_load_si128(upper)),
                                        _mm_load_si128(lower), 1);
    }
    const __m256i a = _mm256_unpacklo_epi32(pair[0], pair[1]);
    const __m256i b = _mm256_unpackhi_epi32(pair[0], pair[1]);
    const __m256i c = _mm256_unpacklo_epi32(pair[2], pair[3]);
    const __m256i d = _mm256_unpackhi_epi32(pair[2], pair[3]);
    const __m256i out[4] = {_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c),
                            _mm256_unpacklo_epi64(b, d), _mm256_unpackhi_epi64(b, d)};
    for (int i = 0; i < 4; ++i) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(to + (4 * half + i) * stride), out[i]);
    }
  }
}

// The least and the greatest of `count` codes, a multiple of 32.
struct CodeRange {
  size_t least, greatest;

  CodeRange(const uint8_t* codes, size_t count) {
    __m256i low = _mm256_set1_epi8(-1);
    __m256i high = _mm256_setzero_si256();
    for (size_t p = 0; p < count; p += 32) {
      const __m256i c = _mm256_load_si256(reinterpret_cast<const __m256i*>(codes + p));
      low = _mm256_min_epu8(low, c);
      high = _mm256_max_epu8(high, c);
    }
    least = least_byte(low);
    greatest = 255 - least_byte(_mm256_xor_si256(high, _mm256_set1_epi8(-1)));
  }

 private:
  static size_t least_byte(__m256i bytes) {
    __m128i v = _mm_min_epu8(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    v = _mm_min_epu8(v, _mm_srli_epi16(v, 8));
    v = _mm_minpos_epu16(_mm_and_si128(v, _mm_set1_epi16(0xff)));
    return static_cast<size_t>(_mm_cvtsi128_si32(v) & 0xff);
  }
};

// Entries of one product, in a vector for each activation code.
struct Wide {
  using Entry = int32_t;
  static constexpr size_t kStep = 8;  // codes interleaved at once

  static const Entry* rows(const TableView& table) { return table.rows; }

  static void interleave(const Entry* const* rows, size_t code, Entry (*to)[kLanes]) {
    const Entry* from[kLanes];
    for (size_t c = 0; c < kLanes; ++c) from[c] = rows[c] + code;
    transpose(from, to[code], kLanes);
  }

  static __m256i look_up(const Entry* entry) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(entry));
  }
};

// The same as differences from the rows' least entries.
struct Narrow {
  using Entry = uint16_t;
  static constexpr size_t kStep = 16;

  static const Entry* rows(const TableView& table) { return table.short_rows; }

  static void interleave(const Entry* const* rows, size_t code, Entry (*to)[kLanes]) {
    // [codes 0 to 3 and 8 to 11, or 4 to 7 and 12 to 15][channels 2 i and 2 i + 1]
    __m256i pair[2][4];
    for (int i = 0; i < 4; ++i) {
      const auto* even = reinterpret_cast<const __m256i*>(rows[2 * i] + code);
      const auto* odd = reinterpret_cast<const __m256i*>(rows[2 * i + 1] + code);
      const __m256i a = _mm256_load_si256(even);
      const __m256i b = _mm256_load_si256(odd);
      pair[0][i] = _mm256_unpacklo_epi16(a, b);
      pair[1][i] = _mm256_unpackhi_epi16(a, b);
    }
    for (size_t half = 0; half < 2; ++half) {
      const __m256i* p = pair[half];
      const __m256i a = _mm256_unpacklo_epi32(p[0], p[1]);
      const __m256i b = _mm256_unpacklo_epi32(p[2], p[3]);
      const __m256i c = _mm256_unpackhi_epi32(p[0], p[1]);
      const __m256i d = _mm256_unpackhi_epi32(p[2], p[3]);
      Entry(*first)[kLanes] = to + code + 4 * half;
      store(first, _mm256_unpacklo_epi64(a, b));
      store(first + 1, _mm256_unpackhi_epi64(a, b));
      store(first + 2, _mm256_unpacklo_epi64(c, d));
      store(first + 3, _mm256_unpackhi_epi64(c, d));
    }
  }

  static __m256i look_up(const Entry* entry) {
    return _mm256_cvtepu16_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(entry)));
  }

 private:
  static void store(Entry (*to)[kLanes], __m256i entries) {
    _mm_store_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(entries));
    _mm_store_si128(reinterpret_cast<__m128i*>(to + 8), _mm256_extracti128_si256(entries, 1));
  }
};

// Sums of eight channels over one block of positions.
template <typename Format>
class Block {
 public:
  Block(const ChannelView* channels, const TableView* tables, size_t count)
      : channels_(channels), tables_(tables), count_(count) {}

  // Begins with the least entry of every product where entries are differences from it.
  void start(const uint32_t* least, size_t positions) {
    const __m256i first = _mm256_load_si256(reinterpret_cast<const __m256i*>(least));
    for (size_t p = 0; p < positions; ++p) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(sums_[p]), first);
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
        const __m256i ab = _mm256_add_epi32(entry(0, rows[0][p]), entry(1, rows[1][p]));
        const __m256i cd = _mm256_add_epi32(entry(2, rows[2][p]), entry(3, rows[3][p]));
        add(p, _mm256_add_epi32(ab, cd));
      }
    }
    for (; k < depth; ++k) {
      const uint8_t* row = codes + k * stride;
      interleave(k, CodeRange(row, positions), entries_[0]);
      for (size_t p = 0; p < positions; ++p) add(p, entry(0, row[p]));
    }
  }

  // Writes acc[channel * stride + position].
  void store(uint32_t* acc, size_t stride, size_t positions) const {
    alignas(32) int32_t turned[kLanes][kLanes];
    for (size_t p = 0; p < positions; p += kLanes) {
      const int32_t* from[kLanes];
      for (size_t i = 0; i < kLanes; ++i) from[i] = sums_[p + i];
      transpose(from, turned[0], kLanes);
      for (size_t c = 0; c < count_; ++c) {
        const __m256i sums = _mm256_load_si256(reinterpret_cast<const __m256i*>(turned[c]));
        _mm256_store_si256(reinterpret_cast<__m256i*>(acc + c * stride + p), sums);
      }
    }
  }

 private:
  using Entry = typename Format::Entry;

  // Lays out the entries of product k that the codes ask for; lanes to spare repeat a channel.
  void interleave(size_t k, const CodeRange& range, Entry (*to)[kLanes]) const {
    const Entry* rows[kLanes];
    for (size_t c = 0; c < kLanes; ++c) {
      const size_t channel = c < count_ ? c : 0;
      rows[c] = Format::rows(tables_[channel]) + channels_[channel].codes[k] * size_t{256};
    }
    constexpr size_t step = Format::kStep;
    for (size_t code = range.least / step * step; code <= range.greatest; code += step) {
      Format::interleave(rows, code, to);
    }
  }

  __m256i entry(size_t i, uint8_t code) const { return Format::look_up(entries_[i][code]); }

  void add(size_t p, __m256i products) {
    auto* sums = reinterpret_cast<__m256i*>(sums_[p]);
    _mm256_store_si256(sums, _mm256_add_epi32(_mm256_load_si256(sums), products));
  }

  const ChannelView* channels_;
  const TableView* tables_;
  size_t count_;
  alignas(64) Entry entries_[kPass][256][kLanes];
  alignas(64) int32_t sums_[kPositions][kLanes];
};

template <typename Format>
void run_block(const ChannelView* channels, const TableView* tables, size_t count,
               const uint32_t* least, const TileView& tile, size_t begin, size_t positions,
               uint32_t* acc) {
  Block<Format> block(channels, tables, count);
  block.start(least, positions);
  block.run(tile.codes + begin, tile.stride, positions);
  block.store(acc + begin, tile.stride, positions);
}

// The sum of the least entries of the channel's products.
uint32_t sum_of_least(const ChannelView& channel, const TableView& table) {
  uint32_t sum = 0;
  for (size_t k = 0; k < channel.depth; ++k) {
    sum += static_cast<uint32_t>(table.info[channel.codes[k]].base);
  }
  return sum;
}

}  // namespace

void lanes_avx2(const ChannelView* channels, const TableView* tables, size_t count,
                const TileView& tile, uint32_t* acc) {
  bool narrow = true;
  for (size_t c = 0; c < count; ++c) narrow = narrow && tables[c].short_rows != nullptr;
  alignas(32) uint32_t least[kLanes] = {};
  for (size_t c = 0; narrow && c < count; ++c) least[c] = sum_of_least(channels[c], tables[c]);
  for (size_t begin = 0; begin < tile.stride; begin += kPositions) {
    const size_t rest = tile.stride - begin;
    const size_t positions = rest < kPositions ? rest : kPositions;
    if (count * positions < kWorthwhile) {
      for (size_t c = 0; c < count; ++c) {
        gather_positions(channels[c], tables[c], tile.codes + begin, tile.stride, positions,
                         acc + c * tile.stride + begin);
      }
    } else if (narrow) {
      run_block<Narrow>(channels, tables, count, least, tile, begin, positions, acc);
    } else {
      run_block<Wide>(channels, tables, count, least, tile, begin, positions, acc);
    }
  }
}

void requantize_avx2(const Requantization& q, const uint32_t* acc, size_t count, uint8_t* codes) {
  const __m256i constant = _mm256_set1_epi32(static_cast<int>(q.constant));
  const __m256i weight_zero = _mm256_set1_epi32(static_cast<int>(q.weight_zero));
  const __m256i output_zero = _mm256_set1_epi32(q.output_zero);
  const __m256i byte = _mm256_set1_epi32(0xff);
  const __m256 scale = _mm256_set1_ps(q.scale);
  const __m256 low = _mm256_set1_ps(static_cast<float>(q.lowest - q.output_zero));
  const __m256 high = _mm256_set1_ps(static_cast<float>(q.highest - q.output_zero));
  for (size_t p = 0; p < count; p += 32) {
    __m256i part[4];
    for (size_t i = 0; i < 4; ++i) {
      const size_t at = p + 8 * i;
      __m256i sum = _mm256_load_si256(reinterpret_cast<const __m256i*>(acc + at));
      sum = _mm256_add_epi32(sum, constant);
      if (q.code_sum != nullptr) {
        const auto* code_sum = reinterpret_cast<const __m256i*>(q.code_sum + at);
        sum = _mm256_sub_epi32(sum, _mm256_mullo_epi32(weight_zero, _mm256_load_si256(code_sum)));
      }
      __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale);
      value = _mm256_min_ps(_mm256_max_ps(value, low), high);
      value = _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
      part[i] = _mm256_and_si256(_mm256_add_epi32(_mm256_cvtps_epi32(value), output_zero), byte);
    }
    // Packing works in each half by itself: quarters come out as 0 2 4 6 1 3 5 7.
    const __m256i packed = _mm256_packus_epi16(_mm256_packus_epi32(part[0], part[1]),
                                               _mm256_packus_epi32(part[2], part[3]));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + p),
                        _mm256_permutevar8x32_epi32(packed, order));
  }
}

}  // namespace hawx
