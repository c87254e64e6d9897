// AVX-512 VNNI kernel: each lane of a register holds one position's four activations, which one
// instruction multiplies by the four weights that all positions of a channel share.
#include <immintrin.h>

#include <cstring>

#include "kernels/kernels.h"
#include "kernels/unrolled.h"

namespace hawx {
namespace {

constexpr size_t kLanes = 16;  // positions of one register

inline __m512i four_weights(const int8_t* weights) {
  int32_t four;
  std::memcpy(&four, weights, sizeof(four));
  return _mm512_set1_epi32(four);
}

// kVectors * 16 positions from `first` on, kChannels channels from `channel` on.
template <size_t kVectors, size_t kChannels>
void multiply_tile(const ProductBlock& b, size_t channel, size_t first) {
  __m512i sums[kChannels * kVectors];
  repeat<kChannels * kVectors>([&](auto i) { sums[i] = _mm512_setzero_si512(); });
  const int8_t* weights = b.weights + channel * b.weight_stride;
  const uint8_t* panel = b.panel + first * kQuad;
  for (size_t q = 0; q < b.quads; ++q, weights += kQuad, panel += b.stride * kQuad) {
    __m512i activations[kVectors];
    repeat<kVectors>([&](auto v) { activations[v] = _mm512_load_si512(panel + 64 * v); });
    repeat<kChannels>([&](auto c) {
      const __m512i four = four_weights(weights + c * b.weight_stride);
      repeat<kVectors>([&](auto v) {
        __m512i& sum = sums[c * kVectors + v];
        sum = _mm512_dpbusd_epi32(sum, activations[v], four);
      });
    });
  }
  const __m512i scale = _mm512_set1_epi32(static_cast<int>(b.scale));
  repeat<kChannels>([&](auto c) {
    const size_t row = channel + c;
    repeat<kVectors>([&](auto v) {
      const size_t position = first + kLanes * v;
      __m512i sum = sums[c * kVectors + v];
      if (b.scale != 1) sum = _mm512_mullo_epi32(sum, scale);
      if (b.start != nullptr) {
        const uint32_t* start = b.start + row * b.start_stride + position;
        sum = _mm512_add_epi32(sum, _mm512_load_si512(start));
      }
      _mm512_store_si512(b.sums + row * b.stride + position, sum);
    });
  });
}

template <size_t kVectors>
void multiply_positions(const ProductBlock& b, size_t first) {
  size_t c = 0;
  for (; c + 6 <= b.channels; c += 6) multiply_tile<kVectors, 6>(b, c, first);
  switch (b.channels - c) {
    case 5:
      return multiply_tile<kVectors, 5>(b, c, first);
    case 4:
      return multiply_tile<kVectors, 4>(b, c, first);
    case 3:
      return multiply_tile<kVectors, 3>(b, c, first);
    case 2:
      return multiply_tile<kVectors, 2>(b, c, first);
    case 1:
      return multiply_tile<kVectors, 1>(b, c, first);
    default:
      return;
  }
}

struct Map {
  __m512i part[4];

  explicit Map(const uint8_t* map) {
    for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(map + 64 * i);
  }

  inline __m512i operator()(__m512i codes) const {
    const __m512i below = _mm512_permutex2var_epi8(part[0], codes, part[1]);
    const __m512i above = _mm512_permutex2var_epi8(part[2], codes, part[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), below, above);
  }
};

inline __mmask64 first_bytes(size_t count) {
  return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
}

}  // namespace

void product_avx512vnni(const ProductBlock& b) {
  size_t p = 0;
  for (; p + 48 < b.positions; p += 64) multiply_positions<4>(b, p);
  if (p >= b.positions) return;
  const size_t left = b.positions - p;
  if (left > 32) return multiply_positions<3>(b, p);
  if (left > 16) return multiply_positions<2>(b, p);
  multiply_positions<1>(b, p);
}

void translate_avx512vbmi(const uint8_t* from, size_t count, const uint8_t* map, uint8_t* to) {
  const Map mapped(map);
  size_t i = 0;
  for (; i + 64 <= count; i += 64) {
    _mm512_storeu_si512(to + i, mapped(_mm512_loadu_si512(from + i)));
  }
  if (i == count) return;
  const __mmask64 rest = first_bytes(count - i);
  _mm512_mask_storeu_epi8(to + i, rest, mapped(_mm512_maskz_loadu_epi8(rest, from + i)));
}

namespace {

struct Unchanged {
  inline __m512i operator()(__m512i codes) const { return codes; }
};

template <typename Mapped>
void interleave(const uint8_t* const rows[kQuad], size_t count, const Mapped& mapped, uint8_t* to) {
  for (size_t i = 0; i < count; i += 64) {
    const __mmask64 valid = first_bytes(count - i);
    __m512i row[kQuad];
    for (size_t j = 0; j < kQuad; ++j) {
      row[j] = mapped(_mm512_maskz_loadu_epi8(valid, rows[j] + i));
    }
    const __m512i low01 = _mm512_unpacklo_epi8(row[0], row[1]);
    const __m512i high01 = _mm512_unpackhi_epi8(row[0], row[1]);
    const __m512i low23 = _mm512_unpacklo_epi8(row[2], row[3]);
    const __m512i high23 = _mm512_unpackhi_epi8(row[2], row[3]);
    // part[n], 128-bit lane l: positions 16 l + 4 n .. 16 l + 4 n + 3
    const __m512i part[4] = {
        _mm512_unpacklo_epi16(low01, low23), _mm512_unpackhi_epi16(low01, low23),
        _mm512_unpacklo_epi16(high01, high23), _mm512_unpackhi_epi16(high01, high23)};
    const __m512i a = _mm512_shuffle_i32x4(part[0], part[1], 0x44);
    const __m512i b = _mm512_shuffle_i32x4(part[2], part[3], 0x44);
    const __m512i c = _mm512_shuffle_i32x4(part[0], part[1], 0xee);
    const __m512i d = _mm512_shuffle_i32x4(part[2], part[3], 0xee);
    const __m512i ordered[4] = {_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd),
                                _mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xdd)};
    const size_t left = count - i;
    for (size_t n = 0; n < 4 && 16 * n < left; ++n) {
      uint8_t* target = to + (i + 16 * n) * kQuad;
      if (left >= 16 * (n + 1)) {
        _mm512_storeu_si512(target, ordered[n]);
      } else {
        _mm512_mask_storeu_epi8(target, first_bytes((left - 16 * n) * kQuad), ordered[n]);
      }
    }
  }
}

}  // namespace

void interleave_avx512vbmi(const uint8_t* const rows[kQuad], size_t count, const uint8_t* map,
                           uint8_t* to) {
  if (map == nullptr) {
    interleave(rows, count, Unchanged(), to);
  } else {
    interleave(rows, count, Map(map), to);
  }
}

}  // namespace hawx
