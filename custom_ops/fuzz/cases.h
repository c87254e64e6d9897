// One node of an operator with its inputs and attributes, most of them sound, made of bytes.
#pragma once

#include <deque>

#include "fake_runtime.h"
#include "ort/custom_op.h"
#include "reader.h"

namespace hawx::fuzz {

struct Case {
  std::deque<OrtValue> tensors;
  OrtKernelInfo info;
  OrtKernelContext context;
};

// Types are those of the operator's signature: onnxruntime sees to that before a node is made.
Case make_case(const CustomOp& op, Reader& in);

}  // namespace hawx::fuzz
