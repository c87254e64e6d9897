// The one exported function: onnxruntime calls it when a session registers the library.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "ops/ops.h"
#include "ort/runtime.h"

namespace hawx {
namespace {

// The newest API version that both sides know. onnxruntime 1.N has API version N.
uint32_t common_api_version(const OrtApiBase* base) {
  const std::string version = base->GetVersionString();
  if (version.rfind("1.", 0) != 0) return ort::kNewestApiVersion;
  const unsigned long minor = std::strtoul(version.c_str() + 2, nullptr, 10);
  return static_cast<uint32_t>(std::min<unsigned long>(minor, ort::kNewestApiVersion));
}

// The domain of one onnxruntime in this process, with the operators that it refers to.
class Registration {
 public:
  explicit Registration(Runtime runtime) {
    add_qlinear_conv(runtime.version, ops_);
    add_qlinear_matmul(runtime.version, ops_);
    add_conv_integer(runtime.version, ops_);
    add_matmul_integer(runtime.version, ops_);
    add_describe_kernels(runtime.version, ops_);
    runtime.check(ort::call<ort::Slot::CreateCustomOpDomain>(runtime.api, kDomain, &domain_));
    for (const CustomOp& op : ops_) {
      runtime.check(ort::call<ort::Slot::CustomOpDomain_Add>(runtime.api, domain_,
                                                             static_cast<const OrtCustomOp*>(&op)));
    }
  }

  OrtCustomOpDomain* domain() { return domain_; }

 private:
  std::deque<CustomOp> ops_;  // a deque, because addresses have to stay
  // Never released: sessions of any lifetime refer to it, and onnxruntime may be gone at exit.
  OrtCustomOpDomain* domain_ = nullptr;
};

void add_domain(OrtSessionOptions* options, const OrtApiBase* base, Runtime runtime) {
  static std::mutex mutex;
  static std::map<const OrtApiBase*, Registration> registrations;
  std::lock_guard<std::mutex> lock(mutex);
  auto found = registrations.find(base);
  if (found == registrations.end()) {
    found = registrations.try_emplace(base, runtime).first;
  }
  runtime.check(
      ort::call<ort::Slot::AddCustomOpDomain>(runtime.api, options, found->second.domain()));
}

}  // namespace
}  // namespace hawx

extern "C" HAWX_EXPORT OrtStatus* HAWX_ORT_CALL RegisterCustomOps(OrtSessionOptions* options,
                                                                  const OrtApiBase* base) {
  const uint32_t version = hawx::common_api_version(base);
  const OrtApi* api = base->GetApi(version);
  if (api == nullptr) return nullptr;  // an onnxruntime that knows no status either
  try {
    hawx::require(version >= hawx::ort::kOldestApiVersion,
                  "hawx-onnx custom ops need onnxruntime 1.", hawx::ort::kOldestApiVersion,
                  " or newer, this is ", base->GetVersionString());
    hawx::add_domain(options, base, {api, version});
    return nullptr;
  } catch (const std::exception& error) {
    return hawx::make_status(api, hawx::ort::kFail, error.what());
  } catch (...) {
    return hawx::make_status(api, hawx::ort::kFail, "registering hawx-onnx custom ops failed");
  }
}
