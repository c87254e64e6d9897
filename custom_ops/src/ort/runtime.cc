#include "ort/runtime.h"

#include <exception>
#include <mutex>

namespace hawx {

using ort::Slot;

void Runtime::check(OrtStatus* status) const {
  if (status == nullptr) return;
  const std::string text = ort::call<Slot::GetErrorMessage>(api, status);
  ort::call<Slot::ReleaseStatus>(api, status);
  throw Error(text);
}

Tensor Runtime::tensor(const OrtValue* value, const char* name) const {
  Tensor tensor;
  tensor.name = name;
  if (value == nullptr) return tensor;
  OrtTensorTypeAndShapeInfo* info = nullptr;
  check(ort::call<Slot::GetTensorTypeAndShape>(api, value, &info));
  size_t rank = 0;
  OrtStatus* status = ort::call<Slot::GetDimensionsCount>(api, info, &rank);
  if (status == nullptr) {
    tensor.shape.resize(rank);
    status = ort::call<Slot::GetDimensions>(api, info, tensor.shape.data(), rank);
  }
  if (status == nullptr) status = ort::call<Slot::GetTensorElementType>(api, info, &tensor.type);
  ort::call<Slot::ReleaseTensorTypeAndShapeInfo>(api, info);
  check(status);
  void* data = nullptr;
  // The C function has no read-only form; the data are only read.
  check(ort::call<Slot::GetTensorMutableData>(api, const_cast<OrtValue*>(value), &data));
  tensor.data = data;
  tensor.present = true;
  return tensor;
}

std::string NodeInfo::name() const {
  const OrtApi* api = runtime_.api;
  size_t size = 0;
  runtime_.check(ort::call<Slot::KernelInfo_GetNodeName>(api, info_, nullptr, &size));
  std::string text(size, '\0');
  runtime_.check(ort::call<Slot::KernelInfo_GetNodeName>(api, info_, text.data(), &size));
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

int64_t NodeInfo::attribute(const char* name, int64_t otherwise) const {
  int64_t value = 0;
  OrtStatus* status =
      ort::call<Slot::KernelInfoGetAttribute_int64>(runtime_.api, info_, name, &value);
  if (status == nullptr) return value;
  ort::call<Slot::ReleaseStatus>(runtime_.api, status);
  return otherwise;
}

std::string NodeInfo::attribute(const char* name, const std::string& otherwise) const {
  const OrtApi* api = runtime_.api;
  size_t size = 0;
  OrtStatus* status =
      ort::call<Slot::KernelInfoGetAttribute_string>(api, info_, name, nullptr, &size);
  if (status != nullptr) {
    ort::call<Slot::ReleaseStatus>(api, status);
    return otherwise;
  }
  std::string text(size, '\0');
  runtime_.check(
      ort::call<Slot::KernelInfoGetAttribute_string>(api, info_, name, text.data(), &size));
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

std::vector<int64_t> NodeInfo::attributes(const char* name) const {
  const OrtApi* api = runtime_.api;
  size_t size = 0;
  OrtStatus* status =
      ort::call<Slot::KernelInfoGetAttributeArray_int64>(api, info_, name, nullptr, &size);
  if (status != nullptr) {
    ort::call<Slot::ReleaseStatus>(api, status);
    return {};
  }
  std::vector<int64_t> values(size);
  if (size == 0) return values;
  runtime_.check(
      ort::call<Slot::KernelInfoGetAttributeArray_int64>(api, info_, name, values.data(), &size));
  return values;
}

Tensor NodeInfo::constant_input(size_t index, const char* name) const {
  int is_constant = 0;
  const OrtValue* value = nullptr;
  runtime_.check(ort::call<Slot::KernelInfoGetConstantInput_tensor>(runtime_.api, info_, index,
                                                                    &is_constant, &value));
  return runtime_.tensor(is_constant != 0 ? value : nullptr, name);
}

Tensor RunContext::input(size_t index, const char* name) const {
  size_t count = 0;
  runtime_.check(ort::call<Slot::KernelContext_GetInputCount>(runtime_.api, context_, &count));
  const OrtValue* value = nullptr;
  if (index < count) {
    runtime_.check(ort::call<Slot::KernelContext_GetInput>(runtime_.api, context_, index, &value));
  }
  return runtime_.tensor(value, name);
}

void* RunContext::output(size_t index, const std::vector<int64_t>& shape) const {
  OrtValue* value = nullptr;
  runtime_.check(ort::call<Slot::KernelContext_GetOutput>(runtime_.api, context_, index,
                                                          shape.data(), shape.size(), &value));
  void* data = nullptr;
  runtime_.check(ort::call<Slot::GetTensorMutableData>(runtime_.api, value, &data));
  return data;
}

namespace {

// Carries a task through C, and the first exception of any thread back.
struct Fork {
  const std::function<void(size_t)>* task;
  std::mutex mutex;
  std::exception_ptr error;

  static void run(void* self, size_t index) noexcept {
    Fork& fork = *static_cast<Fork*>(self);
    try {
      (*fork.task)(index);
    } catch (...) {
      std::lock_guard<std::mutex> lock(fork.mutex);
      if (fork.error == nullptr) fork.error = std::current_exception();
    }
  }
};

}  // namespace

void RunContext::parallel_for(size_t count, const std::function<void(size_t)>& task) const {
  if (count == 1 || runtime_.version < ort::kParallelForApiVersion) {
    for (size_t i = 0; i < count; ++i) task(i);
    return;
  }
  Fork fork{&task, {}, nullptr};
  runtime_.check(ort::call<Slot::KernelContext_ParallelFor>(
      runtime_.api, static_cast<const OrtKernelContext*>(context_), &Fork::run, count, size_t{0},
      static_cast<void*>(&fork)));
  if (fork.error != nullptr) std::rethrow_exception(fork.error);
}

}  // namespace hawx
