// How the terms of a factorisation become products of quads, cut so that activations fit a panel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gemm/aligned_buffer.h"
#include "gemm/factorization.h"
#include "gemm/weights.h"
#include "kernels/product.h"

namespace hawx {

// Depth as inputs x taps: product k is of input k / taps.
struct Depth {
  size_t inputs;
  size_t taps;

  size_t products() const { return inputs * taps; }
};

// Some inputs' products of one term: `quads` of them from `quad` on in their panel.
struct Segment {
  const Term* term;
  size_t first_input;
  size_t inputs;
  size_t quad;
  size_t quads;
};

// Consecutive quads of a panel whose sums have one scale.
struct Pass {
  uint32_t scale;
  size_t quad;
  size_t quads;
};

// Activations that are transformed together.
struct Panel {
  std::vector<Segment> segments;
  std::vector<Pass> passes;
  size_t first_quad;  // among the quads of all panels
  size_t quads;
};

class ProductPlan {
 public:
  ProductPlan(const Factorization& factors, const Depth& depth);

  // Whether a quad holds one tap of four inputs; otherwise four consecutive products, which waste
  // less where there are few inputs.
  bool quads_across_inputs() const { return across_inputs_; }

  const std::vector<Panel>& panels() const { return panels_; }
  const Depth& depth() const { return depth_; }
  size_t quads() const { return quads_; }

  // The place of product `tap` of input first_input + `input` in the segment's row of weights.
  size_t place(size_t input, size_t tap) const;

 private:
  size_t quads_of(size_t inputs) const;
  void add(const Term& term, size_t first_input, size_t inputs);

  Depth depth_;
  bool across_inputs_;
  std::vector<Panel> panels_;
  size_t quads_ = 0;
};

// The weights of some rows as a plan's products need them.
class ProductWeights {
 public:
  ProductWeights(const ProductPlan& plan, const Weights& weights, const std::vector<size_t>& rows);

  // The codes of the given quads, row by row and `stride()` apart.
  const int8_t* at(size_t row, size_t quad) const {
    return codes_.data() + row * stride_ + quad * kQuad;
  }
  size_t stride() const { return stride_; }

  // What is missing in the row's sum because activation factors are shifted.
  uint32_t constant(size_t row) const { return constants_[row]; }

  // Codes like those of a row, whose sums times kWeightOffset are missing in the sums of all rows
  // because weight factors are shifted; null where none are.
  const int8_t* offsets(size_t quad) const {
    return has_offsets_ ? at(constants_.size(), quad) : nullptr;
  }

 private:
  void pack(const ProductPlan& plan, const Segment& segment, size_t first_quad,
            const uint8_t* codes, size_t row);
  void pack_offsets(const ProductPlan& plan, const Segment& segment, size_t first_quad);

  size_t stride_;
  AlignedBuffer<int8_t> codes_;
  std::vector<uint32_t> constants_;
  bool has_offsets_ = false;
};

}  // namespace hawx
