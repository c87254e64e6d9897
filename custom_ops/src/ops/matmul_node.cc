#include "ops/matmul_node.h"

#include <utility>

#include "ops/matmul_tiles.h"
#include "ops/shape_limits.h"

namespace hawx {
namespace {

// One plan for each matrix of B.
std::shared_ptr<const WeightPlans> plan_weights(const Tensor& b) {
  const size_t depth = static_cast<size_t>(b.shape[b.rank() - 2]);
  const size_t columns = static_cast<size_t>(b.shape.back());
  check_sizes(b.shape, "b");
  const size_t matrices = matrix_count({b.shape.begin(), b.shape.end() - 2}, "b");
  auto plans = std::make_shared<WeightPlans>();
  plans->reserve(matrices);
  for (size_t i = 0; i < matrices; ++i) {
    plans->emplace_back(b.codes() + i * depth * columns, columns, depth, size_t{1}, columns,
                        b.is_signed());
  }
  return plans;
}

// What one unit of an activation's zero point takes off the sums of each output channel.
std::vector<uint32_t> zero_point_factors(const WeightPlans& plans, const ChannelSet& set,
                                         size_t depth) {
  std::vector<uint32_t> factors;
  for (const WeightPlan& plan : plans) {
    for (size_t n = 0; n < plan.channels(); ++n) {
      const uint32_t w_zero = set.channels[factors.size()].weight_zero;
      factors.push_back(plan.sum(n) - static_cast<uint32_t>(depth) * w_zero);
    }
  }
  return factors;
}

}  // namespace

MatMulNode::MatMulNode(const Tensor& b, const MultiplierInputs& multipliers) {
  std::optional<size_t> outputs;
  if (b.present && b.rank() >= 2) {
    plans_ = plan_weights(b);
    outputs = static_cast<size_t>(b.shape.back());
  }
  multipliers_.prepare_constants(multipliers, outputs);
}

void MatMulNode::multiply(const RunContext& context, const MatMulGeometry& g,
                          const MatMulInputs& in, const Quantization& q,
                          std::vector<uint32_t> row_zeros) const {
  const auto plans = plans_ != nullptr ? plans_ : plan_weights(in.b);
  const ChannelSet set = multipliers_.channels(q, *plans, g.columns, g.depth, in.multipliers);
  RowZeroPoints rows;
  if (!row_zeros.empty()) {
    rows = {std::move(row_zeros), zero_point_factors(*plans, set, g.depth)};
  }
  auto* y = static_cast<uint8_t*>(context.output(0, g.output_shape));
  const MatMulTiles tiles(g, in.a.codes(), y, q.output.bytes,
                          rows.values.empty() ? nullptr : &rows);
  const size_t positions = g.products.empty() ? 0 : g.products[0].size() * g.rows;
  lookup_gemm({{g.products.size(), positions, g.columns, g.depth},
               &tiles,
               set.channels.data(),
               in.a.is_signed(),
               set.any_weight_zero,
               q.output},
              context.forks());
}

}  // namespace hawx
