// Activation tiles of a matrix product (blocks of rows of A, transposed) and its outputs.
#pragma once

#include <memory>
#include <vector>

#include "gemm/operands.h"
#include "ops/matmul_geometry.h"

namespace hawx {

// Zero points of the rows of A, where each row has its own.
struct RowZeroPoints {
  std::vector<uint32_t> values;   // [matrix of A][row]
  std::vector<uint32_t> factors;  // [output channel]: what each unit of them takes off its sums
};

class MatMulTiles : public GemmOperands {
 public:
  // `row_zeros` may be null. An element of `y` has `y_bytes`.
  MatMulTiles(const MatMulGeometry& geometry, const uint8_t* a, uint8_t* y, size_t y_bytes = 1,
              const RowZeroPoints* row_zeros = nullptr)
      : g_(geometry), a_(a), y_(y), y_bytes_(y_bytes), row_zeros_(row_zeros) {}

  std::unique_ptr<BlockPlan> plan(size_t begin, size_t count) const override;
  uint8_t fill_codes(const BlockPlan& plan, const Filling& filling) const override;
  void fill_quads(const BlockPlan& plan, const Filling& filling) const override;
  void correct(const BlockPlan& plan, size_t channel, size_t stride, uint32_t* sums) const override;
  void store(size_t group, size_t first_channel, size_t channels, size_t begin, size_t count,
             const uint8_t* outputs, size_t stride) const override;

 private:
  struct Plan : BlockPlan {
    size_t begin;
    size_t count;
  };

  // Calls body(product, row, done, length) for each stretch of a block of positions that lies in
  // one product, `done` positions into the block.
  template <typename Body>
  void each_stretch(size_t group, size_t begin, size_t count, const Body& body) const;

  // Calls body(codes, pitch, column, rows) for a few rows of A at a time: the wanted codes,
  // translated, of rows that are `pitch` bytes apart and begin at `column` of the block.
  template <typename Body>
  void each_translated(const Plan& plan, const Filling& filling, const Body& body) const;

  const MatMulGeometry& g_;
  const uint8_t* a_;
  uint8_t* y_;
  size_t y_bytes_;
  const RowZeroPoints* row_zeros_;
};

}  // namespace hawx
