// Requantisation with the same steps and the same rounding as requantize_scalar, on AVX2.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace hawx {

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
