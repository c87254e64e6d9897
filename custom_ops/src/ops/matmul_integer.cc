// ApproxMatMulInteger: MatMulInteger whose products come from truth tables.
#include <utility>

#include "hawx/error.h"
#include "ops/matmul_node.h"
#include "ops/ops.h"
#include "ops/signature.h"

namespace hawx {
namespace {

enum Input : size_t { kA, kB, kAZeroPoint, kBZeroPoint, kTables, kTableIndex, kFactors };

constexpr const char* kNames[] = {"a",      "b",           "a_zero_point", "b_zero_point",
                                  "tables", "table_index", "factors"};

// The zero points for [matrix of A][row] where each row has its own: given as [rows], the same for
// every matrix, or as the shape of A with one column. Empty where there is one for all.
std::vector<uint32_t> row_zero_points(const Tensor& zero, const Tensor& a,
                                      const MatMulGeometry& g) {
  if (!zero.present || (zero.size() == 1 && zero.rank() <= 1)) return {};
  std::vector<int64_t> column = a.shape;
  column.back() = 1;
  const bool same = zero.rank() == 1 && zero.size() == g.rows;
  require(same || zero.shape == column, zero.name, " has shape ", shown(zero.shape),
          ", it must hold one element or one for each row of a with shape ", shown(a.shape));
  size_t matrices = 1;
  for (size_t i = 0; i + 2 < a.rank(); ++i) matrices *= static_cast<size_t>(a.shape[i]);
  std::vector<uint32_t> values;
  values.reserve(matrices * g.rows);
  for (size_t i = 0; i < matrices * g.rows; ++i) {
    const uint8_t code = zero.codes()[same ? i % g.rows : i];
    values.push_back(static_cast<uint32_t>(code_value(code, zero.is_signed())));
  }
  return values;
}

class MatMulInteger : public MatMulNode {
 public:
  explicit MatMulInteger(const NodeInfo& info)
      : MatMulNode(info.constant_input(kB, kNames[kB]),
                   {info.constant_input(kTables, kNames[kTables]),
                    info.constant_input(kTableIndex, kNames[kTableIndex]),
                    info.constant_input(kFactors, kNames[kFactors])}) {}

  void run(const RunContext& context) const override {
    const std::vector<Tensor> in = read_inputs(context, kNames);
    const MatMulGeometry g(in[kA].shape, in[kB].shape);
    const Tensor& a_zero = in[kAZeroPoint];
    std::vector<uint32_t> row_zeros = row_zero_points(a_zero, in[kA], g);
    const bool per_row = a_zero.present && (a_zero.size() != 1 || a_zero.rank() > 1);
    const Quantization q = {per_row ? 0 : scalar_zero_point(a_zero),
                            PerChannel(in[kBZeroPoint], g.columns, g.products.size()), nullptr,
                            std::nullopt, kAccumulators};
    multiply(context, g, {in[kA], in[kB], {in[kTables], in[kTableIndex], in[kFactors]}}, q,
             std::move(row_zeros));
  }
};

}  // namespace

void add_matmul_integer(uint32_t api_version, std::deque<CustomOp>& ops) {
  for (const int a : {ort::kUint8, ort::kInt8}) {
    for (const int b : {ort::kUint8, ort::kInt8}) {
      const int types[] = {a, b, a, b, ort::kInt32, ort::kInt32, ort::kInt32};
      ops.emplace_back("ApproxMatMulInteger",
                       input_specs(kNames, types, {kAZeroPoint, kBZeroPoint, kFactors}),
                       ort::kInt32, create_node<MatMulInteger>, api_version);
    }
  }
}

}  // namespace hawx
