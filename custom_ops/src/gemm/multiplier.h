// A multiplier as operators use it: its truth table and, where one is known, its factorisation.
#pragma once

#include <memory>

#include "gemm/factorization.h"
#include "gemm/lookup_table.h"

namespace hawx {

struct Multiplier {
  std::shared_ptr<const LookupTable> table;
  std::shared_ptr<const Factorization> factors;  // null, or equal to the table
};

}  // namespace hawx
