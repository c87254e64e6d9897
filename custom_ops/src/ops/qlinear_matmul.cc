// ApproxQLinearMatMul: QLinearMatMul whose products come from truth tables.
#include "ops/matmul_node.h"
#include "ops/ops.h"
#include "ops/signature.h"

namespace hawx {
namespace {

enum Input : size_t {
  kA,
  kAScale,
  kAZeroPoint,
  kB,
  kBScale,
  kBZeroPoint,
  kYScale,
  kYZeroPoint,
  kTables,
  kTableIndex,
  kFactors,
};

constexpr const char* kNames[] = {"a",       "a_scale",      "a_zero_point", "b",
                                  "b_scale", "b_zero_point", "y_scale",      "y_zero_point",
                                  "tables",  "table_index",  "factors"};

class QLinearMatMul : public MatMulNode {
 public:
  explicit QLinearMatMul(const NodeInfo& info)
      : MatMulNode(info.constant_input(kB, kNames[kB]),
                   {info.constant_input(kTables, kNames[kTables]),
                    info.constant_input(kTableIndex, kNames[kTableIndex]),
                    info.constant_input(kFactors, kNames[kFactors])}) {}

  void run(const RunContext& context) const override {
    const std::vector<Tensor> in = read_inputs(context, kNames);
    const MatMulGeometry g(in[kA].shape, in[kB].shape);
    const size_t matrices = g.products.size();
    const Quantization q = {
        scalar_zero_point(in[kAZeroPoint]), PerChannel(in[kBZeroPoint], g.columns, matrices),
        nullptr,
        OutputScales{scalar_scale(in[kAScale]), PerChannel(in[kBScale], g.columns, matrices),
                     scalar_scale(in[kYScale])},
        OutputType{scalar_zero_point(in[kYZeroPoint]), in[kYZeroPoint].is_signed()}};
    multiply(context, g, {in[kA], in[kB], {in[kTables], in[kTableIndex], in[kFactors]}}, q);
  }
};

}  // namespace

void add_qlinear_matmul(uint32_t api_version, std::deque<CustomOp>& ops) {
  for (const int a : {ort::kUint8, ort::kInt8}) {
    for (const int b : {ort::kUint8, ort::kInt8}) {
      for (const int y : {ort::kUint8, ort::kInt8}) {
        const int types[] = {a,           ort::kFloat, a,           b,           ort::kFloat, b,
                             ort::kFloat, y,           ort::kInt32, ort::kInt32, ort::kInt32};
        ops.emplace_back("ApproxQLinearMatMul", input_specs(kNames, types, {kFactors}), y,
                         create_node<QLinearMatMul>, api_version);
      }
    }
  }
}

}  // namespace hawx
