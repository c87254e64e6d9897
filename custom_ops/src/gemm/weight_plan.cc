#include "gemm/weight_plan.h"

#include <array>

#include "hawx/error.h"
#include "hawx/tensor.h"

namespace hawx {

WeightPlan::WeightPlan(const uint8_t* codes, size_t channels, size_t depth, size_t channel_stride,
                       size_t depth_stride, bool is_signed)
    : depth_(depth) {
  require(depth <= UINT32_MAX, "more than 2^32 - 1 products per output are not supported");
  // Weights without elements may have any number of channels.
  require(channels <= size_t{1} << 24, "more than 2^24 output channels are not supported");
  order_.reserve(channels * depth + kLookAhead);
  codes_.reserve(channels * depth);
  first_run_.reserve(channels + 1);
  sums_.reserve(channels);
  first_run_.push_back(0);
  for (size_t c = 0; c < channels; ++c) {
    append_channel(codes + c * channel_stride, depth_stride, is_signed);
  }
  order_.resize(order_.size() + kLookAhead, 0);
}

void WeightPlan::append_channel(const uint8_t* codes, size_t depth_stride, bool is_signed) {
  std::array<uint32_t, 256> next{};
  for (size_t k = 0; k < depth_; ++k) {
    codes_.push_back(codes[k * depth_stride]);
    ++next[codes_.back()];
  }
  uint32_t begin = 0;
  uint32_t sum = 0;
  for (uint32_t code = 0; code < 256; ++code) {
    const uint32_t count = next[code];
    if (count != 0) runs_.push_back({begin, count, code});
    const int32_t value = code_value(static_cast<uint8_t>(code), is_signed);
    sum += count * static_cast<uint32_t>(value);
    next[code] = begin;
    begin += count;
  }
  const size_t start = order_.size();
  order_.resize(start + depth_);
  for (size_t k = 0; k < depth_; ++k) {
    order_[start + next[codes[k * depth_stride]]++] = static_cast<uint32_t>(k);
  }
  first_run_.push_back(runs_.size());
  sums_.push_back(sum);
}

}  // namespace hawx
