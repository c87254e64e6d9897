// ApproxConvInteger: ConvInteger whose products come from truth tables.
#include "ops/conv_node.h"
#include "ops/ops.h"
#include "ops/signature.h"

namespace hawx {
namespace {

enum Input : size_t { kX, kW, kXZeroPoint, kWZeroPoint, kTables, kTableIndex, kFactors };

constexpr const char* kNames[] = {"x",      "w",           "x_zero_point", "w_zero_point",
                                  "tables", "table_index", "factors"};

class ConvInteger : public ConvNode {
 public:
  explicit ConvInteger(const NodeInfo& info)
      : ConvNode(info, info.constant_input(kW, kNames[kW]),
                 {info.constant_input(kTables, kNames[kTables]),
                  info.constant_input(kTableIndex, kNames[kTableIndex]),
                  info.constant_input(kFactors, kNames[kFactors])}) {}

  void run(const RunContext& context) const override {
    const std::vector<Tensor> in = read_inputs(context, kNames);
    const ConvGeometry g = geometry(in[kX], in[kW]);
    const size_t outputs = static_cast<size_t>(in[kW].shape[0]);
    const Quantization q = {scalar_zero_point(in[kXZeroPoint]),
                            PerChannel(in[kWZeroPoint], outputs), nullptr, std::nullopt,
                            kAccumulators};
    convolve(context, g,
             {in[kX], in[kXZeroPoint], in[kW], {in[kTables], in[kTableIndex], in[kFactors]}}, q);
  }
};

}  // namespace

void add_conv_integer(uint32_t api_version, std::deque<CustomOp>& ops) {
  for (const int x : {ort::kUint8, ort::kInt8}) {
    for (const int w : {ort::kUint8, ort::kInt8}) {
      const int types[] = {x, w, x, w, ort::kInt32, ort::kInt32, ort::kInt32};
      ops.emplace_back("ApproxConvInteger",
                       input_specs(kNames, types, {kXZeroPoint, kWZeroPoint, kFactors}),
                       ort::kInt32, create_node<ConvInteger>, api_version);
    }
  }
}

}  // namespace hawx
