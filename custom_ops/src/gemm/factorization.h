// A multiplier's truth table as a sum of products of 8-bit factors.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "gemm/lookup_table.h"

namespace hawx {

// Columns of one term as models write it: table, scale, activation factors, weight factors.
inline constexpr size_t kFactorColumns = 2 + 2 * kCodes;

// By how much weight factors beyond int8 are shifted.
inline constexpr int32_t kWeightOffset = 128;

// scale * (activation[a] - activation_offset) * (weight[w] + weight_offset): factors shifted to the
// types that kernels of products take.
struct Term {
  // `row` holds kFactorColumns numbers; factors are all within int8 or all within uint8.
  explicit Term(const int32_t* row);

  uint32_t scale;
  int32_t activation_offset;
  int32_t weight_offset;
  std::array<uint8_t, kCodes> activation;
  std::array<int8_t, kCodes> weight;
};

class Factorization {
 public:
  // Takes those of `count` rows that are of table `table`, scales grouped.
  Factorization(const int32_t* rows, size_t count, int32_t table);

  // Whether the terms sum up to every entry, over the integers mod 2^32.
  bool equals(const LookupTable& table) const;

  // The sum of activations, whatever the weights: one term, 1 for every weight.
  static Factorization of_activations(bool is_signed);

  const std::vector<Term>& terms() const { return terms_; }

 private:
  Factorization() = default;

  std::vector<Term> terms_;
};

}  // namespace hawx
