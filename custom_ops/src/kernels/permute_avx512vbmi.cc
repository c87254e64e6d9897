// AVX-512 VBMI kernel: byte permutes look up 64 activation codes at a time in the two byte planes
// of a weight's 256 table entries. The planes stay in registers for four products of one weight.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace hawx {
namespace {

// What is not inlined here would pass its sums through memory.
#define HAWX_INLINE [[gnu::always_inline]] inline

constexpr size_t kVector = kPositionBlock;  // positions, one byte each
static_assert(kVector == sizeof(__m512i));

// Byte sums are kept in 16-bit lanes: the sum of even positions plus 256 times the sum of odd ones,
// and the sum of odd ones. 257 additions of 255 still fit.
constexpr size_t kMostAdditions = 256;

// The largest sum of high bytes that a byte holds.
constexpr int kMostByteSum = 255;

struct ByteSums {
  __m512i both, odd;

  HAWX_INLINE void clear() { both = odd = _mm512_setzero_si512(); }

  HAWX_INLINE void add(__m512i bytes) {
    both = _mm512_add_epi16(both, bytes);
    odd = _mm512_add_epi16(odd, _mm512_srli_epi16(bytes, 8));
  }

  // As 32-bit numbers: number i of wide[r] is the sum of position 4 i + r.
  HAWX_INLINE void widen(__m512i* wide) const {
    const __m512i even = _mm512_sub_epi16(both, _mm512_slli_epi16(odd, 8));
    const __m512i word = _mm512_set1_epi32(0xffff);
    wide[0] = _mm512_and_si512(even, word);
    wide[1] = _mm512_and_si512(odd, word);
    wide[2] = _mm512_srli_epi32(even, 16);
    wide[3] = _mm512_srli_epi32(odd, 16);
  }
};

// Adds low + 256 * high to 64 accumulators.
HAWX_INLINE void flush(const ByteSums& low, const ByteSums& high, uint32_t* acc) {
  __m512i sums[4], high_sums[4];
  low.widen(sums);
  high.widen(high_sums);
  for (int r = 0; r < 4; ++r) {
    sums[r] = _mm512_add_epi32(sums[r], _mm512_slli_epi32(high_sums[r], 8));
  }
  // pairs[..] hold two positions side by side, fours[i] positions 16 q + 4 i .. + 3 in quarter q.
  const __m512i pairs[4] = {
      _mm512_unpacklo_epi32(sums[0], sums[1]), _mm512_unpacklo_epi32(sums[2], sums[3]),
      _mm512_unpackhi_epi32(sums[0], sums[1]), _mm512_unpackhi_epi32(sums[2], sums[3])};
  const __m512i fours[4] = {
      _mm512_unpacklo_epi64(pairs[0], pairs[1]), _mm512_unpackhi_epi64(pairs[0], pairs[1]),
      _mm512_unpacklo_epi64(pairs[2], pairs[3]), _mm512_unpackhi_epi64(pairs[2], pairs[3])};
  const __m512i a = _mm512_shuffle_i32x4(fours[0], fours[1], 0x44);
  const __m512i b = _mm512_shuffle_i32x4(fours[2], fours[3], 0x44);
  const __m512i c = _mm512_shuffle_i32x4(fours[0], fours[1], 0xee);
  const __m512i d = _mm512_shuffle_i32x4(fours[2], fours[3], 0xee);
  const __m512i ordered[4] = {_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd),
                              _mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xdd)};
  for (int i = 0; i < 4; ++i) {
    const __m512i old = _mm512_load_si512(acc + 16 * i);
    _mm512_store_si512(acc + 16 * i, _mm512_add_epi32(old, ordered[i]));
  }
}

// 2^kBits bytes, ready to be looked up.
template <int kBits>
struct Plane {
  static constexpr int kParts = 1 << (kBits - 6);
  __m512i part[kParts];

  HAWX_INLINE explicit Plane(const uint8_t* bytes) {
    for (int i = 0; i < kParts; ++i) part[i] = _mm512_load_si512(bytes + 64 * i);
  }

  // `upper` tells the codes of 128 and more.
  HAWX_INLINE __m512i look_up(__m512i codes, __mmask64 upper) const {
    if constexpr (kBits == 6) {
      return _mm512_permutexvar_epi8(codes, part[0]);
    } else if constexpr (kBits == 7) {
      return _mm512_permutex2var_epi8(part[0], codes, part[1]);
    } else {
      const __m512i below = _mm512_permutex2var_epi8(part[0], codes, part[1]);
      const __m512i above = _mm512_permutex2var_epi8(part[2], codes, part[3]);
      return _mm512_mask_blend_epi8(upper, below, above);
    }
  }
};

// Products looked up: the low bytes of the entries and the high ones.
template <int kBits>
struct Planes {
  Plane<kBits> low, high;

  HAWX_INLINE explicit Planes(const uint8_t* bytes) : low(bytes), high(bytes + 256) {}

  // Adds the low bytes and returns the high ones.
  HAWX_INLINE __m512i add(const uint8_t* row, ByteSums& low_sums) const {
    const __m512i codes = _mm512_load_si512(row);
    const __mmask64 upper = kBits == 8 ? _mm512_movepi8_mask(codes) : 0;
    low_sums.add(low.look_up(codes, upper));
    return high.look_up(codes, upper);
  }
};

template <int kVectors>
struct Sums {
  ByteSums low[kVectors], high[kVectors];

  HAWX_INLINE void clear() {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      low[v].clear();
      high[v].clear();
    }
  }

  HAWX_INLINE void flush_to(uint32_t* acc) {
    for (int v = 0; v < kVectors; ++v) flush(low[v], high[v], acc + kVector * v);
    clear();
  }
};

// One channel's products over kVectors * 64 positions. Functions that add products return the base
// of their table entries, which is the same at all positions.
template <int kVectors, int kBits>
class Block {
 public:
  Block(const ChannelView& channel, const TableView& table, const uint8_t* codes, size_t stride)
      : channel_(channel), table_(table), codes_(codes), stride_(stride) {}

  HAWX_INLINE void run(uint32_t* acc) const {
    for (int i = 0; i < 4 * kVectors; ++i) {
      _mm512_store_si512(acc + 16 * i, _mm512_setzero_si512());
    }
    Sums<kVectors> sums;
    sums.clear();
    uint32_t base = 0;
    const uint32_t* k = channel_.order;
    const uint32_t* const quads_end = k + 4 * channel_.quads;
    const uint32_t* const end = k + channel_.depth;
    while (k != end) {
      const bool last = static_cast<size_t>(end - k) <= kMostAdditions;
      const uint32_t* const stop = last ? end : k + kMostAdditions;
      const uint32_t* const quads_stop = stop < quads_end ? stop : quads_end;
      for (; k < quads_stop; k += 4) base += add_quad(k, sums);
      while (k != stop) {
        // A single vector waits for its table entries, not for additions.
        if (kVectors > 1 && stop - k >= 2 && fit_together(k)) {
          base += add_pair(k, sums);
          k += 2;
        } else {
          base += add_single(*k++, sums);
        }
      }
      sums.flush_to(acc);
    }
    const __m512i bases = _mm512_set1_epi32(static_cast<int>(base));
    for (int i = 0; i < 4 * kVectors; ++i) {
      const __m512i old = _mm512_load_si512(acc + 16 * i);
      _mm512_store_si512(acc + 16 * i, _mm512_add_epi32(old, bases));
    }
  }

 private:
  HAWX_INLINE const uint8_t* row(uint32_t k) const { return codes_ + k * stride_; }
  HAWX_INLINE const uint8_t* planes(uint32_t weight) const { return table_.planes + weight * 512; }
  HAWX_INLINE uint32_t base(uint32_t weight) const {
    return static_cast<uint32_t>(table_.info[weight].base);
  }

  // Four products of one weight.
  HAWX_INLINE uint32_t add_quad(const uint32_t* k, Sums<kVectors>& sums) const {
    const uint32_t weight = channel_.codes[k[0]];
    const RowInfo& info = table_.info[weight];
    const uint32_t bases = 4 * static_cast<uint32_t>(info.base);
    if (info.planes == 0) return bases;
    const uint8_t* rows[4] = {row(k[0]), row(k[1]), row(k[2]), row(k[3])};
    // As many high bytes as fit are added up before they are widened.
    if (info.max_high <= kMostByteSum / 4) {
      add_rows<4>(planes(weight), rows, sums);
    } else if (info.max_high <= kMostByteSum / 2) {
      add_rows<2>(planes(weight), rows, sums);
    } else {
      add_rows<1>(planes(weight), rows, sums);
    }
    return bases;
  }

  template <int kTogether>
  HAWX_INLINE void add_rows(const uint8_t* entries, const uint8_t* const* rows,
                            Sums<kVectors>& sums) const {
    const Planes<kBits> both(entries);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      __m512i bytes = _mm512_setzero_si512();
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const __m512i more = both.add(rows[i] + kVector * v, sums.low[v]);
        bytes = i % kTogether == 0 ? more : _mm512_add_epi8(bytes, more);
        if (i % kTogether == kTogether - 1) sums.high[v].add(bytes);
      }
    }
  }

  // Whether the high bytes of two products may be added up before they are widened.
  HAWX_INLINE bool fit_together(const uint32_t* k) const {
    const RowInfo& first = table_.info[channel_.codes[k[0]]];
    const RowInfo& second = table_.info[channel_.codes[k[1]]];
    return first.max_high + second.max_high <= kMostByteSum;
  }

  // Two products that fit together.
  HAWX_INLINE uint32_t add_pair(const uint32_t* k, Sums<kVectors>& sums) const {
    const uint32_t weights[2] = {channel_.codes[k[0]], channel_.codes[k[1]]};
    const uint8_t* const rows[2] = {row(k[0]), row(k[1])};
    __m512i bytes[kVectors];
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const Planes<kBits> both(planes(weights[i]));
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const __m512i more = both.add(rows[i] + kVector * v, sums.low[v]);
        bytes[v] = i == 0 ? more : _mm512_add_epi8(bytes[v], more);
        if (i == 1) sums.high[v].add(bytes[v]);
      }
    }
    return base(weights[0]) + base(weights[1]);
  }

  HAWX_INLINE uint32_t add_single(uint32_t k, Sums<kVectors>& sums) const {
    const uint32_t weight = channel_.codes[k];
    const Planes<kBits> both(planes(weight));
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sums.high[v].add(both.add(row(k) + kVector * v, sums.low[v]));
    }
    return base(weight);
  }

  // Copies, which the compiler keeps in registers.
  const ChannelView channel_;
  const TableView table_;
  const uint8_t* codes_;
  size_t stride_;
};

// Returns the position behind the block.
template <int kVectors, int kBits>
size_t run_block(const ChannelView& channel, const TableView& table, const TileView& tile,
                 size_t begin, uint32_t* acc) {
  Block<kVectors, kBits>(channel, table, tile.codes + begin, tile.stride).run(acc + begin);
  return begin + kVectors * kVector;
}

template <int kBits>
void run_blocks(const ChannelView& channel, const TableView& table, const TileView& tile,
                uint32_t* acc) {
  for (size_t p = 0; p < tile.positions;) {
    switch ((tile.positions - p + kVector - 1) / kVector) {
      case 1:
        p = run_block<1, kBits>(channel, table, tile, p, acc);
        break;
      case 2:
        p = run_block<2, kBits>(channel, table, tile, p, acc);
        break;
      case 3:
        p = run_block<3, kBits>(channel, table, tile, p, acc);
        break;
      default:
        p = run_block<4, kBits>(channel, table, tile, p, acc);
    }
  }
}

}  // namespace

void permute_avx512vbmi(const ChannelView& channel, const TableView& table, const TileView& tile,
                        uint32_t* acc) {
  switch (tile.code_bits) {
    case 6:
      return run_blocks<6>(channel, table, tile, acc);
    case 7:
      return run_blocks<7>(channel, table, tile, acc);
    default:
      return run_blocks<8>(channel, table, tile, acc);
  }
}

}  // namespace hawx
