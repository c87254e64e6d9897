// ApproxQLinearConv: QLinearConv whose products come from truth tables.
#include "hawx/error.h"
#include "ops/conv_node.h"
#include "ops/ops.h"
#include "ops/signature.h"

namespace hawx {
namespace {

enum Input : size_t {
  kX,
  kXScale,
  kXZeroPoint,
  kW,
  kWScale,
  kWZeroPoint,
  kYScale,
  kYZeroPoint,
  kBias,
  kTables,
  kTableIndex,
  kFactors,
};

constexpr const char* kNames[] = {"x",       "x_scale",      "x_zero_point", "w",
                                  "w_scale", "w_zero_point", "y_scale",      "y_zero_point",
                                  "B",       "tables",       "table_index",  "factors"};

class QLinearConv : public ConvNode {
 public:
  explicit QLinearConv(const NodeInfo& info)
      : ConvNode(info, info.constant_input(kW, kNames[kW]),
                 {info.constant_input(kTables, kNames[kTables]),
                  info.constant_input(kTableIndex, kNames[kTableIndex]),
                  info.constant_input(kFactors, kNames[kFactors])}) {}

  void run(const RunContext& context) const override {
    const std::vector<Tensor> in = read_inputs(context, kNames);
    const ConvGeometry g = geometry(in[kX], in[kW]);
    const size_t outputs = static_cast<size_t>(in[kW].shape[0]);
    const Tensor& bias = in[kBias];
    require(!bias.present || (bias.rank() == 1 && bias.size() == outputs), "B has shape ",
            shown(bias.shape), ", it must be [", outputs, "]");
    const Quantization q = {
        scalar_zero_point(in[kXZeroPoint]), PerChannel(in[kWZeroPoint], outputs),
        bias.present ? bias.int32() : nullptr,
        OutputScales{scalar_scale(in[kXScale]), PerChannel(in[kWScale], outputs),
                     scalar_scale(in[kYScale])},
        OutputType{scalar_zero_point(in[kYZeroPoint]), in[kYZeroPoint].is_signed()}};
    convolve(context, g,
             {in[kX], in[kXZeroPoint], in[kW], {in[kTables], in[kTableIndex], in[kFactors]}}, q);
  }
};

}  // namespace

void add_qlinear_conv(uint32_t api_version, std::deque<CustomOp>& ops) {
  for (const int x : {ort::kUint8, ort::kInt8}) {
    for (const int w : {ort::kUint8, ort::kInt8}) {
      for (const int y : {ort::kUint8, ort::kInt8}) {
        const int types[] = {x, ort::kFloat, x,           w,           ort::kFloat, w, ort::kFloat,
                             y, ort::kInt32, ort::kInt32, ort::kInt32, ort::kInt32};
        ops.emplace_back("ApproxQLinearConv", input_specs(kNames, types, {kBias, kFactors}), y,
                         create_node<QLinearConv>, api_version);
      }
    }
  }
}

}  // namespace hawx
