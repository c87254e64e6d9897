// Sums of table look-ups in the plain way: one gather from an int32 table for each product.
//
// A stand-in for published emulators of approximate multipliers on processors, which unfold their
// windows and look each product up like this. Unfolding, zero points and requantisation are left
// out here, so that what is measured is the least that such an emulator could take. Compiled by
// side_by_side/loop.py with -O3 -march=native.
#include <stddef.h>
#include <stdint.h>

// columns [groups][positions][depth] and weights [groups][channels][depth] are bit patterns of
// codes, table [256][256] has the activation first; sums [groups][channels][positions] wrap around
// modulo 2^32.
void lookup_loop(const uint8_t* columns, const uint8_t* weights, const uint32_t* table,
                 size_t groups, size_t positions, size_t channels, size_t depth, uint32_t* sums) {
  for (size_t g = 0; g < groups; ++g) {
    const uint8_t* group = columns + g * positions * depth;
    for (size_t c = 0; c < channels; ++c) {
      const uint8_t* w = weights + (g * channels + c) * depth;
      uint32_t* out = sums + (g * channels + c) * positions;
      for (size_t p = 0; p < positions; ++p) {
        const uint8_t* a = group + p * depth;
        uint32_t sum = 0;
        for (size_t k = 0; k < depth; ++k) sum += table[(size_t)a[k] * 256 + w[k]];
        out[p] = sum;
      }
    }
  }
}
