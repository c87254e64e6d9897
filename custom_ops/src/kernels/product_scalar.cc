// Portable kernel of exact products.
#include <algorithm>
#include <cstring>

#include "kernels/kernels.h"

namespace hawx {
namespace {

constexpr size_t kTogether = 16;  // positions whose sums the compiler can keep in registers

void multiply_some(const ProductBlock& b, size_t channel, size_t first, size_t count) {
  const int8_t* weights = b.weights + channel * b.weight_stride;
  int32_t sums[kTogether] = {};
  for (size_t q = 0; q < b.quads; ++q, weights += kQuad) {
    const uint8_t* quads = b.panel + (q * b.stride + first) * kQuad;
    for (size_t p = 0; p < count; ++p, quads += kQuad) {
      // At most 4 * 255 * 128 in size; wrapping happens in the unsigned sum.
      const int32_t four = quads[0] * weights[0] + quads[1] * weights[1] + quads[2] * weights[2] +
                           quads[3] * weights[3];
      sums[p] = static_cast<int32_t>(static_cast<uint32_t>(sums[p]) + static_cast<uint32_t>(four));
    }
  }
  for (size_t p = 0; p < count; ++p) {
    uint32_t sum = static_cast<uint32_t>(sums[p]) * b.scale;
    if (b.start != nullptr) sum += b.start[channel * b.start_stride + first + p];
    b.sums[channel * b.stride + first + p] = sum;
  }
}

}  // namespace

void product_scalar(const ProductBlock& b) {
  for (size_t c = 0; c < b.channels; ++c) {
    for (size_t p = 0; p < b.positions; p += kTogether) {
      multiply_some(b, c, p, std::min(kTogether, b.positions - p));
    }
  }
}

void translate_scalar(const uint8_t* from, size_t count, const uint8_t* map, uint8_t* to) {
  for (size_t i = 0; i < count; ++i) to[i] = map[from[i]];
}

void interleave_scalar(const uint8_t* const rows[kQuad], size_t count, const uint8_t* map,
                       uint8_t* to) {
  for (size_t i = 0; i < count; ++i, to += kQuad) {
    const uint8_t quad[kQuad] = {rows[0][i], rows[1][i], rows[2][i], rows[3][i]};
    if (map == nullptr) {
      std::memcpy(to, quad, kQuad);
    } else {
      const uint8_t mapped[kQuad] = {map[quad[0]], map[quad[1]], map[quad[2]], map[quad[3]]};
      std::memcpy(to, mapped, kQuad);
    }
  }
}

}  // namespace hawx
