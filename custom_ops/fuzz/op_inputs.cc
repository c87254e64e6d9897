// Fuzz target: nodes with any inputs and attributes end in an output or in an error status, the
// same on every instruction set, without a read or write out of bounds.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cases.h"
#include "kernels/registry.h"
#include "ops/ops.h"

namespace hawx::fuzz {
namespace {

const std::deque<CustomOp>& operators() {
  static const std::deque<CustomOp> ops = [] {
    std::deque<CustomOp> made;
    add_qlinear_conv(ort::kNewestApiVersion, made);
    add_qlinear_matmul(ort::kNewestApiVersion, made);
    add_conv_integer(ort::kNewestApiVersion, made);
    add_matmul_integer(ort::kNewestApiVersion, made);
    add_describe_kernels(ort::kNewestApiVersion, made);
    return made;
  }();
  return ops;
}

std::string take_text(OrtStatus* status) {
  const std::string text = status->text;
  delete status;
  return text;
}

// Makes the node and runs it; the output's bytes or the error's text.
std::string run(const CustomOp& op, Case& tried) {
  void* kernel = nullptr;
  OrtStatus* status = op.CreateKernelV2(&op, fake_api(), &tried.info, &kernel);
  if (status != nullptr) return take_text(status);
  status = op.KernelComputeV2(kernel, &tried.context);
  op.KernelDestroy(kernel);
  if (status != nullptr) return take_text(status);
  const OrtValue& output = tried.context.output;
  const size_t count = static_cast<size_t>(count_elements(output.shape));
  return std::string(reinterpret_cast<const char*>(output.data.get()),
                     count * element_size(output.type));
}

}  // namespace
}  // namespace hawx::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hawx;
  fuzz::Reader in(data, size);
  const CustomOp& op = fuzz::operators()[in.byte() % fuzz::operators().size()];
  fuzz::Case tried = fuzz::make_case(op, in);
  const bool describes = std::strcmp(op.GetName(&op), "DescribeKernels") == 0;
  std::string expected;
  bool first = true;
  for (const Kernel& kernel : kernel_table()) {
    if (!kernel.supported()) continue;
    setenv("HAWX_ISA", kernel.isa, 1);
    const std::string result = fuzz::run(op, tried);
    if (!first && !describes && result != expected) {
      std::fprintf(stderr, "%s differs from the best kernel\n", kernel.name);
      std::abort();
    }
    expected = result;
    first = false;
  }
  return 0;
}
