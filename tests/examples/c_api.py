"""A header of the C API of onnxruntime, for machines that have the library and not its SDK.

Functions stand at their slots, which every release keeps; those that the example calls are typed.
"""

from __future__ import annotations

from collections.abc import Mapping

_HEAD = """\
#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef _WIN32
typedef wchar_t ORTCHAR_T;
#else
typedef char ORTCHAR_T;
#endif
typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef enum { ORT_LOGGING_LEVEL_WARNING = 2 } OrtLoggingLevel;
typedef enum { OrtArenaAllocator = 1 } OrtAllocatorType;
typedef enum { OrtMemTypeDefault = 0 } OrtMemType;
typedef enum { ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1 } ONNXTensorElementDataType;
"""

_TAIL = """\
typedef struct OrtApi OrtApi;
typedef struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)(void);
} OrtApiBase;
#ifdef __cplusplus
extern "C"
#endif
const OrtApiBase* OrtGetApiBase(void);
"""

_STATUS = {
    "CreateEnv": "OrtLoggingLevel, const char*, OrtEnv**",
    "CreateSession": "const OrtEnv*, const ORTCHAR_T*, const OrtSessionOptions*, OrtSession**",
    "Run": "OrtSession*, const OrtRunOptions*, const char* const*, const OrtValue* const*, size_t,"
    " const char* const*, size_t, OrtValue**",
    "CreateSessionOptions": "OrtSessionOptions**",
    "RegisterCustomOpsLibrary_V2": "OrtSessionOptions*, const ORTCHAR_T*",
    "SessionGetInputTypeInfo": "const OrtSession*, size_t, OrtTypeInfo**",
    "SessionGetInputName": "const OrtSession*, size_t, OrtAllocator*, char**",
    "SessionGetOutputName": "const OrtSession*, size_t, OrtAllocator*, char**",
    "CreateTensorWithDataAsOrtValue": "const OrtMemoryInfo*, void*, size_t, const int64_t*, size_t,"
    " ONNXTensorElementDataType, OrtValue**",
    "GetTensorMutableData": "OrtValue*, void**",
    "CastTypeInfoToTensorInfo": "const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**",
    "GetDimensionsCount": "const OrtTensorTypeAndShapeInfo*, size_t*",
    "GetDimensions": "const OrtTensorTypeAndShapeInfo*, int64_t*, size_t",
    "GetTensorShapeElementCount": "const OrtTensorTypeAndShapeInfo*, size_t*",
    "GetTensorTypeAndShape": "const OrtValue*, OrtTensorTypeAndShapeInfo**",
    "CreateCpuMemoryInfo": "OrtAllocatorType, OrtMemType, OrtMemoryInfo**",
    "AllocatorFree": "OrtAllocator*, void*",
    "GetAllocatorWithDefaultOptions": "OrtAllocator**",
}
_RELEASED = (
    "Env",
    "Status",
    "MemoryInfo",
    "Session",
    "Value",
    "TypeInfo",
    "TensorTypeAndShapeInfo",
    "SessionOptions",
)


def header(slots: Mapping[str, int]) -> str:
    """The text of ``onnxruntime_c_api.h``; ``slots`` is the place of each function in OrtApi."""
    typed = {name: f"OrtStatus* (*{name})({given})" for name, given in _STATUS.items()}
    typed |= {f"Release{name}": f"void (*Release{name})(Ort{name}*)" for name in _RELEASED}
    typed["GetErrorMessage"] = "const char* (*GetErrorMessage)(const OrtStatus*)"
    by_slot = {slots[name]: text for name, text in typed.items()}
    members = [
        f"  {by_slot.get(slot, f'void (*slot{slot})(void)')};" for slot in range(max(by_slot) + 1)
    ]
    return "\n".join([_HEAD + _TAIL, "struct OrtApi {", *members, "};", ""])
