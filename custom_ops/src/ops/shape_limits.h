// Bounds on shapes: tensors without elements may claim dimensions of any size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hawx {

// The largest dimension: keeps sums and products of two sizes within 64 bits.
constexpr int64_t kLargestSize = (int64_t{1} << 31) - 1;

// Matrices of one product, which are listed one by one.
constexpr size_t kMostMatrices = size_t{1} << 24;

// Refuses a dimension beyond kLargestSize, and dimensions that multiply (zeros left out) to more
// than 2^48.
void check_sizes(const std::vector<int64_t>& shape, const char* name);

// How many matrices the leading dimensions count; refuses more than kMostMatrices.
size_t matrix_count(const std::vector<int64_t>& leading, const char* name);

}  // namespace hawx
