#include "kernels/cpu_features.h"

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#define HAWX_X86 1
#endif

namespace hawx {
namespace {

#if defined(HAWX_X86)

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<uint32_t>(out[0]), static_cast<uint32_t>(out[1]), static_cast<uint32_t>(out[2]),
       static_cast<uint32_t>(out[3])};
#else
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
  return r;
}

// Which register states the operating system saves (XCR0).
uint64_t saved_states() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
#endif
}

bool bit(uint32_t word, int index) { return (word >> index & 1u) != 0; }

CpuFeatures detect() {
  CpuFeatures features;
  const bool osxsave = bit(cpuid(1, 0).ecx, 27);
  if (!osxsave) return features;
  const uint64_t states = saved_states();
  const bool ymm = (states & 0x06) == 0x06;
  const bool zmm = (states & 0xe6) == 0xe6;
  const Registers leaf7 = cpuid(7, 0);
  const Registers leaf7_1 = cpuid(7, 1);
  features.avx2 = ymm && bit(leaf7.ebx, 5);
  features.avx_vnni = ymm && bit(leaf7_1.eax, 4);
  features.avx512f = zmm && bit(leaf7.ebx, 16);
  features.avx512bw = zmm && bit(leaf7.ebx, 30);
  features.avx512vl = zmm && bit(leaf7.ebx, 31);
  features.avx512vbmi = zmm && bit(leaf7.ecx, 1);
  features.avx512vnni = zmm && bit(leaf7.ecx, 11);
  return features;
}

#else

CpuFeatures detect() { return {}; }

#endif

}  // namespace

std::vector<std::string> CpuFeatures::names() const {
  std::vector<std::string> present;
  if (avx2) present.push_back("avx2");
  if (avx_vnni) present.push_back("avx_vnni");
  if (avx512f) present.push_back("avx512f");
  if (avx512bw) present.push_back("avx512bw");
  if (avx512vl) present.push_back("avx512vl");
  if (avx512vbmi) present.push_back("avx512vbmi");
  if (avx512vnni) present.push_back("avx512_vnni");
  return present;
}

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

}  // namespace hawx
