// Activation tiles of a convolution (im2col of a block of output positions) and its outputs.
#pragma once

#include <vector>

#include "gemm/lookup_gemm.h"
#include "ops/conv_geometry.h"

namespace hawx {

class ConvTiles : public GemmOperands {
 public:
  // `padding_terms` is null, or [output channel][tap]: what one padded tap wrongly adds to an
  // accumulator, to be taken out again.
  ConvTiles(const ConvGeometry& geometry, const uint8_t* x, uint8_t padding_code,
            const uint32_t* padding_terms, uint8_t* y)
      : g_(geometry), x_(x), padding_code_(padding_code), padding_terms_(padding_terms), y_(y) {}

  void fill(size_t group, size_t begin, size_t count, Tile& tile) const override;
  void correct(size_t channel, const Tile& tile, uint32_t* acc) const override;
  void store(size_t group, size_t first_channel, size_t channels, size_t begin, size_t count,
             const uint8_t* codes, size_t stride) const override;

 private:
  // Consecutive positions of one output row.
  struct Segment {
    size_t column;         // in the tile
    int64_t length;
    const uint8_t* image;  // first input channel of the group
    Spatial origin;        // input coordinates of the first position's first tap
  };
  struct Tap {
    size_t index;
    Spatial offset;  // from a position's first tap, in input coordinates
  };

  std::vector<Segment> segments(size_t group, size_t begin, size_t count) const;
  void fill_tap(const Segment& segment, const Tap& tap, Tile& tile) const;
  void mark_padding(const Segment& segment, size_t tap, int64_t from, int64_t to, Tile& tile) const;

  const ConvGeometry& g_;
  const uint8_t* x_;
  uint8_t padding_code_;
  const uint32_t* padding_terms_;
  uint8_t* y_;
};

}  // namespace hawx
