// A node's weights, brought to one layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hawx {

class Weights {
 public:
  // For `rows` rows of `depth` products; a row is one output channel of one group, channels
  // innermost. Throws Error where there are too many.
  Weights(size_t rows, size_t depth, bool is_signed);

  // Adds rows: product k of row r has the weight code codes[r * row_stride + k * depth_stride].
  void append(const uint8_t* codes, size_t rows, size_t row_stride, size_t depth_stride);

  const uint8_t* row(size_t index) const { return codes_.data() + index * depth_; }

  // Sum of the row's values, mod 2^32.
  uint32_t sum(size_t index) const { return sums_[index]; }

  size_t rows() const { return sums_.size(); }
  size_t depth() const { return depth_; }
  bool is_signed() const { return is_signed_; }

 private:
  size_t depth_;
  bool is_signed_;
  std::vector<uint8_t> codes_;  // [rows][depth]
  std::vector<uint32_t> sums_;
};

}  // namespace hawx
