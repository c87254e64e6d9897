#include "gemm/weights.h"

#include "hawx/error.h"
#include "hawx/tensor.h"

namespace hawx {

Weights::Weights(size_t rows, size_t depth, bool is_signed) : depth_(depth), is_signed_(is_signed) {
  require(depth <= UINT32_MAX, "more than 2^32 - 1 products per output are not supported");
  // Weights without elements may have any number of channels.
  require(rows <= size_t{1} << 24, "more than 2^24 output channels are not supported");
  codes_.reserve(rows * depth);
  sums_.reserve(rows);
}

void Weights::append(const uint8_t* codes, size_t rows, size_t row_stride, size_t depth_stride) {
  for (size_t r = 0; r < rows; ++r, codes += row_stride) {
    uint32_t sum = 0;
    for (size_t k = 0; k < depth_; ++k) {
      const uint8_t code = codes[k * depth_stride];
      codes_.push_back(code);
      sum += static_cast<uint32_t>(code_value(code, is_signed_));
    }
    sums_.push_back(sum);
  }
}

}  // namespace hawx
