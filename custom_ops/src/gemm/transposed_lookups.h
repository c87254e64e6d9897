// Look-ups with the operands' roles exchanged: where there are few positions, vectors hold output
// channels, and the activations of a position take the place of a channel's weights.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gemm/aligned_buffer.h"
#include "gemm/lookup_table.h"
#include "gemm/weight_plan.h"

namespace hawx {

// Whether that takes less time: an estimate from the times that kernels take on blocks of vectors.
bool transposing_pays(size_t positions, size_t channels, size_t depth);

class TransposedLookups {
 public:
  // Channels of one block at most, as many as kernels take at their best.
  static constexpr size_t kBlock = 256;

  // Of a table that is transposed already.
  TransposedLookups(const LookupTable& table, const WeightPlan& weights);

  // Weight codes [depth][width] of the channels from block * kBlock on.
  TileView tile(size_t block) const {
    return {codes_.data() + block * depth_ * kBlock, width(block), channels(block), code_bits_};
  }

 private:
  size_t channels(size_t block) const {
    const size_t left = channels_ - block * kBlock;
    return left < kBlock ? left : kBlock;
  }

  // The same, filled up to whole vectors.
  size_t width(size_t block) const {
    return (channels(block) + kPositionBlock - 1) / kPositionBlock * kPositionBlock;
  }

  size_t depth_;
  size_t channels_;
  AlignedBuffer<uint8_t> codes_;
  unsigned code_bits_;
};

}  // namespace hawx
