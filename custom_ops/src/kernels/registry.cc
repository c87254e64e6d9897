#include "kernels/registry.h"

#include <algorithm>
#include <cstdlib>
#include <string>

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

#if defined(HAWX_AVX_VNNI)
bool has_avx_vnni() { return has_avx2() && cpu_features().avx_vnni; }
#endif

bool has_avx512vnni() { return has_avx512vbmi() && cpu_features().avx512vnni; }
#endif

}  // namespace

const std::vector<Kernel>& kernel_table() {
  static const std::vector<Kernel> table = {
#if defined(HAWX_X86_KERNELS)
      {"permute_avx512vbmi", "avx512", "lookup_gemm", "avx512vbmi", permute_avx512vbmi, nullptr,
       requantize_avx512, has_avx512vbmi, true},
      {"lanes_avx2", "avx2", "lookup_gemm", "avx2", shuffle_avx2, lanes_avx2, requantize_avx2,
       has_avx2, false},
#endif
      {"gather_scalar", "scalar", "lookup_gemm", "scalar", gather_scalar, nullptr,
       requantize_scalar, always, false},
  };
  return table;
}

const std::vector<ProductKernel>& product_kernel_table() {
  static const std::vector<ProductKernel> table = {
#if defined(HAWX_X86_KERNELS)
      {"product_avx512vnni", "avx512", "product_gemm", "avx512vnni", product_avx512vnni,
       translate_avx512vbmi, interleave_avx512vbmi, has_avx512vnni, 9},
#if defined(HAWX_AVX_VNNI)
      {"product_avxvnni", "avx2", "product_gemm", "avx_vnni", product_avxvnni, translate_scalar,
       interleave_scalar, has_avx_vnni, 8},
#endif
      {"product_avx2", "avx2", "product_gemm", "avx2", product_avx2, translate_scalar,
       interleave_scalar, has_avx2, 4},
#endif
      {"product_scalar", "scalar", "product_gemm", "scalar", product_scalar, translate_scalar,
       interleave_scalar, always, 2},
  };
  return table;
}

namespace {

// The best supported one of the instruction sets from that of `preferred` on, in the order of the
// table of kernels.
const ProductKernel* choose_product(const Kernel* preferred) {
  for (;; ++preferred) {  // both tables end with the portable kernels
    for (const ProductKernel& product : product_kernel_table()) {
      const bool same = std::string(product.isa) == preferred->isa;
      if (same && product.supported()) return &product;
    }
  }
}

}  // namespace

Dispatch Dispatch::from_environment() {
  const char* forced = std::getenv("HAWX_ISA");
  const std::string isa = forced == nullptr ? "" : forced;
  std::string known;
  for (const Kernel& kernel : kernel_table()) {
    if (isa.empty() && kernel.supported()) return Dispatch(&kernel, choose_product(&kernel));
    if (isa == kernel.isa) {
      require(kernel.supported(), "HAWX_ISA=", isa, ": this CPU or operating system lacks ",
              kernel.instruction_set, "; unset HAWX_ISA or set it to scalar");
      return Dispatch(&kernel, choose_product(&kernel));
    }
    known += (known.empty() ? "" : ", ") + std::string(kernel.isa);
  }
  fail("HAWX_ISA=", isa, ": this build has no such instruction set, it has ", known);
}

bool Dispatch::takes_products(const Multiplier& multiplier, size_t channels) const {
  if (multiplier.factors == nullptr) return false;
  // Terms cost their products, and their activations' transformation, which channels share.
  const size_t most = product_->most_terms;
  return multiplier.factors->terms().size() <= (channels < 4 ? std::min<size_t>(most, 1) : most);
}

const Kernel& Dispatch::choose(const LookupTable& table) const {
  const Kernel* kernel = preferred_;
  while (!kernel->supported() || (kernel->needs_planes && !table.splits_into_planes())) ++kernel;
  return *kernel;  // at the latest the last one
}

}  // namespace hawx
