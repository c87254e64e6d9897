#include "gemm/factorization.h"

#include <algorithm>

#include "hawx/tensor.h"

namespace hawx {

Term::Term(const int32_t* row) : scale(static_cast<uint32_t>(row[1])) {
  const int32_t* a = row + 2;
  const int32_t* w = a + kCodes;
  activation_offset = *std::min_element(a, a + kCodes) < 0 ? 128 : 0;
  weight_offset = *std::max_element(w, w + kCodes) > 127 ? kWeightOffset : 0;
  for (size_t i = 0; i < kCodes; ++i) {
    activation[i] = static_cast<uint8_t>(a[i] + activation_offset);
    weight[i] = static_cast<int8_t>(w[i] - weight_offset);
  }
}

Factorization::Factorization(const int32_t* rows, size_t count, int32_t table) {
  for (size_t r = 0; r < count; ++r) {
    const int32_t* row = rows + r * kFactorColumns;
    if (row[0] == table) terms_.emplace_back(row);
  }
  std::stable_sort(terms_.begin(), terms_.end(),
                   [](const Term& a, const Term& b) { return a.scale < b.scale; });
}

Factorization Factorization::of_activations(bool is_signed) {
  std::array<int32_t, kFactorColumns> row;
  row.fill(1);
  for (size_t a = 0; a < kCodes; ++a) row[2 + a] = code_value(static_cast<uint8_t>(a), is_signed);
  Factorization sum;
  sum.terms_.emplace_back(row.data());
  return sum;
}

bool Factorization::equals(const LookupTable& table) const {
  std::array<uint32_t, kCodes> sums;
  for (size_t w = 0; w < kCodes; ++w) {
    sums.fill(0);
    for (const Term& term : terms_) {
      const uint32_t weight =
          term.scale * static_cast<uint32_t>(term.weight[w] + term.weight_offset);
      for (size_t a = 0; a < kCodes; ++a) {
        sums[a] += weight * static_cast<uint32_t>(term.activation[a] - term.activation_offset);
      }
    }
    for (size_t a = 0; a < kCodes; ++a) {
      if (sums[a] !=
          static_cast<uint32_t>(table.at(static_cast<uint8_t>(a), static_cast<uint8_t>(w)))) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace hawx
