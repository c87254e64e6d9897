// The one table of kernels: it feeds dispatch, DescribeKernels and the tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gemm/lookup_table.h"
#include "gemm/multiplier.h"
#include "kernels/kernel.h"
#include "kernels/product.h"

namespace hawx {

// Every kernel of this build, the best first; the last one is portable and takes every table.
const std::vector<Kernel>& kernel_table();

// The kernels of exact products, likewise.
const std::vector<ProductKernel>& product_kernel_table();

// Which kernels may be used: all that this CPU supports, or the one instruction set that the
// environment variable HAWX_ISA names (and lesser ones for tables that its kernel cannot take).
class Dispatch {
 public:
  // Reads HAWX_ISA. Throws Error when it names an unknown or an unsupported instruction set.
  static Dispatch from_environment();

  // The best kernel for this table.
  const Kernel& choose(const LookupTable& table) const;

  // Whether sums of products are likely faster than look-ups for that many output channels.
  bool takes_products(const Multiplier& multiplier, size_t channels) const;

  // What runs a multiplier that so many output channels of a group share.
  const char* kernel_name(const Multiplier& multiplier, size_t channels) const {
    return takes_products(multiplier, channels) ? product_->name : choose(*multiplier.table).name;
  }

  // The best kernel of exact products.
  const ProductKernel& product() const { return *product_; }

  // The best kernel for any table that splits into byte planes.
  const Kernel& preferred() const { return *preferred_; }

 private:
  Dispatch(const Kernel* preferred, const ProductKernel* product)
      : preferred_(preferred), product_(product) {}

  const Kernel* preferred_;
  const ProductKernel* product_;
};

}  // namespace hawx
