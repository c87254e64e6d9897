// As much of onnxruntime as the operators see, so that they run without it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hawx/ort_abi.h"

struct OrtStatus {
  std::string text;
};

// A tensor; the data end with its last element, so that reads past it are found.
struct OrtValue {
  int type = hawx::ort::kUndefined;
  std::vector<int64_t> shape;
  std::shared_ptr<uint8_t[]> data;
};

struct OrtTensorTypeAndShapeInfo {
  const OrtValue* value;
};

struct OrtKernelInfo {
  std::map<std::string, int64_t> numbers;
  std::map<std::string, std::string> strings;
  std::map<std::string, std::vector<int64_t>> lists;
  std::vector<const OrtValue*> constants;  // null where the input is none
};

struct OrtKernelContext {
  std::vector<const OrtValue*> inputs;  // null where one is absent
  OrtValue output;                      // its type is known beforehand
};

namespace hawx::fuzz {

// Elements that a tensor may have here; outputs beyond are refused as if memory had run out.
inline constexpr int64_t kMostElements = int64_t{1} << 16;

// Elements of the shape; -1 beyond kMostElements or for a negative dimension.
int64_t count_elements(const std::vector<int64_t>& shape);

size_t element_size(int type);

const OrtApi* fake_api();

}  // namespace hawx::fuzz
