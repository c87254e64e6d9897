// How lanes_avx2 keeps the entries of a product for several channels, and adds them. For that file
// alone: it is compiled for AVX2.
#pragma once

#include <immintrin.h>

#include "kernels/kernel.h"

namespace hawx {
namespace {

const __m256i* at(const void* p) { return static_cast<const __m256i*>(p); }
__m256i* at(void* p) { return static_cast<__m256i*>(p); }

// Turns 8 x 8 numbers of 32 bits: to[j][i] = from[i][j].
inline void transpose(const int32_t* const* from, __m256i* to) {
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
    to[4 * half] = _mm256_unpacklo_epi64(a, c);
    to[4 * half + 1] = _mm256_unpackhi_epi64(a, c);
    to[4 * half + 2] = _mm256_unpacklo_epi64(b, d);
    to[4 * half + 3] = _mm256_unpackhi_epi64(b, d);
  }
}

// The same with numbers of 16 bits, in both halves of the vectors by itself.
inline void transpose_halves(const __m256i* from, __m256i* to) {
  __m256i pairs[8], fours[8];
  for (int i = 0; i < 4; ++i) {
    pairs[i] = _mm256_unpacklo_epi16(from[2 * i], from[2 * i + 1]);
    pairs[i + 4] = _mm256_unpackhi_epi16(from[2 * i], from[2 * i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    fours[i] = _mm256_unpacklo_epi32(pairs[i], pairs[i + 1]);
    fours[i + 1] = _mm256_unpackhi_epi32(pairs[i], pairs[i + 1]);
    fours[i + 2] = _mm256_unpacklo_epi32(pairs[i + 2], pairs[i + 3]);
    fours[i + 3] = _mm256_unpackhi_epi32(pairs[i + 2], pairs[i + 3]);
  }
  for (int i = 0; i < 8; i += 4) {
    to[i] = _mm256_unpacklo_epi64(fours[i], fours[i + 2]);
    to[i + 1] = _mm256_unpackhi_epi64(fours[i], fours[i + 2]);
    to[i + 2] = _mm256_unpacklo_epi64(fours[i + 1], fours[i + 3]);
    to[i + 3] = _mm256_unpackhi_epi64(fours[i + 1], fours[i + 3]);
  }
}

// The least and the greatest of `count` codes, a multiple of 32.
struct CodeRange {
  size_t least, greatest;

  CodeRange(const uint8_t* codes, size_t count) {
    __m256i low = _mm256_set1_epi8(-1);
    __m256i high = _mm256_setzero_si256();
    for (size_t p = 0; p < count; p += 32) {
      const __m256i c = _mm256_load_si256(at(codes + p));
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

// How entries of one product are kept, kLanes channels for each activation code, and added to
// vectors of eight 32-bit sums.
struct Wide {
  using Entry = int32_t;
  static constexpr size_t kLanes = 8;
  static constexpr size_t kStep = 8;  // codes interleaved at once

  static const Entry* rows(const TableView& table) { return table.rows; }
  static size_t channel_of(size_t lane) { return lane; }

  static void interleave(const Entry* const* rows, size_t code, Entry (*to)[kLanes]) {
    const Entry* from[kLanes];
    for (size_t c = 0; c < kLanes; ++c) from[c] = rows[c] + code;
    __m256i turned[kLanes];
    transpose(from, turned);
    for (size_t i = 0; i < kLanes; ++i) _mm256_store_si256(at(to[code + i]), turned[i]);
  }

  static void add_pair(const Entry* a, const Entry* b, __m256i* sums) {
    sums[0] = _mm256_add_epi32(
        sums[0], _mm256_add_epi32(_mm256_load_si256(at(a)), _mm256_load_si256(at(b))));
  }

  static void add_one(const Entry* a, __m256i* sums) {
    sums[0] = _mm256_add_epi32(sums[0], _mm256_load_si256(at(a)));
  }
};

struct Narrow {
  using Entry = int16_t;
  static constexpr size_t kLanes = 8;
  static constexpr size_t kStep = 16;

  static const Entry* rows(const TableView& table) { return table.short_rows; }
  static size_t channel_of(size_t lane) { return lane; }

  static void interleave(const Entry* const* rows, size_t code, Entry (*to)[kLanes]) {
    __m256i from[8], turned[8];  // codes i and i + 8
    for (int c = 0; c < 8; ++c) from[c] = _mm256_load_si256(at(rows[c] + code));
    transpose_halves(from, turned);
    for (int i = 0; i < 8; ++i) {
      _mm_store_si128(reinterpret_cast<__m128i*>(to[code + i]), _mm256_castsi256_si128(turned[i]));
      _mm_store_si128(reinterpret_cast<__m128i*>(to[code + i + 8]),
                      _mm256_extracti128_si256(turned[i], 1));
    }
  }

  static void add_pair(const Entry* a, const Entry* b, __m256i* sums) {
    sums[0] = _mm256_add_epi32(sums[0], _mm256_add_epi32(load(a), load(b)));
  }

  static void add_one(const Entry* a, __m256i* sums) {
    sums[0] = _mm256_add_epi32(sums[0], load(a));
  }

 private:
  static __m256i load(const Entry* entry) {
    return _mm256_cvtepi16_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(entry)));
  }
};

// Sixteen channels, in an order that unpacking halves makes the natural one.
struct NarrowDouble {
  using Entry = int16_t;
  static constexpr size_t kLanes = 16;
  static constexpr size_t kStep = 8;

  static const Entry* rows(const TableView& table) { return table.short_rows; }
  static size_t channel_of(size_t lane) { return (lane & 3) + (lane & 8) / 2 + (lane & 4) * 2; }

  static void interleave(const Entry* const* rows, size_t code, Entry (*to)[kLanes]) {
    __m256i from[8], turned[8];  // lanes i and i + 8
    for (int i = 0; i < 8; ++i) {
      from[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(load(rows[i] + code)),
                                        load(rows[i + 8] + code), 1);
    }
    transpose_halves(from, turned);
    for (int i = 0; i < 8; ++i) _mm256_store_si256(at(to[code + i]), turned[i]);
  }

  static void add_pair(const Entry* a, const Entry* b, __m256i* sums) {
    add(_mm256_load_si256(at(a)), _mm256_load_si256(at(b)), sums);
  }

  static void add_one(const Entry* a, __m256i* sums) {
    add(_mm256_load_si256(at(a)), _mm256_setzero_si256(), sums);
  }

 private:
  static __m128i load(const Entry* row) {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(row));
  }

  static void add(__m256i a, __m256i b, __m256i* sums) {
    const __m256i ones = _mm256_set1_epi16(1);
    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), ones));
    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), ones));
  }
};

}  // namespace
}  // namespace hawx
