#include "ops/shape_limits.h"

#include <algorithm>

#include "hawx/error.h"
#include "hawx/tensor.h"

namespace hawx {

void check_sizes(const std::vector<int64_t>& shape, const char* name) {
  constexpr int64_t kMost = int64_t{1} << 48;
  int64_t product = 1;
  for (const int64_t dim : shape) {
    const int64_t size = std::max<int64_t>(dim, 1);
    require(size <= kLargestSize && product <= kMost / size, name, " has shape ", shown(shape),
            ", its sizes reach 2^31 or multiply to more than 2^48");
    product *= size;
  }
}

size_t matrix_count(const std::vector<int64_t>& leading, const char* name) {
  check_sizes(leading, name);
  size_t count = 1;
  for (const int64_t dim : leading) count *= static_cast<size_t>(dim);
  require(count <= kMostMatrices, name, " has ", count, " matrices in the leading dimensions ",
          shown(leading), ", more than ", kMostMatrices);
  return count;
}

}  // namespace hawx
