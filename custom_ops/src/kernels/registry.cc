#include "kernels/registry.h"

#include <cstdlib>

#include "hawx/error.h"
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

namespace hawx {
namespace {

bool always() { return true; }

#if defined(HAWX_X86_KERNELS)
bool has_avx2() { return cpu_features().avx2; }

bool has_avx512vbmi() {
  const CpuFeatures& cpu = cpu_features();
  return cpu.avx512f && cpu.avx512bw && cpu.avx512vl && cpu.avx512vbmi;
}
#endif

}  // namespace

const std::vector<Kernel>& kernel_table() {
  static const std::vector<Kernel> table = {
#if defined(HAWX_X86_KERNELS)
      {"permute_avx512vbmi", "avx512", "lookup_gemm", "avx512vbmi", permute_avx512vbmi, nullptr,
       requantize_avx512, has_avx512vbmi, true},
      {"lanes_avx2", "avx2", "lookup_gemm", "avx2", gather_scalar, lanes_avx2, requantize_avx2,
       has_avx2, false},
#endif
      {"gather_scalar", "scalar", "lookup_gemm", "scalar", gather_scalar, nullptr,
       requantize_scalar, always, false},
  };
  return table;
}

Dispatch Dispatch::from_environment() {
  const char* forced = std::getenv("HAWX_ISA");
  const std::string isa = forced == nullptr ? "" : forced;
  std::string known;
  for (const Kernel& kernel : kernel_table()) {
    if (isa.empty() && kernel.supported()) return Dispatch(&kernel);
    if (isa == kernel.isa) {
      require(kernel.supported(), "HAWX_ISA=", isa, ": this CPU or operating system lacks ",
              kernel.instruction_set, "; unset HAWX_ISA or set it to scalar");
      return Dispatch(&kernel);
    }
    known += (known.empty() ? "" : ", ") + std::string(kernel.isa);
  }
  fail("HAWX_ISA=", isa, ": this build has no such instruction set, it has ", known);
}

const Kernel& Dispatch::choose(const LookupTable& table) const {
  const Kernel* kernel = preferred_;
  while (!kernel->supported() || (kernel->needs_planes && !table.splits_into_planes())) ++kernel;
  return *kernel;  // at the latest the last one
}

}  // namespace hawx
