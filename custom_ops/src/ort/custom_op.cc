#include "ort/custom_op.h"

#include <new>
#include <utility>

namespace hawx {
namespace {

// What onnxruntime holds as a kernel: the node, its name for error texts, and the API to answer in.
struct KernelHandle {
  Runtime runtime;
  std::string name;
  std::string op;
  std::unique_ptr<Node> node;
};

std::string in_node(const std::string& op, const std::string& name, const std::string& text) {
  return op + " node '" + name + "': " + text;
}

// Runs `body`; whatever it throws becomes a status.
template <typename Body, typename Describe>
OrtStatus* guarded(const OrtApi* api, const Body& body, const Describe& describe) noexcept {
  try {
    try {
      body();
      return nullptr;
    } catch (const Error& error) {
      return make_status(api, ort::kInvalidArgument, describe(error.what()));
    } catch (const std::bad_alloc&) {
      return make_status(api, ort::kFail, describe("out of memory"));
    } catch (const std::exception& error) {
      return make_status(api, ort::kFail, describe(error.what()));
    }
  } catch (...) {
    return make_status(api, ort::kFail, "hawx-onnx custom op failed");
  }
}

}  // namespace

OrtStatus* make_status(const OrtApi* api, int code, const std::string& text) noexcept {
  return ort::call<ort::Slot::CreateStatus>(api, code, text.c_str());
}

struct Callbacks {
  static const CustomOp& self(const OrtCustomOp* op) { return *static_cast<const CustomOp*>(op); }

  static OrtStatus* HAWX_ORT_CALL create(const OrtCustomOp* op, const OrtApi* api,
                                         const OrtKernelInfo* info, void** kernel) noexcept {
    *kernel = nullptr;
    std::string name;
    return guarded(
        api,
        [&] {
          auto handle = std::make_unique<KernelHandle>();
          handle->runtime = {api, op->version};
          handle->op = self(op).name_;
          const NodeInfo node_info(handle->runtime, info);
          name = handle->name = node_info.name();
          handle->node = self(op).create_(node_info);
          *kernel = handle.release();
        },
        [&](const char* text) { return in_node(self(op).name_, name, text); });
  }

  static OrtStatus* HAWX_ORT_CALL compute(void* kernel, OrtKernelContext* context) noexcept {
    const KernelHandle& handle = *static_cast<const KernelHandle*>(kernel);
    return guarded(
        handle.runtime.api, [&] { handle.node->run(RunContext(handle.runtime, context)); },
        [&](const char* text) { return in_node(handle.op, handle.name, text); });
  }

  static void HAWX_ORT_CALL destroy(void* kernel) noexcept {
    delete static_cast<KernelHandle*>(kernel);
  }

  static const char* HAWX_ORT_CALL name(const OrtCustomOp* op) noexcept { return self(op).name_; }
  static const char* HAWX_ORT_CALL provider(const OrtCustomOp*) noexcept { return nullptr; }
  static int HAWX_ORT_CALL input_type(const OrtCustomOp* op, size_t index) noexcept {
    return self(op).inputs_[index].type;
  }
  static size_t HAWX_ORT_CALL input_count(const OrtCustomOp* op) noexcept {
    return self(op).inputs_.size();
  }
  static int HAWX_ORT_CALL output_type(const OrtCustomOp* op, size_t) noexcept {
    return self(op).output_type_;
  }
  static size_t HAWX_ORT_CALL output_count(const OrtCustomOp*) noexcept { return 1; }
  static int HAWX_ORT_CALL input_characteristic(const OrtCustomOp* op, size_t index) noexcept {
    return self(op).inputs_[index].optional ? ort::kOptional : ort::kRequired;
  }
  static int HAWX_ORT_CALL output_characteristic(const OrtCustomOp*, size_t) noexcept {
    return ort::kRequired;
  }
  static int HAWX_ORT_CALL memory_type(const OrtCustomOp*, size_t) noexcept { return 0; }
  static int HAWX_ORT_CALL variadic(const OrtCustomOp*) noexcept { return 0; }
  static int HAWX_ORT_CALL start_version(const OrtCustomOp*) noexcept { return 1; }
  static int HAWX_ORT_CALL end_version(const OrtCustomOp*) noexcept { return 1; }
};

CustomOp::CustomOp(const char* name, std::vector<InputSpec> inputs, int output_type,
                   NodeFactory create, uint32_t api_version)
    : OrtCustomOp{},
      name_(name),
      inputs_(std::move(inputs)),
      output_type_(output_type),
      create_(create) {
  version = api_version;
  GetName = Callbacks::name;
  GetExecutionProviderType = Callbacks::provider;
  GetInputType = Callbacks::input_type;
  GetInputTypeCount = Callbacks::input_count;
  GetOutputType = Callbacks::output_type;
  GetOutputTypeCount = Callbacks::output_count;
  KernelDestroy = Callbacks::destroy;
  GetInputCharacteristic = Callbacks::input_characteristic;
  GetOutputCharacteristic = Callbacks::output_characteristic;
  GetInputMemoryType = Callbacks::memory_type;
  GetVariadicInputMinArity = Callbacks::variadic;
  GetVariadicInputHomogeneity = Callbacks::variadic;
  GetVariadicOutputMinArity = Callbacks::variadic;
  GetVariadicOutputHomogeneity = Callbacks::variadic;
  CreateKernelV2 = Callbacks::create;
  KernelComputeV2 = Callbacks::compute;
  GetStartVersion = Callbacks::start_version;
  GetEndVersion = Callbacks::end_version;
}

}  // namespace hawx
