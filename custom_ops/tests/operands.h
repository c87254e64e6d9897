// Random operands, and what kernels must make of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "gemm/lookup_table.h"
#include "gemm/weight_plan.h"

namespace hawx {

using Random = std::mt19937_64;

inline int32_t between(Random& random, int64_t low, int64_t high) {
  return static_cast<int32_t>(std::uniform_int_distribution<int64_t>(low, high)(random));
}

inline std::vector<uint8_t> random_codes(Random& random, size_t count, int top) {
  std::vector<uint8_t> codes(count);
  for (uint8_t& code : codes) code = static_cast<uint8_t>(between(random, 0, top));
  return codes;
}

inline std::vector<int32_t> random_entries(Random& random, int64_t low, int64_t high) {
  std::vector<int32_t> entries(kTableEntries);
  for (int32_t& entry : entries) entry = between(random, low, high);
  return entries;
}

inline std::vector<const uint8_t*> rows_of(const std::vector<uint8_t>& codes, size_t count,
                                           size_t depth) {
  std::vector<const uint8_t*> rows;
  for (size_t c = 0; c < count; ++c) rows.push_back(codes.data() + c * depth);
  return rows;
}

inline WeightPlan plan_of(const std::vector<uint8_t>& codes, size_t count, size_t depth,
                          const LookupTable& table) {
  return WeightPlan(rows_of(codes, count, depth), depth, table.weight_classes());
}

inline uint8_t requantize_plainly(const Requantization& q, uint32_t acc, uint32_t code_sum) {
  const uint32_t sum = acc + q.constant - q.weight_zero * code_sum;
  const float scaled = static_cast<float>(static_cast<int32_t>(sum)) * q.scale;
  const float low = static_cast<float>(q.lowest - q.output_zero);
  const float high = static_cast<float>(q.highest - q.output_zero);
  const float rounded = std::nearbyint(std::min(std::max(scaled, low), high));
  return static_cast<uint8_t>(static_cast<int32_t>(rounded) + q.output_zero);
}

}  // namespace hawx
