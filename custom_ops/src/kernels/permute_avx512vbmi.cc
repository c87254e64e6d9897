// AVX-512 VBMI kernel: a byte permute looks up 64 activation codes at a time in the two byte planes
// of one weight's 256 table entries, which stay in eight registers over all products of that
// weight.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace hawx {
namespace {

// Byte sums are kept in 16-bit lanes: the sum of even positions plus 256 times the sum of odd ones,
// and the sum of odd ones. 257 additions of 255 still fit.
constexpr uint32_t kMostAdditions = 256;

// The largest sum of high-plane bytes that a byte lane holds.
constexpr uint32_t kMostByteSum = 255;

struct ByteSums {
  __m512i both = _mm512_setzero_si512();
  __m512i odd = _mm512_setzero_si512();

  inline void add(__m512i bytes) {
    both = _mm512_add_epi16(both, bytes);
    odd = _mm512_add_epi16(odd, _mm512_srli_epi16(bytes, 8));
  }
};

// 256 bytes, ready to be looked up.
struct Plane {
  __m512i part[4];

  inline void load(const uint8_t* bytes) {
    for (int i = 0; i < 4; ++i) part[i] = _mm512_load_si512(bytes + 64 * i);
  }

  template <bool kUpper>
  inline __m512i look_up(__m512i codes, __mmask64 upper) const {
    const __m512i below = _mm512_permutex2var_epi8(part[0], codes, part[1]);
    if constexpr (!kUpper) return below;
    const __m512i above = _mm512_permutex2var_epi8(part[2], codes, part[3]);
    return _mm512_mask_blend_epi8(upper, below, above);
  }
};

template <bool kUpper>
inline __mmask64 upper_mask(__m512i codes) {
  if constexpr (kUpper) return _mm512_movepi8_mask(codes);
  return 0;
}

// Puts the sums of 64 positions, times `shift` bits, on 64 accumulators.
inline void flush(ByteSums& sums, int shift, uint32_t* acc) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i even = _mm512_sub_epi16(sums.both, _mm512_slli_epi16(sums.odd, 8));
  const __m512i pairs[2] = {_mm512_unpacklo_epi16(even, sums.odd),
                            _mm512_unpackhi_epi16(even, sums.odd)};
  // quarter[q], lane i: positions 16 i + 4 q .. 16 i + 4 q + 3
  const __m512i quarter[4] = {
      _mm512_unpacklo_epi16(pairs[0], zero), _mm512_unpackhi_epi16(pairs[0], zero),
      _mm512_unpacklo_epi16(pairs[1], zero), _mm512_unpackhi_epi16(pairs[1], zero)};
  const __m512i a = _mm512_shuffle_i32x4(quarter[0], quarter[1], 0x44);
  const __m512i b = _mm512_shuffle_i32x4(quarter[2], quarter[3], 0x44);
  const __m512i c = _mm512_shuffle_i32x4(quarter[0], quarter[1], 0xee);
  const __m512i d = _mm512_shuffle_i32x4(quarter[2], quarter[3], 0xee);
  const __m512i ordered[4] = {_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd),
                              _mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xdd)};
  const __m128i by = _mm_cvtsi32_si128(shift);
  for (int i = 0; i < 4; ++i) {
    const __m512i old = _mm512_load_si512(acc + 16 * i);
    _mm512_store_si512(acc + 16 * i, _mm512_add_epi32(old, _mm512_sll_epi32(ordered[i], by)));
  }
  sums = ByteSums();
}

// Accumulates kVectors * 64 positions of one channel.
template <int kVectors, bool kUpper>
class Block {
 public:
  Block(const uint8_t* codes, size_t stride, uint32_t* acc)
      : codes_(codes), stride_(stride), acc_(acc) {}

  void run(const ChannelView& channel, const TableView& table) {
    uint32_t base = 0;
    for (size_t r = 0; r < channel.run_count; ++r) {
      base += channel.runs[r].count * static_cast<uint32_t>(table.info[channel.runs[r].code].base);
    }
    for (int i = 0; i < kVectors * 4; ++i) {
      _mm512_store_si512(acc_ + 16 * i, _mm512_set1_epi32(static_cast<int>(base)));
    }
    for (int v = 0; v < kVectors; ++v) high_bytes_[v] = _mm512_setzero_si512();
    for (size_t r = 0; r < channel.run_count; ++r) {
      const Run& run = channel.runs[r];
      const RowInfo& info = table.info[run.code];
      const uint8_t* planes = table.planes + run.code * 512;
      const uint32_t* k = channel.order + run.begin;
      if (info.planes == 1) add_run<false>(planes, k, run.count, 0);
      if (info.planes == 2) add_run<true>(planes, k, run.count, info.max_high);
    }
    flush_low();
    flush_high();
  }

 private:
  template <bool kHigh>
  void add_run(const uint8_t* planes, const uint32_t* k, uint32_t count, uint32_t max_high) {
    Plane low, high;
    low.load(planes);
    if (kHigh) high.load(planes + 256);
    for (uint32_t i = 0; i < count; ++i) {
      if (pending_ == kMostAdditions) flush_low();
      if (kHigh && high_sum_ + max_high > kMostByteSum) widen_high();
      ++pending_;
      if (kHigh) high_sum_ += max_high;
      const uint8_t* row = codes_ + k[i] * stride_;
      // Rows come in no order that the hardware would foresee.
      _mm_prefetch(reinterpret_cast<const char*>(codes_ + k[i + kLookAhead] * stride_),
                   _MM_HINT_T0);
      for (int v = 0; v < kVectors; ++v) {
        const __m512i codes = _mm512_load_si512(row + 64 * v);
        const __mmask64 upper = upper_mask<kUpper>(codes);
        low_[v].add(low.look_up<kUpper>(codes, upper));
        if (kHigh) {
          high_bytes_[v] = _mm512_add_epi8(high_bytes_[v], high.look_up<kUpper>(codes, upper));
        }
      }
    }
  }

  void flush_low() {
    for (int v = 0; v < kVectors; ++v) flush(low_[v], 0, acc_ + 64 * v);
    pending_ = 0;
  }

  void widen_high() {
    if (widened_ == kMostAdditions) flush_high();
    for (int v = 0; v < kVectors; ++v) {
      high_[v].add(high_bytes_[v]);
      high_bytes_[v] = _mm512_setzero_si512();
    }
    ++widened_;
    high_sum_ = 0;
  }

  void flush_high() {
    if (high_sum_ != 0 && widened_ < kMostAdditions) widen_high();
    for (int v = 0; v < kVectors; ++v) flush(high_[v], 8, acc_ + 64 * v);
    widened_ = 0;
    if (high_sum_ != 0) flush_high();
  }

  const uint8_t* codes_;
  size_t stride_;
  uint32_t* acc_;
  ByteSums low_[kVectors];
  ByteSums high_[kVectors];
  __m512i high_bytes_[kVectors];
  uint32_t pending_ = 0;   // additions on low_
  uint32_t widened_ = 0;   // additions on high_
  uint32_t high_sum_ = 0;  // bound of the values in high_bytes_
};

template <bool kUpper>
void all_blocks(const ChannelView& channel, const TableView& table, const TileView& tile,
                uint32_t* acc) {
  size_t p = 0;
  for (; p + 256 <= tile.stride; p += 256) {
    Block<4, kUpper>(tile.codes + p, tile.stride, acc + p).run(channel, table);
  }
  for (; p + 128 <= tile.stride; p += 128) {
    Block<2, kUpper>(tile.codes + p, tile.stride, acc + p).run(channel, table);
  }
  for (; p < tile.stride; p += 64) {
    Block<1, kUpper>(tile.codes + p, tile.stride, acc + p).run(channel, table);
  }
}

}  // namespace

void permute_avx512vbmi(const ChannelView& channel, const TableView& table, const TileView& tile,
                        uint32_t* acc) {
  if (tile.has_upper_codes) {
    all_blocks<true>(channel, table, tile, acc);
  } else {
    all_blocks<false>(channel, table, tile, acc);
  }
}

void requantize_avx512(const Requantization& q, const uint32_t* acc, size_t count, uint8_t* codes) {
  const __m512i constant = _mm512_set1_epi32(static_cast<int>(q.constant));
  const __m512i weight_zero = _mm512_set1_epi32(static_cast<int>(q.weight_zero));
  const __m512i output_zero = _mm512_set1_epi32(q.output_zero);
  const __m512 scale = _mm512_set1_ps(q.scale);
  const __m512 low = _mm512_set1_ps(static_cast<float>(q.lowest - q.output_zero));
  const __m512 high = _mm512_set1_ps(static_cast<float>(q.highest - q.output_zero));
  for (size_t p = 0; p < count; p += 16) {
    __m512i sum = _mm512_add_epi32(_mm512_load_si512(acc + p), constant);
    if (q.code_sum != nullptr) {
      const __m512i correction = _mm512_mullo_epi32(weight_zero, _mm512_load_si512(q.code_sum + p));
      sum = _mm512_sub_epi32(sum, correction);
    }
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale);
    value = _mm512_min_ps(_mm512_max_ps(value, low), high);
    const __m512i rounded =
        _mm512_cvt_roundps_epi32(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_add_epi32(rounded, output_zero));
    _mm_store_si128(reinterpret_cast<__m128i*>(codes + p), bytes);
  }
}

}  // namespace hawx
