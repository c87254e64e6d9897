// A read-only view of a tensor that onnxruntime owns.
#pragma once

#include <cstdint>
#include <ostream>
#include <vector>

#include "hawx/ort_abi.h"

namespace hawx {

struct Tensor {
  const char* name = "";  // the op's name for it, used in error texts
  int type = ort::kUndefined;
  std::vector<int64_t> shape;
  const void* data = nullptr;
  bool present = false;

  size_t rank() const { return shape.size(); }
  bool is_signed() const { return type == ort::kInt8; }
  const uint8_t* codes() const { return static_cast<const uint8_t*>(data); }
  const int32_t* int32() const { return static_cast<const int32_t*>(data); }
  const float* float32() const { return static_cast<const float*>(data); }

  size_t size() const {
    size_t count = 1;
    for (int64_t dim : shape) count *= static_cast<size_t>(dim);
    return count;
  }
};

// A shape for error texts, "[2,3,4]", put together only when one is written.
struct Shown {
  const std::vector<int64_t>& shape;
};

inline Shown shown(const std::vector<int64_t>& shape) { return {shape}; }

inline std::ostream& operator<<(std::ostream& out, const Shown& shown) {
  out << '[';
  for (size_t i = 0; i < shown.shape.size(); ++i) out << (i ? "," : "") << shown.shape[i];
  return out << ']';
}

// The number that an 8-bit pattern stands for.
inline int32_t code_value(uint8_t code, bool is_signed) {
  return is_signed ? static_cast<int32_t>(static_cast<int8_t>(code)) : static_cast<int32_t>(code);
}

}  // namespace hawx
