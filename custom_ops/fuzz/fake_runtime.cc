#include "fake_runtime.h"

#include <algorithm>
#include <cstring>

namespace hawx::fuzz {
namespace {

using ort::Slot;

void* functions[300];

template <Slot S>
void set(typename ort::Signature<S>::Function function) {
  functions[static_cast<size_t>(S)] = reinterpret_cast<void*>(function);
}

OrtStatus* refuse(const std::string& text) { return new OrtStatus{text}; }

// The protocol of all lists: the size first, into a null pointer, then the elements.
template <typename List, typename Element>
OrtStatus* hand_out(const List& list, size_t length, Element* out, size_t* size) {
  if (out != nullptr) {
    if (*size < length) return refuse("too little room");
    std::copy_n(list.data(), length, out);
  }
  *size = length;
  return nullptr;
}

OrtStatus* make_output(OrtKernelContext* context, const int64_t* dims, size_t rank,
                       OrtValue** out) {
  OrtValue& output = context->output;
  output.shape.assign(dims, dims + rank);
  const int64_t count = count_elements(output.shape);
  if (count < 0) return refuse("the output is too large");
  const size_t bytes = static_cast<size_t>(count) * element_size(output.type);
  output.data.reset(new uint8_t[bytes]);
  std::memset(output.data.get(), 0xa5, bytes);
  *out = &output;
  return nullptr;
}

void set_tensors() {
  set<Slot::GetTensorTypeAndShape>([](const OrtValue* v, OrtTensorTypeAndShapeInfo** info) {
    *info = new OrtTensorTypeAndShapeInfo{v};
    return static_cast<OrtStatus*>(nullptr);
  });
  set<Slot::ReleaseTensorTypeAndShapeInfo>([](OrtTensorTypeAndShapeInfo* info) { delete info; });
  set<Slot::GetDimensionsCount>([](const OrtTensorTypeAndShapeInfo* info, size_t* rank) {
    *rank = info->value->shape.size();
    return static_cast<OrtStatus*>(nullptr);
  });
  set<Slot::GetDimensions>([](const OrtTensorTypeAndShapeInfo* info, int64_t* dims, size_t rank) {
    return hand_out(info->value->shape, info->value->shape.size(), dims, &rank);
  });
  set<Slot::GetTensorElementType>([](const OrtTensorTypeAndShapeInfo* info, int* type) {
    *type = info->value->type;
    return static_cast<OrtStatus*>(nullptr);
  });
  set<Slot::GetTensorMutableData>([](OrtValue* value, void** data) {
    *data = value->data.get();
    return static_cast<OrtStatus*>(nullptr);
  });
}

void set_nodes() {
  set<Slot::KernelInfo_GetNodeName>([](const OrtKernelInfo*, char* out, size_t* size) {
    return hand_out(std::string("node"), 5, out, size);
  });
  set<Slot::KernelInfoGetAttribute_int64>(
      [](const OrtKernelInfo* info, const char* name, int64_t* out) {
        const auto found = info->numbers.find(name);
        if (found == info->numbers.end()) return refuse("no such attribute");
        *out = found->second;
        return static_cast<OrtStatus*>(nullptr);
      });
  set<Slot::KernelInfoGetAttribute_string>(
      [](const OrtKernelInfo* info, const char* name, char* out, size_t* size) {
        const auto found = info->strings.find(name);
        if (found == info->strings.end()) return refuse("no such attribute");
        return hand_out(found->second, found->second.size() + 1, out, size);
      });
  set<Slot::KernelInfoGetAttributeArray_int64>(
      [](const OrtKernelInfo* info, const char* name, int64_t* out, size_t* size) {
        const auto found = info->lists.find(name);
        if (found == info->lists.end()) return refuse("no such attribute");
        return hand_out(found->second, found->second.size(), out, size);
      });
  set<Slot::KernelInfoGetConstantInput_tensor>(
      [](const OrtKernelInfo* info, size_t index, int* is_constant, const OrtValue** value) {
        *value = index < info->constants.size() ? info->constants[index] : nullptr;
        *is_constant = *value != nullptr;
        return static_cast<OrtStatus*>(nullptr);
      });
}

void set_runs() {
  set<Slot::KernelContext_GetInputCount>([](const OrtKernelContext* context, size_t* count) {
    *count = context->inputs.size();
    return static_cast<OrtStatus*>(nullptr);
  });
  set<Slot::KernelContext_GetInput>(
      [](const OrtKernelContext* context, size_t index, const OrtValue** value) {
        *value = context->inputs.at(index);
        return static_cast<OrtStatus*>(nullptr);
      });
  set<Slot::KernelContext_GetOutput>(
      [](OrtKernelContext* context, size_t, const int64_t* dims, size_t rank, OrtValue** value) {
        return make_output(context, dims, rank, value);
      });
  set<Slot::KernelContext_ParallelFor>(
      [](const OrtKernelContext*, void (*task)(void*, size_t), size_t count, size_t, void* self) {
        while (count-- > 0) task(self, count);
        return static_cast<OrtStatus*>(nullptr);
      });
}

void set_statuses() {
  set<Slot::CreateStatus>([](int, const char* text) { return refuse(text); });
  set<Slot::GetErrorMessage>([](const OrtStatus* status) { return status->text.c_str(); });
  set<Slot::ReleaseStatus>([](OrtStatus* status) { delete status; });
}

}  // namespace

int64_t count_elements(const std::vector<int64_t>& shape) {
  if (std::any_of(shape.begin(), shape.end(), [](int64_t dim) { return dim < 0; })) return -1;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t count = 1;
  for (const int64_t dim : shape) {
    if (dim > kMostElements / count) return -1;
    count *= dim;
  }
  return count;
}

size_t element_size(int type) { return type == ort::kFloat || type == ort::kInt32 ? 4 : 1; }

const OrtApi* fake_api() {
  static const bool ready = [] {
    set_tensors();
    set_nodes();
    set_runs();
    set_statuses();
    return true;
  }();
  static_cast<void>(ready);
  return reinterpret_cast<const OrtApi*>(functions);
}

}  // namespace hawx::fuzz
