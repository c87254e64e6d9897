// The one table of kernels: it feeds dispatch, DescribeKernels and the tests.
#pragma once

#include <string>
#include <vector>

#include "gemm/lookup_table.h"
#include "kernels/kernel.h"

namespace hawx {

// Every kernel of this build, the best first; the last one is portable and takes every table.
const std::vector<Kernel>& kernel_table();

// Which kernels may be used: all that this CPU supports, or the one instruction set that the
// environment variable HAWX_ISA names (and lesser ones for tables that its kernel cannot take).
class Dispatch {
 public:
  // Reads HAWX_ISA. Throws Error when it names an unknown or an unsupported instruction set.
  static Dispatch from_environment();

  // The best kernel for this table.
  const Kernel& choose(const LookupTable& table) const;

  // The best kernel for any table that splits into byte planes.
  const Kernel& preferred() const { return *preferred_; }

 private:
  explicit Dispatch(const Kernel* preferred) : preferred_(preferred) {}

  const Kernel* preferred_;
};

}  // namespace hawx
