#include "gemm/transposed_lookups.h"

#include <algorithm>

namespace hawx {
namespace {

// Tenths of a cycle for one product with `count` places of a vector operand: look-ups, and for each
// block of four vectors its share of loading the table's entries, the smaller the longer the runs.
// Measured with the AVX-512 kernel on Zen 5.
size_t product_time(size_t count, size_t depth) {
  const size_t vectors = (count + kPositionBlock - 1) / kPositionBlock;
  const size_t blocks = (vectors + 3) / 4;
  return 36 * vectors + (5 + std::min<size_t>(72, 43000 / depth)) * blocks;
}

}  // namespace

bool transposing_pays(size_t positions, size_t channels, size_t depth) {
  if (depth == 0) return false;
  const size_t sorting = 60 * depth + 10000;
  return positions * (depth * product_time(channels, depth) + sorting) <
         channels * depth * product_time(positions, depth);
}

TransposedLookups::TransposedLookups(const LookupTable& table, const WeightPlan& weights)
    : depth_(weights.depth()),
      channels_(weights.channels()),
      codes_((channels_ + kBlock - 1) / kBlock * kBlock * depth_ + 1) {
  uint8_t used = 0;
  for (size_t c = 0; c < channels_; ++c) {
    const size_t block = c / kBlock;
    uint8_t* to = codes_.data() + block * kBlock * depth_ + c % kBlock;
    const uint8_t* codes = weights.channel(c).codes;
    for (size_t k = 0; k < depth_; ++k) {
      const uint8_t code = table.activation_classes()[codes[k]];
      to[k * width(block)] = code;
      used |= code;
    }
  }
  code_bits_ = bits_of(used);
}

}  // namespace hawx
