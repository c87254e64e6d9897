// AVX2 kernel of products: 16-bit halves of a quad are multiplied and added in pairs, which
// cannot saturate as the 8-bit instruction does.
#include "kernels/kernels.h"
#include "kernels/product_ymm.h"

namespace hawx {
namespace {

struct PairDot {
  struct Activations {
    Activations() = default;
    explicit Activations(__m256i quads)
        : even(_mm256_and_si256(quads, _mm256_set1_epi16(0x00ff))),
          odd(_mm256_srli_epi16(quads, 8)) {}
    __m256i even, odd;
  };
  struct Weights {
    explicit Weights(__m256i quads)
        : even(_mm256_srai_epi16(_mm256_slli_epi16(quads, 8), 8)),
          odd(_mm256_srai_epi16(quads, 8)) {}
    __m256i even, odd;
  };

  static inline __m256i add(__m256i sums, const Activations& a, const Weights& w) {
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(a.even, w.even));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(a.odd, w.odd));
  }
};

}  // namespace

void product_avx2(const ProductBlock& b) { multiply<PairDot, 4>(b); }

}  // namespace hawx
