#include "ops/matmul_geometry.h"

#include <algorithm>

#include "hawx/error.h"
#include "hawx/tensor.h"
#include "ops/shape_limits.h"

namespace hawx {
namespace {

// The batch dimensions of a shape, filled up with ones in front to `rank` of them.
std::vector<int64_t> batch_dims(const std::vector<int64_t>& shape, size_t rank) {
  std::vector<int64_t> dims(rank, 1);
  std::copy_backward(shape.begin(), shape.end() - 2, dims.end());
  return dims;
}

// Index of the matrix that output matrix `y` reads from an operand with these batch dimensions.
size_t broadcast_index(size_t y, const std::vector<int64_t>& output,
                       const std::vector<int64_t>& operand) {
  size_t index = 0;
  size_t step = 1;
  for (size_t i = output.size(); i-- > 0;) {
    const size_t extent = static_cast<size_t>(output[i]);
    if (operand[i] != 1) index += y % extent * step;
    y /= extent;
    step *= static_cast<size_t>(operand[i]);
  }
  return index;
}

}  // namespace

MatMulGeometry::MatMulGeometry(const std::vector<int64_t>& a_shape,
                               const std::vector<int64_t>& b_shape) {
  require(a_shape.size() >= 2, "a has shape ", shown(a_shape),
          ", it must have at least two dimensions");
  require(b_shape.size() >= 2, "b has shape ", shown(b_shape),
          ", it must have at least two dimensions");
  check_sizes(a_shape, "a");
  check_sizes(b_shape, "b");
  rows = static_cast<size_t>(a_shape[a_shape.size() - 2]);
  depth = static_cast<size_t>(a_shape.back());
  columns = static_cast<size_t>(b_shape.back());
  require(b_shape[b_shape.size() - 2] == a_shape.back(), "a with shape ", shown(a_shape), " has ",
          depth, " columns, b with shape ", shown(b_shape), " has ", b_shape[b_shape.size() - 2],
          " rows");
  const size_t rank = std::max(a_shape.size(), b_shape.size()) - 2;
  const std::vector<int64_t> a_batch = batch_dims(a_shape, rank);
  const std::vector<int64_t> b_batch = batch_dims(b_shape, rank);
  for (size_t i = 0; i < rank; ++i) {
    require(a_batch[i] == b_batch[i] || a_batch[i] == 1 || b_batch[i] == 1,
            "the batch dimensions of a with shape ", shown(a_shape), " and b with shape ",
            shown(b_shape), " do not broadcast");
    output_shape.push_back(a_batch[i] == 1 ? b_batch[i] : a_batch[i]);
  }
  products.resize(matrix_count(b_batch, "b"));
  const size_t matrices = matrix_count(output_shape, "the result");
  for (size_t y = 0; y < matrices; ++y) {
    const size_t b = broadcast_index(y, output_shape, b_batch);
    products[b].push_back({broadcast_index(y, output_shape, a_batch), y});
  }
  output_shape.push_back(static_cast<int64_t>(rows));
  output_shape.push_back(static_cast<int64_t>(columns));
}

}  // namespace hawx
