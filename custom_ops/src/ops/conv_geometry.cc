#include "ops/conv_geometry.h"

#include <algorithm>

#include "hawx/error.h"
#include "ops/shape_limits.h"

namespace hawx {
namespace {

// The attribute's value for each of `rank` spatial dimensions, at the end of a Spatial of ones.
Spatial spread(const std::vector<int64_t>& values, size_t rank, const char* name,
               int64_t otherwise) {
  Spatial result = {1, 1, 1};
  for (size_t i = 0; i < rank; ++i) result[3 - rank + i] = otherwise;
  if (values.empty()) return result;
  require(values.size() == rank, "attribute ", name, " has ", values.size(), " values, x has ",
          rank, " spatial dimensions");
  for (size_t i = 0; i < rank; ++i) {
    require(values[i] >= 1 && values[i] <= kLargestSize, "attribute ", name, " must be positive",
            " and below 2^31, it is ", shown(values));
    result[3 - rank + i] = values[i];
  }
  return result;
}

struct Pads {
  Spatial head = {0, 0, 0};
  Spatial tail = {0, 0, 0};
};

Pads explicit_pads(const std::vector<int64_t>& values, size_t rank) {
  Pads pads;
  if (values.empty()) return pads;
  require(values.size() == 2 * rank, "attribute pads has ", values.size(), " values, x with ", rank,
          " spatial dimensions needs ", 2 * rank);
  for (int64_t pad : values) {
    require(pad >= 0 && pad <= kLargestSize,
            "attribute pads must not be negative and below 2^31, it is ", shown(values));
  }
  for (size_t i = 0; i < rank; ++i) {
    pads.head[3 - rank + i] = values[i];
    pads.tail[3 - rank + i] = values[rank + i];
  }
  return pads;
}

// Pads such that the output has ceil(input / stride) elements.
Pads same_pads(const ConvGeometry& g, bool extra_at_end) {
  Pads pads;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t target = (g.input[i] + g.stride[i] - 1) / g.stride[i];
    const int64_t extent = g.dilation[i] * (g.kernel[i] - 1) + 1;
    const int64_t total = std::max<int64_t>(0, (target - 1) * g.stride[i] + extent - g.input[i]);
    pads.head[i] = extra_at_end ? total / 2 : (total + 1) / 2;
    pads.tail[i] = total - pads.head[i];
  }
  return pads;
}

Pads choose_pads(const ConvAttributes& attributes, const ConvGeometry& g, size_t rank) {
  const std::string& mode = attributes.auto_pad;
  if (mode == "NOTSET" || mode.empty()) return explicit_pads(attributes.pads, rank);
  if (mode == "VALID") return {};
  if (mode == "SAME_UPPER") return same_pads(g, true);
  if (mode == "SAME_LOWER") return same_pads(g, false);
  fail("attribute auto_pad is '", mode, "', not NOTSET, SAME_UPPER, SAME_LOWER or VALID");
}

}  // namespace

ConvGeometry::ConvGeometry(const ConvAttributes& attributes, const std::vector<int64_t>& x_shape,
                           const std::vector<int64_t>& w_shape) {
  require(x_shape.size() >= 3 && x_shape.size() <= 5, "x has shape ", shown(x_shape),
          "; a convolution takes [images, channels, 1 to 3 spatial dimensions]");
  require(w_shape.size() == x_shape.size(), "w has shape ", shown(w_shape),
          ", its rank is not that of x with shape ", shown(x_shape));
  check_sizes(x_shape, "x");
  check_sizes(w_shape, "w");
  const size_t rank = x_shape.size() - 2;
  images = x_shape[0];
  groups = attributes.group;
  require(groups >= 1 && groups <= kLargestSize, "attribute group is ", groups,
          ", it must be positive and below 2^31");
  require(w_shape[0] % groups == 0, "attribute group ", groups, " does not divide the ", w_shape[0],
          " output channels of w");
  group_inputs = w_shape[1];
  group_outputs = w_shape[0] / groups;
  require(x_shape[1] == group_inputs * groups, "x has ", x_shape[1], " channels, w with shape ",
          shown(w_shape), " and group ", groups, " needs ", group_inputs * groups);

  input = kernel = {1, 1, 1};
  for (size_t i = 0; i < rank; ++i) {
    input[3 - rank + i] = x_shape[2 + i];
    kernel[3 - rank + i] = w_shape[2 + i];
    require(w_shape[2 + i] >= 1, "w has shape ", shown(w_shape), ", its kernel is empty");
  }
  require(attributes.kernel_shape.empty() ||
              std::equal(attributes.kernel_shape.begin(), attributes.kernel_shape.end(),
                         w_shape.begin() + 2, w_shape.end()),
          "attribute kernel_shape is ", shown(attributes.kernel_shape), ", w has shape ",
          shown(w_shape));
  stride = spread(attributes.strides, rank, "strides", 1);
  dilation = spread(attributes.dilations, rank, "dilations", 1);

  const Pads pads = choose_pads(attributes, *this, rank);
  pad = pads.head;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t extent = dilation[i] * (kernel[i] - 1) + 1;
    const int64_t padded = input[i] + pads.head[i] + pads.tail[i];
    require(padded >= extent, "the dilated kernel spans ", extent, " elements, x padded only ",
            padded);
    output[i] = (padded - extent) / stride[i] + 1;
  }
  output_shape = {images, w_shape[0]};
  output_shape.insert(output_shape.end(), output.end() - static_cast<std::ptrdiff_t>(rank),
                      output.end());
}

}  // namespace hawx
