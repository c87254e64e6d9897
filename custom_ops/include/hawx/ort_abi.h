// The part of onnxruntime's C ABI that this library uses.
//
// The ABI only ever grows: functions keep their slot in the API table and members keep their place
// in OrtCustomOp. Declaring the few of them here makes the library independent of the headers of
// any one release, so that one build loads in every onnxruntime from 1.16 on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#if defined(_WIN32)
#define HAWX_ORT_CALL __stdcall
#define HAWX_EXPORT __declspec(dllexport)
#else
#define HAWX_ORT_CALL
#define HAWX_EXPORT __attribute__((visibility("default")))
#endif

extern "C" {

struct OrtStatus;
struct OrtValue;
struct OrtKernelInfo;
struct OrtKernelContext;
struct OrtSessionOptions;
struct OrtCustomOpDomain;
struct OrtTensorTypeAndShapeInfo;
struct OrtShapeInferContext;
struct OrtOpAttr;

// A table of function pointers of which only a prefix is known; read it through hawx::ort::call.
struct OrtApi {
  void* functions[1];
};

struct OrtApiBase {
  const OrtApi*(HAWX_ORT_CALL* GetApi)(uint32_t version);
  const char*(HAWX_ORT_CALL* GetVersionString)();
};

struct OrtCustomOp {
  uint32_t version;
  void*(HAWX_ORT_CALL* CreateKernel)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*);
  const char*(HAWX_ORT_CALL* GetName)(const OrtCustomOp*);
  const char*(HAWX_ORT_CALL* GetExecutionProviderType)(const OrtCustomOp*);
  int(HAWX_ORT_CALL* GetInputType)(const OrtCustomOp*, size_t index);
  size_t(HAWX_ORT_CALL* GetInputTypeCount)(const OrtCustomOp*);
  int(HAWX_ORT_CALL* GetOutputType)(const OrtCustomOp*, size_t index);
  size_t(HAWX_ORT_CALL* GetOutputTypeCount)(const OrtCustomOp*);
  void(HAWX_ORT_CALL* KernelCompute)(void* kernel, OrtKernelContext*);
  void(HAWX_ORT_CALL* KernelDestroy)(void* kernel);
  int(HAWX_ORT_CALL* GetInputCharacteristic)(const OrtCustomOp*, size_t index);
  int(HAWX_ORT_CALL* GetOutputCharacteristic)(const OrtCustomOp*, size_t index);
  int(HAWX_ORT_CALL* GetInputMemoryType)(const OrtCustomOp*, size_t index);
  int(HAWX_ORT_CALL* GetVariadicInputMinArity)(const OrtCustomOp*);
  int(HAWX_ORT_CALL* GetVariadicInputHomogeneity)(const OrtCustomOp*);
  int(HAWX_ORT_CALL* GetVariadicOutputMinArity)(const OrtCustomOp*);
  int(HAWX_ORT_CALL* GetVariadicOutputHomogeneity)(const OrtCustomOp*);
  // From API version 16 on.
  OrtStatus*(HAWX_ORT_CALL* CreateKernelV2)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*,
                                            void** kernel);
  OrtStatus*(HAWX_ORT_CALL* KernelComputeV2)(void* kernel, OrtKernelContext*);
  // From API version 17 on.
  OrtStatus*(HAWX_ORT_CALL* InferOutputShapeFn)(const OrtCustomOp*, OrtShapeInferContext*);
  int(HAWX_ORT_CALL* GetStartVersion)(const OrtCustomOp*);
  int(HAWX_ORT_CALL* GetEndVersion)(const OrtCustomOp*);
  // From API version 18 on.
  size_t(HAWX_ORT_CALL* GetMayInplace)(int** input_index, int** output_index);
  void(HAWX_ORT_CALL* ReleaseMayInplace)(int* input_index, int* output_index);
  size_t(HAWX_ORT_CALL* GetAliasMap)(int** input_index, int** output_index);
  void(HAWX_ORT_CALL* ReleaseAliasMap)(int* input_index, int* output_index);
};

}  // extern "C"

namespace hawx::ort {

// The oldest API version with every slot that is needed, and the newest of which anything is used.
inline constexpr uint32_t kOldestApiVersion = 16;
inline constexpr uint32_t kNewestApiVersion = 17;
// The first API version whose runtime lends its thread pool to custom ops.
inline constexpr uint32_t kParallelForApiVersion = 17;

enum ErrorCode : int { kFail = 1, kInvalidArgument = 2 };
enum ElementType : int { kUndefined = 0, kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6 };
enum Characteristic : int { kRequired = 0, kOptional = 1 };

// Places of the functions in the API table, under onnxruntime's own names.
enum class Slot : size_t {
  CreateStatus = 0,
  GetErrorMessage = 2,
  CreateCustomOpDomain = 26,
  CustomOpDomain_Add = 27,
  AddCustomOpDomain = 28,
  GetTensorMutableData = 51,
  GetTensorElementType = 60,
  GetDimensionsCount = 61,
  GetDimensions = 62,
  GetTensorTypeAndShape = 65,
  KernelInfoGetAttribute_int64 = 86,
  KernelInfoGetAttribute_string = 87,
  KernelContext_GetInputCount = 88,
  KernelContext_GetInput = 90,
  KernelContext_GetOutput = 91,
  ReleaseStatus = 93,
  ReleaseTensorTypeAndShapeInfo = 99,
  ReleaseCustomOpDomain = 101,
  KernelInfoGetAttributeArray_int64 = 163,
  KernelInfo_GetNodeName = 244,
  KernelInfoGetConstantInput_tensor = 249,
  KernelContext_ParallelFor = 274,
};

template <Slot S>
struct Signature;

#define HAWX_ORT_SIGNATURE(slot, result, ...)             \
  template <>                                             \
  struct Signature<Slot::slot> {                          \
    using Function = result(HAWX_ORT_CALL*)(__VA_ARGS__); \
  }

HAWX_ORT_SIGNATURE(CreateStatus, OrtStatus*, int code, const char* text);
HAWX_ORT_SIGNATURE(GetErrorMessage, const char*, const OrtStatus*);
HAWX_ORT_SIGNATURE(CreateCustomOpDomain, OrtStatus*, const char* name, OrtCustomOpDomain**);
HAWX_ORT_SIGNATURE(CustomOpDomain_Add, OrtStatus*, OrtCustomOpDomain*, const OrtCustomOp*);
HAWX_ORT_SIGNATURE(AddCustomOpDomain, OrtStatus*, OrtSessionOptions*, OrtCustomOpDomain*);
HAWX_ORT_SIGNATURE(GetTensorMutableData, OrtStatus*, OrtValue*, void**);
HAWX_ORT_SIGNATURE(GetTensorElementType, OrtStatus*, const OrtTensorTypeAndShapeInfo*, int*);
HAWX_ORT_SIGNATURE(GetDimensionsCount, OrtStatus*, const OrtTensorTypeAndShapeInfo*, size_t*);
HAWX_ORT_SIGNATURE(GetDimensions, OrtStatus*, const OrtTensorTypeAndShapeInfo*, int64_t*, size_t);
HAWX_ORT_SIGNATURE(GetTensorTypeAndShape, OrtStatus*, const OrtValue*, OrtTensorTypeAndShapeInfo**);
HAWX_ORT_SIGNATURE(KernelInfoGetAttribute_int64, OrtStatus*, const OrtKernelInfo*, const char*,
                   int64_t*);
HAWX_ORT_SIGNATURE(KernelInfoGetAttribute_string, OrtStatus*, const OrtKernelInfo*, const char*,
                   char*, size_t*);
HAWX_ORT_SIGNATURE(KernelContext_GetInputCount, OrtStatus*, const OrtKernelContext*, size_t*);
HAWX_ORT_SIGNATURE(KernelContext_GetInput, OrtStatus*, const OrtKernelContext*, size_t,
                   const OrtValue**);
HAWX_ORT_SIGNATURE(KernelContext_GetOutput, OrtStatus*, OrtKernelContext*, size_t, const int64_t*,
                   size_t, OrtValue**);
HAWX_ORT_SIGNATURE(ReleaseStatus, void, OrtStatus*);
HAWX_ORT_SIGNATURE(ReleaseTensorTypeAndShapeInfo, void, OrtTensorTypeAndShapeInfo*);
HAWX_ORT_SIGNATURE(ReleaseCustomOpDomain, void, OrtCustomOpDomain*);
HAWX_ORT_SIGNATURE(KernelInfoGetAttributeArray_int64, OrtStatus*, const OrtKernelInfo*, const char*,
                   int64_t*, size_t*);
HAWX_ORT_SIGNATURE(KernelInfo_GetNodeName, OrtStatus*, const OrtKernelInfo*, char*, size_t*);
HAWX_ORT_SIGNATURE(KernelInfoGetConstantInput_tensor, OrtStatus*, const OrtKernelInfo*, size_t,
                   int*, const OrtValue**);
HAWX_ORT_SIGNATURE(KernelContext_ParallelFor, OrtStatus*, const OrtKernelContext*,
                   void (*)(void*, size_t), size_t, size_t, void*);
#undef HAWX_ORT_SIGNATURE

// Calls the function in slot S of `api`.
template <Slot S, typename... Arguments>
auto call(const OrtApi* api, Arguments... arguments) {
  auto function =
      reinterpret_cast<typename Signature<S>::Function>(api->functions[static_cast<size_t>(S)]);
  return function(arguments...);
}

}  // namespace hawx::ort
