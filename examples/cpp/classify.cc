// Runs a rewritten model: classify MODEL INPUT.f32 [LIBRARY]
//
// INPUT.f32 holds float32 samples one after the other. With LIBRARY, the path of the custom-op
// library, its kernels run; without, the portable bodies in the model. Both give the same bytes.

#include <onnxruntime_c_api.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

const OrtApi& Api() {
  // Version 16 has all that is used here: every onnxruntime since 1.16 will do.
  static const OrtApi* api = OrtGetApiBase()->GetApi(16);
  if (api == nullptr) throw std::runtime_error("onnxruntime is older than 1.16");
  return *api;
}

void Check(OrtStatus* status) {
  if (status == nullptr) return;
  const std::string text = Api().GetErrorMessage(status);
  Api().ReleaseStatus(status);
  throw std::runtime_error(text);
}

template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

std::vector<float> ReadSamples(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path.string() + " cannot be read");
  std::vector<float> values(std::filesystem::file_size(path) / sizeof(float));
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

Owned<OrtSession> OpenModel(OrtEnv* env, int argc, char** argv) {
  OrtSessionOptions* raw_options = nullptr;
  Check(Api().CreateSessionOptions(&raw_options));
  const Owned<OrtSessionOptions> options(raw_options, Api().ReleaseSessionOptions);
  if (argc == 4) {
    // onnxruntime loads the library and keeps it as long as it is needed.
    Check(Api().RegisterCustomOpsLibrary_V2(options.get(), std::filesystem::path(argv[3]).c_str()));
  }
  OrtSession* raw_session = nullptr;
  Check(Api().CreateSession(env, std::filesystem::path(argv[1]).c_str(), options.get(),
                            &raw_session));
  return {raw_session, Api().ReleaseSession};
}

// The shape of the model's input, its open batch size filled in.
std::vector<int64_t> InputShape(const OrtSession* session, size_t floats) {
  OrtTypeInfo* raw_type = nullptr;
  Check(Api().SessionGetInputTypeInfo(session, 0, &raw_type));
  const Owned<OrtTypeInfo> type(raw_type, Api().ReleaseTypeInfo);
  const OrtTensorTypeAndShapeInfo* info = nullptr;
  Check(Api().CastTypeInfoToTensorInfo(type.get(), &info));
  size_t rank = 0;
  Check(Api().GetDimensionsCount(info, &rank));
  std::vector<int64_t> shape(rank);
  Check(Api().GetDimensions(info, shape.data(), rank));
  size_t sample = 1;
  for (size_t axis = 1; axis < rank; ++axis) {
    if (shape[axis] <= 0) throw std::runtime_error("the input has more open sizes than its batch");
    sample *= static_cast<size_t>(shape[axis]);
  }
  if (rank == 0 || floats == 0 || floats % sample != 0) {
    throw std::runtime_error("the input holds no whole number of samples");
  }
  if (shape[0] <= 0) shape[0] = static_cast<int64_t>(floats / sample);
  return shape;
}

Owned<OrtValue> RunModel(OrtSession* session, std::vector<float>& values) {
  const std::vector<int64_t> shape = InputShape(session, values.size());
  OrtMemoryInfo* raw_memory = nullptr;
  Check(Api().CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &raw_memory));
  const Owned<OrtMemoryInfo> memory(raw_memory, Api().ReleaseMemoryInfo);
  OrtValue* raw_input = nullptr;
  Check(Api().CreateTensorWithDataAsOrtValue(memory.get(), values.data(),
                                             values.size() * sizeof(float), shape.data(),
                                             shape.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                                             &raw_input));
  const Owned<OrtValue> input(raw_input, Api().ReleaseValue);

  OrtAllocator* allocator = nullptr;
  Check(Api().GetAllocatorWithDefaultOptions(&allocator));
  char* input_name = nullptr;
  char* output_name = nullptr;
  Check(Api().SessionGetInputName(session, 0, allocator, &input_name));
  Check(Api().SessionGetOutputName(session, 0, allocator, &output_name));
  const std::array<const char*, 1> input_names{input_name};
  const std::array<const char*, 1> output_names{output_name};
  const std::array<const OrtValue*, 1> inputs{input.get()};
  std::array<OrtValue*, 1> outputs{nullptr};
  OrtStatus* status = Api().Run(session, nullptr, input_names.data(), inputs.data(), 1,
                                output_names.data(), 1, outputs.data());
  Check(Api().AllocatorFree(allocator, input_name));
  Check(Api().AllocatorFree(allocator, output_name));
  Check(status);
  return {outputs[0], Api().ReleaseValue};
}

// One line for each sample: its class, then its scores.
void Print(OrtValue* output) {
  OrtTensorTypeAndShapeInfo* raw_info = nullptr;
  Check(Api().GetTensorTypeAndShape(output, &raw_info));
  const Owned<OrtTensorTypeAndShapeInfo> info(raw_info, Api().ReleaseTensorTypeAndShapeInfo);
  size_t rank = 0;
  Check(Api().GetDimensionsCount(info.get(), &rank));
  std::vector<int64_t> shape(rank);
  Check(Api().GetDimensions(info.get(), shape.data(), rank));
  size_t count = 0;
  Check(Api().GetTensorShapeElementCount(info.get(), &count));
  void* data = nullptr;
  Check(Api().GetTensorMutableData(output, &data));
  const auto* scores = static_cast<const float*>(data);
  const size_t classes = count / static_cast<size_t>(shape[0]);
  for (const float* row = scores; row != scores + count; row += classes) {
    std::printf("%d", static_cast<int>(std::max_element(row, row + classes) - row));
    for (size_t i = 0; i < classes; ++i) std::printf(" %.9g", static_cast<double>(row[i]));
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fprintf(stderr, "usage: classify MODEL INPUT.f32 [LIBRARY]\n");
    return 2;
  }
  try {
    std::vector<float> values = ReadSamples(argv[2]);
    OrtEnv* raw_env = nullptr;
    Check(Api().CreateEnv(ORT_LOGGING_LEVEL_WARNING, "classify", &raw_env));
    const Owned<OrtEnv> env(raw_env, Api().ReleaseEnv);
    const Owned<OrtSession> session = OpenModel(env.get(), argc, argv);
    const Owned<OrtValue> output = RunModel(session.get(), values);
    Print(output.get());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
