// Copies of the few bytes of one image row, mostly without a call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hawx {

// Bytes that copy_elements may read beyond the last element.
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

// Writes to[i] = from[i * step] for i < count. Others below `room` may be written too: whole blocks
// are copied where there is room for them.
template <typename Element>
inline void copy_elements(Element* to, const Element* from, size_t count, size_t step,
                          size_t room) {
  if (step != 1) {
    for (size_t i = 0; i < count; ++i) to[i] = from[i * step];
    return;
  }
  auto* target = reinterpret_cast<uint8_t*>(to);
  const auto* source = reinterpret_cast<const uint8_t*>(from);
  const size_t bytes = count * sizeof(Element);
  const size_t free = room * sizeof(Element);
  if (bytes <= 8 && free >= 8) {
    copy_block<8>(target, source);
  } else if (bytes <= 16 && free >= 16) {
    copy_block<16>(target, source);
  } else if (bytes <= 32 && free >= 32) {
    copy_block<32>(target, source);
  } else if (bytes <= 64 && free >= 64) {
    copy_block<64>(target, source);
  } else {
    copy_short(target, source, bytes);
  }
}

}  // namespace hawx
