// How much memory one thread works in. All of it together stays below kScratchBytes, except where a
// single input's taps alone need more.
#pragma once

#include <cstddef>

namespace hawx {

inline constexpr size_t kScratchBytes = size_t{2} << 20;
// Activation codes, or quads of them for products, of one block of positions.
inline constexpr size_t kBlockBytes = size_t{448} << 10;
// Activations sorted for look-ups with exchanged operands.
inline constexpr size_t kSortedBytes = size_t{384} << 10;
// Output channels whose sums stay in memory until all their parts are added.
inline constexpr size_t kMostKept = 512;
// Positions of a block, at most.
inline constexpr size_t kMostPositions = 256;

}  // namespace hawx
