// Weights sorted for the kernels: per output channel, products in the order of their weight code.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace hawx {

class WeightPlan {
 public:
  // Product k of channel c has the weight code codes[c * channel_stride + k * depth_stride].
  WeightPlan(const uint8_t* codes, size_t channels, size_t depth, size_t channel_stride,
             size_t depth_stride, bool is_signed);

  ChannelView channel(size_t index) const {
    return {order_.data() + index * depth_, runs_.data() + first_run_[index],
            first_run_[index + 1] - first_run_[index], codes_.data() + index * depth_, depth_};
  }

  // Sum of the channel's weights, mod 2^32.
  uint32_t sum(size_t index) const { return sums_[index]; }

  size_t channels() const { return sums_.size(); }

 private:
  void append_channel(const uint8_t* codes, size_t depth_stride, bool is_signed);

  size_t depth_;
  std::vector<uint32_t> order_;
  std::vector<uint8_t> codes_;
  std::vector<Run> runs_;
  std::vector<size_t> first_run_;
  std::vector<uint32_t> sums_;
};

}  // namespace hawx
