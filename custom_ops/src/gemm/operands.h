// Where a problem's activations come from and where its outputs go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gemm/aligned_buffer.h"
#include "kernels/product.h"

namespace hawx {

// What operands work out once for a block of positions and use for all groups.
class BlockPlan {
 public:
  virtual ~BlockPlan() = default;
};

// Memory that operands work in; contents do not outlive a call.
struct FillScratch {
  AlignedBuffer<uint8_t> box;
  AlignedBuffer<uint8_t> line;
};

// Which activations are wanted, of one group and a block of positions: each input gives as many
// rows as it has taps, code translated through a map.
struct Filling {
  size_t group;
  size_t first_input;
  size_t inputs;
  const uint8_t* map;           // [256]
  const ProductKernel* kernel;  // whose functions translate
  size_t stride;                // positions of a row; columns beyond the block are left alone
  uint8_t* to;
  FillScratch* scratch;
};

class GemmOperands {
 public:
  virtual ~GemmOperands() = default;

  // Plans the block of `count` positions from `begin` on.
  virtual std::unique_ptr<BlockPlan> plan(size_t begin, size_t count) const = 0;

  // Writes codes [input][tap][stride]; returns all their bits together, and perhaps more.
  virtual uint8_t fill_codes(const BlockPlan& plan, const Filling& filling) const = 0;

  // Writes codes [ceil(inputs / kQuad)][tap][stride][kQuad]; inputs that are missing in the last
  // quad get the codes of another one.
  virtual void fill_quads(const BlockPlan& plan, const Filling& filling) const = 0;

  // Takes out of sums[stride] what `channel` must not count.
  virtual void correct(const BlockPlan& plan, size_t channel, size_t stride,
                       uint32_t* sums) const = 0;

  // Takes `count` positions of `channels` channels, outputs[channel * stride + position]; an output
  // has as many bytes as the problem's OutputType says.
  virtual void store(size_t group, size_t first_channel, size_t channels, size_t begin,
                     size_t count, const uint8_t* outputs, size_t stride) const = 0;
};

}  // namespace hawx
