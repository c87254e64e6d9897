// Activation tiles of a convolution (im2col of a block of output positions) and its outputs.
#pragma once

#include <memory>
#include <vector>

#include "gemm/lookup_gemm.h"
#include "ops/conv_geometry.h"

namespace hawx {

class ConvTiles : public GemmOperands {
 public:
  // `padding_terms` is null, or [output channel][tap]: what one padded tap wrongly adds to an
  // accumulator, to be taken out again. An element of `y` has `y_bytes`.
  ConvTiles(const ConvGeometry& geometry, const uint8_t* x, uint8_t padding_code,
            const uint32_t* padding_terms, uint8_t* y, size_t y_bytes = 1)
      : g_(geometry),
        x_(x),
        padding_code_(padding_code),
        padding_terms_(padding_terms),
        y_(y),
        y_bytes_(y_bytes) {}

  std::unique_ptr<BlockPlan> plan(size_t begin, size_t count, Tile& tile) const override;
  void fill(const BlockPlan& plan, size_t group, Tile& tile) const override;
  void correct(const BlockPlan& plan, size_t channel, size_t stride, uint32_t* acc) const override;
  void store(size_t group, size_t first_channel, size_t channels, size_t begin, size_t count,
             const uint8_t* outputs, size_t stride) const override;

 private:
  // Consecutive positions of one output row.
  struct Segment {
    size_t column;  // in the tile
    int64_t length;
    int64_t image;
    Spatial origin;  // input coordinates of the first position's first tap
  };
  // Consecutive positions that one tap of the kernel finds in x; in each input channel the same.
  struct Copy {
    size_t to;    // from the tile's row of the channel's first tap
    size_t from;  // from the first channel's start in x
    size_t count;
  };
  struct Plan : BlockPlan {
    std::vector<Copy> copies;
    std::vector<uint8_t> padding;  // [tap][stride]: 1 where the tap meets padding, if asked for
  };

  std::vector<Segment> segments(size_t begin, size_t count) const;
  void plan_tap(const Segment& segment, size_t tap, const Spatial& offset, size_t stride,
                Plan& plan) const;

  const ConvGeometry& g_;
  const uint8_t* x_;
  uint8_t padding_code_;
  const uint32_t* padding_terms_;
  uint8_t* y_;
  size_t y_bytes_;
};

}  // namespace hawx
