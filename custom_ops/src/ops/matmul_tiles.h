// Activation tiles of a matrix product (blocks of rows of A, transposed) and its outputs.
#pragma once

#include <memory>

#include "gemm/lookup_gemm.h"
#include "ops/matmul_geometry.h"

namespace hawx {

class MatMulTiles : public GemmOperands {
 public:
  MatMulTiles(const MatMulGeometry& geometry, const uint8_t* a, uint8_t* y)
      : g_(geometry), a_(a), y_(y) {}

  std::unique_ptr<BlockPlan> plan(size_t begin, size_t count, Tile& tile) const override;
  void fill(const BlockPlan& plan, size_t group, Tile& tile) const override;
  void correct(const BlockPlan&, size_t, size_t, uint32_t*) const override {}  // no padding here
  void store(size_t group, size_t first_channel, size_t channels, size_t begin, size_t count,
             const uint8_t* codes, size_t stride) const override;

 private:
  struct Plan : BlockPlan {
    size_t begin;
    size_t count;
  };

  const MatMulGeometry& g_;
  const uint8_t* a_;
  uint8_t* y_;
};

}  // namespace hawx
