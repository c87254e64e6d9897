// onnxruntime's C functions with tensors, attributes and C++ errors.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hawx/error.h"
#include "hawx/ort_abi.h"
#include "hawx/tensor.h"

namespace hawx {

// The API table together with the version it was asked for.
struct Runtime {
  const OrtApi* api = nullptr;
  uint32_t version = 0;

  // Throws Error with the status' text unless it is null; releases it.
  void check(OrtStatus* status) const;

  // Describes an input or output that onnxruntime owns; `value` may be null (absent).
  Tensor tensor(const OrtValue* value, const char* name) const;
};

// A node at session creation: its name, attributes and constant inputs.
class NodeInfo {
 public:
  NodeInfo(Runtime runtime, const OrtKernelInfo* info) : runtime_(runtime), info_(info) {}

  std::string name() const;
  const Runtime& runtime() const { return runtime_; }

  // Attributes; the default when the node does not have them.
  int64_t attribute(const char* name, int64_t otherwise) const;
  std::string attribute(const char* name, const std::string& otherwise) const;
  std::vector<int64_t> attributes(const char* name) const;

  // The input where it is a constant initializer; otherwise a tensor that is not present.
  Tensor constant_input(size_t index, const char* name) const;

 private:
  Runtime runtime_;
  const OrtKernelInfo* info_;
};

// One run of a node: its inputs, outputs and the threads it may use.
class RunContext {
 public:
  RunContext(Runtime runtime, OrtKernelContext* context) : runtime_(runtime), context_(context) {}

  // A tensor that is not present where an optional input is absent.
  Tensor input(size_t index, const char* name) const;

  // Allocates the output; returns its memory.
  void* output(size_t index, const std::vector<int64_t>& shape) const;

  // Runs task(0) .. task(count - 1) on onnxruntime's pool, or in turn where it lends none.
  // Throws the first error of any task.
  void parallel_for(size_t count, const std::function<void(size_t)>& task) const;

  // parallel_for as a function; this object must outlive it.
  std::function<void(size_t, const std::function<void(size_t)>&)> forks() const {
    return [this](size_t count, const std::function<void(size_t)>& task) {
      parallel_for(count, task);
    };
  }

 private:
  Runtime runtime_;
  OrtKernelContext* context_;
};

}  // namespace hawx
