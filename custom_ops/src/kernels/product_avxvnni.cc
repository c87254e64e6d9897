// AVX-VNNI kernel of products: 256-bit registers of quads, one instruction for four products.
#include "kernels/kernels.h"
#include "kernels/product_ymm.h"

namespace hawx {
namespace {

struct QuadDot {
  struct Quads {
    Quads() = default;
    explicit Quads(__m256i quads) : all(quads) {}
    __m256i all;
  };
  using Activations = Quads;
  using Weights = Quads;

  static inline __m256i add(__m256i sums, const Activations& a, const Weights& w) {
    return _mm256_dpbusd_avx_epi32(sums, a.all, w.all);
  }
};

}  // namespace

void product_avxvnni(const ProductBlock& b) { multiply<QuadDot, 6>(b); }

}  // namespace hawx
