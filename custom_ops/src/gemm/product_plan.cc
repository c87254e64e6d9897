#include "gemm/product_plan.h"

#include <algorithm>

#include "gemm/limits.h"
#include "kernels/kernel.h"

namespace hawx {
namespace {

constexpr size_t kFewInputs = 2;  // so few waste more than a quarter of a quad

size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

}  // namespace

ProductPlan::ProductPlan(const Factorization& factors, const Depth& depth)
    : depth_(depth), across_inputs_(depth.taps == 1 || depth.inputs > kFewInputs) {
  const size_t input_bytes = std::max<size_t>(depth.taps, 1) * kPositionBlock;
  const size_t most = std::max<size_t>(kBlockBytes / input_bytes / kQuad, 1) * kQuad;
  for (const Term& term : factors.terms()) {
    for (size_t i = 0; i < depth.inputs; i += most) add(term, i, std::min(most, depth.inputs - i));
  }
}

size_t ProductPlan::quads_of(size_t inputs) const {
  if (across_inputs_) return ceil_div(inputs, kQuad) * depth_.taps;
  return ceil_div(inputs * depth_.taps, kQuad);
}

void ProductPlan::add(const Term& term, size_t first_input, size_t inputs) {
  const size_t quads = quads_of(inputs);
  if (panels_.empty() || (panels_.back().quads + quads) * kQuad * kPositionBlock > kBlockBytes) {
    panels_.push_back({{}, {}, quads_, 0});
  }
  Panel& panel = panels_.back();
  if (panel.passes.empty() || panel.passes.back().scale != term.scale) {
    panel.passes.push_back({term.scale, panel.quads, 0});
  }
  panel.segments.push_back({&term, first_input, inputs, panel.quads, quads});
  panel.passes.back().quads += quads;
  panel.quads += quads;
  quads_ += quads;
}

size_t ProductPlan::place(size_t input, size_t tap) const {
  if (!across_inputs_) return input * depth_.taps + tap;
  return (input / kQuad * depth_.taps + tap) * kQuad + input % kQuad;
}

ProductWeights::ProductWeights(const ProductPlan& plan, const Weights& weights,
                               const std::vector<size_t>& rows)
    : stride_(plan.quads() * kQuad),
      codes_((rows.size() + 1) * stride_ + 1),
      constants_(rows.size(), 0) {
  for (const Panel& panel : plan.panels()) {
    for (const Segment& segment : panel.segments) pack_offsets(plan, segment, panel.first_quad);
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    for (const Panel& panel : plan.panels()) {
      for (const Segment& segment : panel.segments) {
        pack(plan, segment, panel.first_quad, weights.row(rows[r]), r);
      }
    }
  }
}

void ProductWeights::pack(const ProductPlan& plan, const Segment& segment, size_t first_quad,
                          const uint8_t* codes, size_t row) {
  const Term& term = *segment.term;
  const size_t taps = plan.depth().taps;
  int8_t* to = codes_.data() + row * stride_ + (first_quad + segment.quad) * kQuad;
  const uint8_t* from = codes + segment.first_input * taps;
  uint32_t sum = 0;
  for (size_t i = 0; i < segment.inputs; ++i) {
    for (size_t tap = 0; tap < taps; ++tap) {
      const int8_t weight = term.weight[from[i * taps + tap]];
      to[plan.place(i, tap)] = weight;
      sum += static_cast<uint32_t>(weight + term.weight_offset);
    }
  }
  constants_[row] -= term.scale * static_cast<uint32_t>(term.activation_offset) * sum;
}

void ProductWeights::pack_offsets(const ProductPlan& plan, const Segment& segment,
                                  size_t first_quad) {
  if (segment.term->weight_offset == 0) return;
  has_offsets_ = true;
  int8_t* to = codes_.data() + constants_.size() * stride_ + (first_quad + segment.quad) * kQuad;
  for (size_t i = 0; i < segment.inputs; ++i) {
    for (size_t tap = 0; tap < plan.depth().taps; ++tap) to[plan.place(i, tap)] = 1;
  }
}

}  // namespace hawx
