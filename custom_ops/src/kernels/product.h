// What a kernel of exact products computes: sums of 8-bit products, four at a time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hawx {

// Products come in quads: depth is filled up to whole quads with weights of 0.
inline constexpr size_t kQuad = 4;

// Sums of some channels over one block of positions.
struct ProductBlock {
  const int8_t* weights;  // [channels][weight_stride]: the first 4 * quads of each row are used
  size_t weight_stride;   // a multiple of kQuad
  size_t channels;
  size_t quads;
  const uint8_t* panel;  // activations [quads][stride][kQuad], aligned to 64 bytes
  size_t positions;      // of which sums are wanted, at most `stride`
  size_t stride;         // a multiple of kRequantized
  uint32_t scale;
  // What sums start from: null for 0, else start[channel * start_stride + position], aligned to 64
  // bytes; may be `sums` itself.
  const uint32_t* start;
  size_t start_stride;
  uint32_t* sums;  // [channels][stride], aligned to 64 bytes
};

// Writes sums[channel * stride + position] = start + scale * sum over k of activation * weight, mod
// 2^32, for all wanted positions; others up to `stride` may be written too.
using MultiplyFunction = void (*)(const ProductBlock&);

// Writes to[i] = map[from[i]].
using TranslateFunction = void (*)(const uint8_t* from, size_t count, const uint8_t* map,
                                   uint8_t* to);

// Writes to[4 * i + j] = map[rows[j][i]]; a null map leaves codes as they are.
using InterleaveFunction = void (*)(const uint8_t* const rows[kQuad], size_t count,
                                    const uint8_t* map, uint8_t* to);

struct ProductKernel {
  const char* name;
  const char* isa;  // the name that HAWX_ISA takes
  const char* op;
  const char* instruction_set;
  MultiplyFunction multiply;
  TranslateFunction translate;
  InterleaveFunction interleave;
  bool (*supported)();  // by this CPU and operating system
  size_t most_terms;    // of a table that is likely faster than by look-ups
};

}  // namespace hawx
