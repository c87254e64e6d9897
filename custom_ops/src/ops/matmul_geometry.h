// Shapes of a batched matrix product with broadcasting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hawx {

struct MatMulGeometry {
  // Throws Error when the shapes do not fit together or have fewer than two dimensions.
  MatMulGeometry(const std::vector<int64_t>& a_shape, const std::vector<int64_t>& b_shape);

  // One product of two matrices, by their index among the matrices of A, B and Y.
  struct Product {
    size_t a;
    size_t y;
  };

  std::vector<int64_t> output_shape;
  size_t rows;     // of each matrix of A
  size_t depth;    // columns of A, rows of B
  size_t columns;  // of each matrix of B
  // For each matrix of B the products that it takes part in: equally many for every one.
  std::vector<std::vector<Product>> products;
};

}  // namespace hawx
