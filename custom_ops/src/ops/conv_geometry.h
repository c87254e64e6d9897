// Shapes and attributes of a convolution, brought to three spatial dimensions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "hawx/tensor.h"

namespace hawx {

// The node's attributes as written; empty lists take their defaults.
struct ConvAttributes {
  std::string auto_pad = "NOTSET";
  std::vector<int64_t> dilations;
  std::vector<int64_t> kernel_shape;
  std::vector<int64_t> pads;
  std::vector<int64_t> strides;
  int64_t group = 1;
  bool skip_padding = false;
};

using Spatial = std::array<int64_t, 3>;  // depth, height, width; missing leading ones are 1

struct ConvGeometry {
  // Throws Error when shapes and attributes do not fit together.
  ConvGeometry(const ConvAttributes& attributes, const std::vector<int64_t>& x_shape,
               const std::vector<int64_t>& w_shape);

  std::vector<int64_t> output_shape;
  int64_t images;
  int64_t groups;
  int64_t group_inputs;   // input channels of a group
  int64_t group_outputs;  // output channels of a group
  Spatial input, kernel, output, stride, dilation, pad;

  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t depth() const { return group_inputs * taps(); }
  int64_t input_size() const { return input[0] * input[1] * input[2]; }
  int64_t output_size() const { return output[0] * output[1] * output[2]; }
};

}  // namespace hawx
