// The shared driver: sums of table look-ups over tiles of activation codes, for convolution and
// matrix product alike.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "gemm/aligned_buffer.h"
#include "gemm/lookup_table.h"
#include "kernels/kernel.h"

namespace hawx {

// Everything that one output channel needs.
struct Channel {
  ChannelView weights;
  const LookupTable* table;
  const Kernel* kernel;
  uint32_t constant;     // bias and zero-point terms that are the same at every position
  uint32_t weight_zero;  // the channel's weight zero point
  float scale;           // of codes; accumulators have none
};

// Activation codes [depth][stride] of one block of positions.
struct Tile {
  AlignedBuffer<uint8_t> codes;
  size_t stride = 0;
};

// Sizes of a problem: `groups` independent products of positions x depth by depth x channels.
struct GemmShape {
  size_t groups = 0;
  size_t positions = 0;
  size_t channels = 0;  // per group
  size_t depth = 0;
};

// What operands work out once for a block of positions and use for all groups.
class BlockPlan {
 public:
  virtual ~BlockPlan() = default;
};

// Where activations come from and where outputs go.
class GemmOperands {
 public:
  virtual ~GemmOperands() = default;

  // Plans the block of `count` positions from `begin` on. Writes to the tile whatever is the same
  // for all groups.
  virtual std::unique_ptr<BlockPlan> plan(size_t begin, size_t count, Tile& tile) const = 0;

  // Writes the codes of one group to the tile, which was planned and perhaps filled for another.
  // Columns beyond the planned positions keep what plan() left there.
  virtual void fill(const BlockPlan& plan, size_t group, Tile& tile) const = 0;

  // Takes out of acc[stride] what `channel` must not count.
  virtual void correct(const BlockPlan& plan, size_t channel, size_t stride,
                       uint32_t* acc) const = 0;

  // Takes `count` positions of `channels` channels, outputs[channel * stride + position]; an output
  // has as many bytes as the problem's OutputType says.
  virtual void store(size_t group, size_t first_channel, size_t channels, size_t begin,
                     size_t count, const uint8_t* outputs, size_t stride) const = 0;
};

// Codes, or the accumulators as they are.
struct OutputType {
  int32_t zero_point = 0;
  bool is_signed = true;
  size_t bytes = sizeof(uint8_t);  // sizeof(int32_t) for accumulators
};

inline constexpr OutputType kAccumulators = {0, true, sizeof(int32_t)};

struct GemmProblem {
  GemmShape shape;
  const GemmOperands* operands;
  const Channel* channels;  // [groups * shape.channels]
  bool activations_signed;
  bool needs_code_sums;  // some weight zero point is not 0
  OutputType output;
};

// Runs task(0) .. task(count - 1), in any order and on any thread.
using ParallelFor = std::function<void(size_t count, const std::function<void(size_t)>& task)>;

// Computes the whole problem. The result does not depend on the number of threads.
void lookup_gemm(const GemmProblem& problem, const ParallelFor& parallel_for);

}  // namespace hawx
