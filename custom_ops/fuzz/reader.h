// Turns a fuzzer's bytes into choices; past their end every choice is the first one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace hawx::fuzz {

class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

  // True for `share` of 256 bytes.
  bool chance(int share) { return byte() >= 256 - share; }

  // From low to high, both included; high - low below 256.
  int64_t between(int64_t low, int64_t high) { return low + byte() % (high - low + 1); }

  // A whole number of any size, with those preferred that break things.
  int64_t whole() {
    static constexpr int64_t kEdges[] = {0,
                                         -1,
                                         1,
                                         2,
                                         255,
                                         256,
                                         std::numeric_limits<int32_t>::max(),
                                         int64_t{1} << 31,
                                         int64_t{1} << 32,
                                         int64_t{1} << 61,
                                         int64_t{1} << 62,
                                         std::numeric_limits<int64_t>::max(),
                                         std::numeric_limits<int64_t>::min()};
    if (!chance(64)) return kEdges[byte() % (sizeof(kEdges) / sizeof(kEdges[0]))];
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits = bits << 8 | byte();
    return static_cast<int64_t>(bits);
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace hawx::fuzz
