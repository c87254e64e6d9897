// What the matrix products share: all but their inputs' order and what they make of accumulators.
#pragma once

#include <memory>

#include "ops/approximation.h"
#include "ops/matmul_geometry.h"
#include "ort/custom_op.h"

namespace hawx {

// The inputs that every product has, in a run or, as far as constant, at session creation.
struct MatMulInputs {
  const Tensor& a;
  const Tensor& b;
  MultiplierInputs multipliers;
};

class MatMulNode : public Node {
 protected:
  // Checks and prepares whatever is constant.
  MatMulNode(const Tensor& b, const MultiplierInputs& multipliers);

  // Computes output 0. `row_zeros` is empty, or holds zero points for [matrix of A][row]; then the
  // one of `q` is 0.
  void multiply(const RunContext& context, const MatMulGeometry& g, const MatMulInputs& in,
                const Quantization& q, std::vector<uint32_t> row_zeros = {}) const;

 private:
  std::shared_ptr<const Weights> weights_;  // where they are constant
  Multipliers multipliers_;
};

}  // namespace hawx
