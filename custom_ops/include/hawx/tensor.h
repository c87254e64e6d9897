// A read-only view of a tensor that onnxruntime owns.
#pragma once

#include <cstdint>
#include <string>
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

// "[2,3,4]", as error texts write a shape.
inline std::string to_string(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i ? "," : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

// The number that an 8-bit pattern stands for.
inline int32_t code_value(uint8_t code, bool is_signed) {
  return is_signed ? static_cast<int32_t>(static_cast<int8_t>(code)) : static_cast<int32_t>(code);
}

}  // namespace hawx
