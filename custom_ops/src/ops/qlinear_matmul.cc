// ApproxQLinearMatMul: QLinearMatMul whose products come from truth tables.
#include <memory>
#include <utility>

#include "hawx/error.h"
#include "ops/approximation.h"
#include "ops/matmul_tiles.h"
#include "ops/ops.h"

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
};

constexpr const char* kNames[] = {"a",       "a_scale",      "a_zero_point", "b",
                                  "b_scale", "b_zero_point", "y_scale",      "y_zero_point",
                                  "tables",  "table_index"};

using Plans = std::vector<WeightPlan>;

// One plan for each matrix of B.
std::shared_ptr<const Plans> plan_weights(const Tensor& b) {
  const size_t depth = static_cast<size_t>(b.shape[b.rank() - 2]);
  const size_t columns = static_cast<size_t>(b.shape.back());
  size_t matrices = 1;
  for (size_t i = 0; i + 2 < b.rank(); ++i) matrices *= static_cast<size_t>(b.shape[i]);
  auto plans = std::make_shared<Plans>();
  plans->reserve(matrices);
  for (size_t i = 0; i < matrices; ++i) {
    plans->emplace_back(b.codes() + i * depth * columns, columns, depth, size_t{1}, columns,
                        b.is_signed());
  }
  return plans;
}

class QLinearMatMul : public Node {
 public:
  explicit QLinearMatMul(const NodeInfo& info) : dispatch_(Dispatch::from_environment()) {
    const Tensor b = info.constant_input(kB, kNames[kB]);
    if (b.present && b.rank() >= 2) plans_ = plan_weights(b);
    const Tensor tables = info.constant_input(kTables, kNames[kTables]);
    if (!tables.present) return;
    check_tables(tables);
    tables_.set_constant();
    const Tensor index = info.constant_input(kTableIndex, kNames[kTableIndex]);
    if (!index.present) return;
    const size_t outputs =
        b.present && b.rank() >= 2 ? static_cast<size_t>(b.shape.back()) : index.size();
    check_table_index(index, outputs, static_cast<size_t>(tables.shape[0]));
    tables_.prepare(tables, index);
  }

  void run(const RunContext& context) const override {
    std::vector<Tensor> in;
    for (size_t i = 0; i <= kTableIndex; ++i) in.push_back(context.input(i, kNames[i]));
    const MatMulGeometry g(in[kA].shape, in[kB].shape);
    const Quantization q = {scalar_scale(in[kAScale]),
                            scalar_zero_point(in[kAZeroPoint]),
                            scalar_scale(in[kYScale]),
                            scalar_zero_point(in[kYZeroPoint]),
                            PerChannel(in[kBScale], g.columns, g.products.size()),
                            PerChannel(in[kBZeroPoint], g.columns, g.products.size()),
                            nullptr};
    check_tables(in[kTables]);
    check_table_index(in[kTableIndex], g.columns, static_cast<size_t>(in[kTables].shape[0]));

    const auto tables = tables_.prepare(in[kTables], in[kTableIndex]);
    const auto plans = plans_ != nullptr ? plans_ : plan_weights(in[kB]);
    std::vector<Channel> channels;
    channels.reserve(plans->size() * g.columns);
    bool any_weight_zero = false;
    for (size_t matrix = 0; matrix < plans->size(); ++matrix) {
      for (size_t n = 0; n < g.columns; ++n) {
        const LookupTable& table = *tables[static_cast<size_t>(in[kTableIndex].int32()[n])];
        channels.push_back(make_channel(q, (*plans)[matrix], matrix, n, g.depth, table, dispatch_));
        any_weight_zero = any_weight_zero || channels.back().weight_zero != 0;
      }
    }

    auto* y = static_cast<uint8_t*>(context.output(0, g.output_shape));
    const MatMulTiles tiles(g, in[kA].codes(), y);
    const size_t positions = g.products.empty() ? 0 : g.products[0].size() * g.rows;
    lookup_gemm({{g.products.size(), positions, g.columns, g.depth},
                 &tiles,
                 channels.data(),
                 in[kA].is_signed(),
                 any_weight_zero,
                 {q.y_zero, in[kYZeroPoint].is_signed()}},
                [&](size_t count, const std::function<void(size_t)>& task) {
                  context.parallel_for(count, task);
                });
  }

 private:
  Dispatch dispatch_;
  std::shared_ptr<const Plans> plans_;
  TableSet tables_;
};

}  // namespace

void add_qlinear_matmul(uint32_t api_version, std::deque<CustomOp>& ops) {
  for (const int a : {ort::kUint8, ort::kInt8}) {
    for (const int b : {ort::kUint8, ort::kInt8}) {
      for (const int y : {ort::kUint8, ort::kInt8}) {
        const int types[] = {a, ort::kFloat, a, b,           ort::kFloat,
                             b, ort::kFloat, y, ort::kInt32, ort::kInt32};
        std::vector<InputSpec> inputs;
        for (size_t i = 0; i <= kTableIndex; ++i) inputs.push_back({kNames[i], types[i]});
        ops.emplace_back(
            "ApproxQLinearMatMul", std::move(inputs), y,
            [](const NodeInfo& info) -> std::unique_ptr<Node> {
              return std::make_unique<QLinearMatMul>(info);
            },
            api_version);
      }
    }
  }
}

}  // namespace hawx
