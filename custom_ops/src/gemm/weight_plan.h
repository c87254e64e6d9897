// Weights sorted for the kernels: per output channel, products in the order of their weight code,
// groups of four with the same code in front.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel.h"

namespace hawx {

class WeightPlan {
 public:
  // Product k of channel c has the weight code map[rows[c][k]].
  WeightPlan(const std::vector<const uint8_t*>& rows, size_t depth, const uint8_t* map);

  size_t depth() const { return depth_; }
  size_t bytes() const {
    return order_.capacity() * sizeof(uint32_t) + codes_.capacity() +
           quads_.capacity() * sizeof(quads_[0]);
  }
  size_t channels() const { return quads_.size(); }

  ChannelView channel(size_t index) const {
    return {order_.data() + index * depth_, quads_[index], codes_.data() + index * depth_, depth_};
  }

 private:
  void append_channel(const uint8_t* row, const uint8_t* map);

  size_t depth_;
  std::vector<uint32_t> order_;
  std::vector<uint8_t> codes_;
  std::vector<size_t> quads_;
};

}  // namespace hawx
