#include "ops/matmul_node.h"

#include <utility>

#include "ops/matmul_tiles.h"
#include "ops/shape_limits.h"

namespace hawx {
namespace {

// The columns of each matrix of B.
std::shared_ptr<const Weights> read_weights(const Tensor& b) {
  const size_t depth = static_cast<size_t>(b.shape[b.rank() - 2]);
  const size_t columns = static_cast<size_t>(b.shape.back());
  check_sizes(b.shape, "b");
  const size_t matrices = matrix_count({b.shape.begin(), b.shape.end() - 2}, "b");
  auto weights = std::make_shared<Weights>(matrices * columns, depth, b.is_signed());
  for (size_t i = 0; i < matrices; ++i) {
    weights->append(b.codes() + i * depth * columns, columns, 1, columns);
  }
  return weights;
}

// What one unit of an activation's zero point takes off the sums of each output channel.
std::vector<uint32_t> zero_point_factors(const Weights& weights, const ChannelSet& set) {
  std::vector<uint32_t> factors;
  for (size_t row = 0; row < weights.rows(); ++row) {
    const uint32_t w_zero = set.channels[row].weight_zero;
    factors.push_back(weights.sum(row) - static_cast<uint32_t>(weights.depth()) * w_zero);
  }
  return factors;
}

}  // namespace

MatMulNode::MatMulNode(const Tensor& b, const MultiplierInputs& multipliers) {
  std::optional<size_t> outputs;
  if (b.present && b.rank() >= 2) {
    weights_ = read_weights(b);
    outputs = static_cast<size_t>(b.shape.back());
  }
  multipliers_.prepare_constants(multipliers, outputs);
}

void MatMulNode::multiply(const RunContext& context, const MatMulGeometry& g,
                          const MatMulInputs& in, const Quantization& q,
                          std::vector<uint32_t> row_zeros) const {
  const auto weights = weights_ != nullptr ? weights_ : read_weights(in.b);
  const auto slices = multipliers_.slices(weights, {g.depth, 1}, g.columns, g.columns,
                                          in.multipliers, in.a.is_signed());
  const ChannelSet set = make_channels(q, *weights, g.columns);
  RowZeroPoints rows;
  if (!row_zeros.empty()) rows = {std::move(row_zeros), zero_point_factors(*weights, set)};
  auto* y = static_cast<uint8_t*>(context.output(0, g.output_shape));
  const MatMulTiles tiles(g, in.a.codes(), y, q.output.bytes,
                          rows.values.empty() ? nullptr : &rows);
  const size_t positions = g.products.empty() ? 0 : g.products[0].size() * g.rows;
  gemm({positions, g.columns, &tiles, slices.get(), set.channels.data(), set.any_weight_zero,
        q.output, &multipliers_.dispatch()},
       context.forks());
}

}  // namespace hawx
