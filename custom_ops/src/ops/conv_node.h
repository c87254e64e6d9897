// What the convolutions share: all but their inputs' order and what they make of accumulators.
#pragma once

#include <memory>

#include "ops/approximation.h"
#include "ops/conv_geometry.h"
#include "ort/custom_op.h"

namespace hawx {

// The inputs that every convolution has, in a run or, as far as constant, at session creation.
struct ConvInputs {
  const Tensor& x;
  const Tensor& x_zero_point;  // may be absent
  const Tensor& w;
  MultiplierInputs multipliers;
};

class ConvNode : public Node {
 protected:
  // Reads the attributes; checks and prepares whatever is constant.
  ConvNode(const NodeInfo& info, const Tensor& w, const MultiplierInputs& multipliers);

  ConvGeometry geometry(const Tensor& x, const Tensor& w) const {
    return ConvGeometry(attributes_, x.shape, w.shape);
  }

  // Computes output 0.
  void convolve(const RunContext& context, const ConvGeometry& g, const ConvInputs& in,
                const Quantization& q) const;

 private:
  ConvAttributes attributes_;
  std::shared_ptr<const Weights> weights_;  // where they are constant
  Multipliers multipliers_;
};

}  // namespace hawx
