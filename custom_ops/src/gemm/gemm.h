// The shared driver: sums of look-ups or of products over blocks of activation codes, for
// convolution and matrix product alike.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "gemm/operands.h"
#include "gemm/slices.h"
#include "kernels/registry.h"

namespace hawx {

// What an output channel adds to its sums, and how these become codes.
struct Channel {
  uint32_t constant;     // bias and zero-point terms that are the same at every position
  uint32_t weight_zero;  // the channel's weight zero point
  float scale;           // of codes; accumulators have none
};

// Codes, or the accumulators as they are.
struct OutputType {
  int32_t zero_point = 0;
  bool is_signed = true;
  size_t bytes = sizeof(uint8_t);  // sizeof(int32_t) for accumulators
};

inline constexpr OutputType kAccumulators = {0, true, sizeof(int32_t)};

// Independent products of positions x depth by depth x channels, one for each group.
struct GemmProblem {
  size_t positions;
  size_t channels;  // of a group
  const GemmOperands* operands;
  const Slices* slices;
  const Channel* outputs;  // [groups * channels]
  bool needs_code_sums;    // some weight zero point is not 0
  OutputType type;
  const Dispatch* dispatch;
};

// Runs task(0) .. task(count - 1), in any order and on any thread.
using ParallelFor = std::function<void(size_t count, const std::function<void(size_t)>& task)>;

// Computes the whole problem. The result does not depend on the number of threads.
void gemm(const GemmProblem& problem, const ParallelFor& parallel_for);

}  // namespace hawx
