// Copies of the few bytes of one image row, mostly without a call, and a look at many at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hawx {

// Bytes that copies of whole blocks may read beyond the last one wanted.
inline constexpr size_t kCopySlack = 64;

// Copies by two blocks that may overlap; kBytes <= count <= 2 * kBytes.
template <size_t kBytes>
inline void copy_two(uint8_t* to, const uint8_t* from, size_t count) {
  uint8_t head[kBytes], tail[kBytes];
  std::memcpy(head, from, kBytes);
  std::memcpy(tail, from + count - kBytes, kBytes);
  std::memcpy(to, head, kBytes);
  std::memcpy(to + count - kBytes, tail, kBytes);
}

inline void copy_short(uint8_t* to, const uint8_t* from, size_t count) {
  if (count > 32) {
    std::memcpy(to, from, count);
  } else if (count >= 16) {
    copy_two<16>(to, from, count);
  } else if (count >= 8) {
    copy_two<8>(to, from, count);
  } else if (count >= 4) {
    copy_two<4>(to, from, count);
  } else {
    for (size_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

template <size_t kBytes>
inline void copy_block(uint8_t* to, const uint8_t* from) {
  uint8_t block[kBytes];
  std::memcpy(block, from, kBytes);
  std::memcpy(to, block, kBytes);
}

// The bits of all codes together.
inline uint8_t all_bits(const uint8_t* codes, size_t count) {
  uint64_t bits = 0;
  size_t i = 0;
  for (; i + sizeof(bits) <= count; i += sizeof(bits)) {
    uint64_t word;
    std::memcpy(&word, codes + i, sizeof(word));
    bits |= word;
  }
  for (; i < count; ++i) bits |= codes[i];
  bits |= bits >> 32;
  bits |= bits >> 16;
  return static_cast<uint8_t>(bits | bits >> 8);
}

// Writes to[i] = from[i * step] for i < count.
template <typename Element>
inline void copy_elements(Element* to, const Element* from, size_t count, size_t step) {
  if (step == 1) {
    copy_short(reinterpret_cast<uint8_t*>(to), reinterpret_cast<const uint8_t*>(from),
               count * sizeof(Element));
    return;
  }
  for (size_t i = 0; i < count; ++i) to[i] = from[i * step];
}

}  // namespace hawx
