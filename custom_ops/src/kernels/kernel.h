// What a kernel computes, in plain structures: files compiled for one instruction set must not
// instantiate shared templates, or the linker could keep their copy for every CPU.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hawx {

// Positions (output pixels or rows) come in whole vectors of this many.
inline constexpr size_t kPositionBlock = 64;

// Requantisation takes that many at a time.
inline constexpr size_t kRequantized = 32;

// Channels that a kernel may be given at once.
inline constexpr size_t kMostGrouped = 16;

// One output channel's weights: indices k of its products, and the weight codes by k.
struct ChannelView {
  // Groups of four products that share a weight code, then the others; both in the order of codes.
  const uint32_t* order;
  size_t quads;  // groups
  const uint8_t* codes;
  size_t depth;
};

// How one weight's 256 table entries split: entry = base + low + 256 * high.
struct RowInfo {
  int32_t base;
  uint8_t planes;    // 0: all entries equal base, 1: low only, 2: low and high
  uint8_t max_high;  // the largest value in the high plane
};

// Makes the differences of entries and base signed numbers of 16 bits.
inline constexpr int32_t kShortBase = 1 << 15;

// One multiplier's table, by weight code first so that a weight's entries lie together.
struct TableView {
  const int32_t* rows;    // [256 weights][256 activations], aligned to 64 bytes
  const uint8_t* planes;  // [256 weights][low, high][256 activations], aligned to 64 bytes
  const RowInfo* info;    // [256 weights]
  // entry - base - kShortBase, as rows; null where a row spans 2^16 or more. Aligned to 64 bytes.
  const int16_t* short_rows;
};

// Activation codes of one block of positions: codes[k * stride + position], aligned to 64 bytes.
// Beyond the positions there may be any bytes.
struct TileView {
  const uint8_t* codes;
  size_t stride;       // a multiple of kPositionBlock
  size_t positions;    // whose sums are wanted
  unsigned code_bits;  // all codes are below 2^code_bits: 6, 7 or 8
};

// How accumulators of one channel become output codes.
struct Requantization {
  uint32_t constant;         // added to every accumulator: bias and zero-point terms
  uint32_t weight_zero;      // times the sum of activations, subtracted
  const uint32_t* code_sum;  // sum of activation values of each position, or null
  float scale;
  int32_t output_zero;
  int32_t lowest;  // of the output type
  int32_t highest;
};

// Writes acc[position] = sum over the channel's products of table[activation][weight], mod 2^32,
// for every position of the tile. What the rest of acc[stride] gets does not matter.
using AccumulateFunction = void (*)(const ChannelView&, const TableView&, const TileView&,
                                    uint32_t* acc);

// The same for `count` channels, at most kMostGrouped, of equal depth: acc[channel * stride +
// position], aligned to 64 bytes.
using AccumulateGroupFunction = void (*)(const ChannelView*, const TableView*, size_t count,
                                         const TileView&, uint32_t* acc);

// Writes codes[position] for `count` positions (a multiple of kRequantized).
using RequantizeFunction = void (*)(const Requantization&, const uint32_t* acc, size_t count,
                                    uint8_t* codes);

struct Kernel {
  const char* name;
  const char* isa;  // the name that HAWX_ISA takes
  const char* op;
  const char* instruction_set;
  AccumulateFunction accumulate;
  AccumulateGroupFunction accumulate_group;  // null where channels are best taken one by one
  RequantizeFunction requantize;
  bool (*supported)();  // by this CPU and operating system
  bool needs_planes;    // runs only tables whose rows split into byte planes
};

}  // namespace hawx
