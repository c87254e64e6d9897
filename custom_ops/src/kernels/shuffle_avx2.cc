// AVX2 kernel for a single channel: byte shuffles look up 32 activation codes at a time, sixteen
// entries of a byte plane with each, and blends choose among them by the codes' upper bits. That
// pays off where codes have seven bits or less.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace hawx {
namespace {

constexpr size_t kVector = 32;  // positions, one byte each

// Byte sums are kept in 16-bit lanes: the sum of even positions plus 256 times the sum of odd ones,
// and the sum of odd ones. 257 additions of 255 still fit.
constexpr size_t kMostAdditions = 256;

struct ByteSums {
  __m256i both = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();

  void add(__m256i bytes) {
    both = _mm256_add_epi16(both, bytes);
    odd = _mm256_add_epi16(odd, _mm256_srli_epi16(bytes, 8));
  }

  // Sums of positions 0 to 7 and 16 to 23, and of the others.
  void order(__m256i* sums) const {
    const __m256i even = _mm256_sub_epi16(both, _mm256_slli_epi16(odd, 8));
    sums[0] = _mm256_unpacklo_epi16(even, odd);
    sums[1] = _mm256_unpackhi_epi16(even, odd);
  }
};

// acc[8] += low + 256 * high, 16-bit numbers.
void add_eight(__m128i low, __m128i high, __m256i base, uint32_t* acc) {
  auto* to = reinterpret_cast<__m256i*>(acc);
  const __m256i sum = _mm256_add_epi32(_mm256_cvtepu16_epi32(low),
                                       _mm256_slli_epi32(_mm256_cvtepu16_epi32(high), 8));
  _mm256_store_si256(to, _mm256_add_epi32(_mm256_add_epi32(_mm256_load_si256(to), base), sum));
}

void flush(const ByteSums& low, const ByteSums& high, uint32_t base, uint32_t* acc) {
  const __m256i bases = _mm256_set1_epi32(static_cast<int>(base));
  __m256i lows[2], highs[2];
  low.order(lows);
  high.order(highs);
  for (int i = 0; i < 2; ++i) {
    add_eight(_mm256_castsi256_si128(lows[i]), _mm256_castsi256_si128(highs[i]), bases,
              acc + 8 * i);
    add_eight(_mm256_extracti128_si256(lows[i], 1), _mm256_extracti128_si256(highs[i], 1), bases,
              acc + 16 + 8 * i);
  }
}

// Codes below 2^kBits, ready for look-ups. A shuffle gives 0 for an index with bit 7 set: `lower`
// finds the lower half of the entries, `upper` the others.
template <int kBits>
struct Codes {
  static constexpr int kPairs = 1 << (kBits - 5);  // of sixteen entries in the two halves
  __m256i lower, upper;
  __m256i bit[kBits - 5];  // bit 4 + i of each code, in bit 7

  explicit Codes(const uint8_t* codes) {
    const __m256i c = _mm256_load_si256(reinterpret_cast<const __m256i*>(codes));
    const __m256i top = _mm256_set1_epi8(-128);
    lower = _mm256_or_si256(c, _mm256_and_si256(_mm256_slli_epi16(c, 8 - kBits), top));
    upper = _mm256_xor_si256(lower, top);
    for (int i = 0; i < kBits - 5; ++i) bit[i] = _mm256_slli_epi16(c, 3 - i);
  }

  __m256i look_up(const uint8_t* plane) const { return choose<kBits - 6>(plane); }

 private:
  // Among 2^(kLevel + 1) pairs.
  template <int kLevel>
  __m256i choose(const uint8_t* plane) const {
    if constexpr (kLevel < 0) {
      return _mm256_or_si256(_mm256_shuffle_epi8(load(plane), lower),
                             _mm256_shuffle_epi8(load(plane + 16 * kPairs), upper));
    } else {
      return _mm256_blendv_epi8(choose<kLevel - 1>(plane),
                                choose<kLevel - 1>(plane + (16 << kLevel)), bit[kLevel]);
    }
  }

  static __m256i load(const uint8_t* entries) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(entries)));
  }
};

template <int kBits>
void run(const ChannelView& channel, const TableView& table, const uint8_t* codes, size_t stride,
         uint32_t* acc) {
  for (size_t i = 0; i < kVector; ++i) acc[i] = 0;
  for (size_t begin = 0; begin < channel.depth; begin += kMostAdditions) {
    const size_t rest = channel.depth - begin;
    const size_t end = begin + (rest < kMostAdditions ? rest : kMostAdditions);
    ByteSums low, high;
    uint32_t base = 0;
    for (size_t i = begin; i < end; ++i) {
      const uint32_t k = channel.order[i];
      const size_t weight = channel.codes[k];
      const Codes<kBits> at(codes + k * stride);
      low.add(at.look_up(table.planes + weight * 512));
      high.add(at.look_up(table.planes + weight * 512 + 256));
      base += static_cast<uint32_t>(table.info[weight].base);
    }
    flush(low, high, base, acc);
  }
}

}  // namespace

void shuffle_avx2(const ChannelView& channel, const TableView& table, const TileView& tile,
                  uint32_t* acc) {
  const bool splits = table.short_rows != nullptr;
  // With eight bits the shuffles take as long as plain look-ups.
  if (!splits || tile.code_bits == 8) return gather_scalar(channel, table, tile, acc);
  for (size_t p = 0; p < tile.positions; p += kVector) {
    if (tile.code_bits == 7) {
      run<7>(channel, table, tile.codes + p, tile.stride, acc + p);
    } else {
      run<6>(channel, table, tile.codes + p, tile.stride, acc + p);
    }
  }
}

}  // namespace hawx
