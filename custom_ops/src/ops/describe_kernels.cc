// DescribeKernels: tells the kernels of this build, the CPU, and the kernel chosen for each table.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "gemm/lookup_table.h"
#include "hawx/error.h"
#include "kernels/cpu_features.h"
#include "kernels/registry.h"
#include "ops/approximation.h"
#include "ops/ops.h"

namespace hawx {
namespace {

// Names in this library are plain ASCII without quotes or backslashes.
std::string quoted(const std::string& text) { return '"' + text + '"'; }

template <typename Items, typename Write>
std::string json_list(const Items& items, const Write& write) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + write(item);
  return '[' + text + ']';
}

template <typename AnyKernel>
std::string describe(const AnyKernel& kernel) {
  return "{\"name\": " + quoted(kernel.name) + ", \"isa\": " + quoted(kernel.instruction_set) +
         ", \"op\": " + quoted(kernel.op) +
         ", \"supported\": " + (kernel.supported() ? "true" : "false") + '}';
}

// Of look-ups and of products, as JSON objects.
std::string describe_all() {
  std::vector<std::string> all;
  for (const ProductKernel& kernel : product_kernel_table()) all.push_back(describe(kernel));
  for (const Kernel& kernel : kernel_table()) all.push_back(describe(kernel));
  return json_list(all, [](const std::string& text) { return text; });
}

// How many output channels of a group share table `t`: many, where that is not told.
size_t channels_of(const Tensor& channels, size_t t) {
  if (!channels.present) return SIZE_MAX;
  const int32_t count = channels.int32()[t];
  require(count > 0, channels.name, "[", t, "] is ", count, ", it must be positive");
  return static_cast<size_t>(count);
}

class DescribeKernels : public Node {
 public:
  explicit DescribeKernels(const NodeInfo&) : dispatch_(Dispatch::from_environment()) {}

  void run(const RunContext& context) const override {
    const Tensor tables = context.input(0, "tables");
    check_tables(tables);
    const Tensor factors = context.input(1, "factors");
    check_factors(factors, static_cast<size_t>(tables.shape[0]));
    const Tensor channels = context.input(2, "channels");
    require(!channels.present || channels.shape == std::vector<int64_t>{tables.shape[0]},
            channels.name, " has shape ", shown(channels.shape), ", it must be [", tables.shape[0],
            "] as there are tables");
    std::vector<std::string> chosen;
    for (size_t t = 0; t < static_cast<size_t>(tables.shape[0]); ++t) {
      const Multiplier multiplier = make_multiplier(tables, factors, t);
      chosen.push_back(dispatch_.kernel_name(multiplier, channels_of(channels, t)));
    }
    const std::string text = "{\"isa\": " + quoted(dispatch_.preferred().instruction_set) +
                             ", \"cpu\": " + json_list(cpu_features().names(), quoted) +
                             ", \"kernels\": " + describe_all() +
                             ", \"chosen\": " + json_list(chosen, quoted) + '}';
    void* output = context.output(0, {static_cast<int64_t>(text.size())});
    std::memcpy(output, text.data(), text.size());
  }

 private:
  Dispatch dispatch_;
};

}  // namespace

void add_describe_kernels(uint32_t api_version, std::deque<CustomOp>& ops) {
  ops.emplace_back(
      "DescribeKernels",
      std::vector<InputSpec>{
          {"tables", ort::kInt32}, {"factors", ort::kInt32, true}, {"channels", ort::kInt32, true}},
      ort::kUint8,
      [](const NodeInfo& info) -> std::unique_ptr<Node> {
        return std::make_unique<DescribeKernels>(info);
      },
      api_version);
}

}  // namespace hawx
