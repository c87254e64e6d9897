// Requantisation with the same steps and the same rounding as requantize_scalar, on AVX-512 F.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace hawx {

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
