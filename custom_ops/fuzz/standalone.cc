// Runs the fuzz target without libFuzzer: on random bytes, or on files.
//
//   hawx_fuzz_short SECONDS [SEED]     random inputs
//   hawx_fuzz_short FILE...            these inputs, as libFuzzer keeps them
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Clock = std::chrono::steady_clock;

// Tells which input it was, as the process may end in it; every one follows from seed and number.
void run_random(double seconds, uint64_t seed) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  uint64_t runs = 0;
  for (; Clock::now() < end; ++runs) {
    std::mt19937_64 random(seed + runs);
    std::vector<uint8_t> bytes(1 + random() % 400);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    if (std::FILE* file = std::fopen("fuzz-last-input", "wb")) {
      std::fwrite(bytes.data(), 1, bytes.size(), file);
      std::fclose(file);
    }
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%llu inputs, from seed %llu on\n", static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(seed));
}

void run_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  char* rest = nullptr;
  const double seconds = argc > 1 ? std::strtod(argv[1], &rest) : 10;
  if (argc < 2 || *rest == '\0') {
    run_random(seconds, argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
    return 0;
  }
  for (int i = 1; i < argc; ++i) run_file(argv[i]);
  return 0;
}
