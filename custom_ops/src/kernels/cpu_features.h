// Vector extensions that both the CPU and the operating system support.
#pragma once

#include <string>
#include <vector>

namespace hawx {

struct CpuFeatures {
  bool avx2 = false;
  bool avx_vnni = false;
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512vl = false;
  bool avx512vbmi = false;
  bool avx512vnni = false;

  // Names of those present, as /proc/cpuinfo spells them.
  std::vector<std::string> names() const;
};

// Asked of the CPU once per process.
const CpuFeatures& cpu_features();

}  // namespace hawx
