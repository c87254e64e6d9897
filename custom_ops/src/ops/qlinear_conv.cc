// ApproxQLinearConv: QLinearConv whose products come from truth tables.
#include <memory>
#include <utility>

#include "hawx/error.h"
#include "ops/approximation.h"
#include "ops/conv_tiles.h"
#include "ops/ops.h"

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
};

constexpr const char* kNames[] = {"x",       "x_scale",      "x_zero_point", "w",
                                  "w_scale", "w_zero_point", "y_scale",      "y_zero_point",
                                  "B",       "tables",       "table_index"};

// Weights of [channels, depth...] sorted for the kernels.
std::shared_ptr<const WeightPlan> plan_weights(const Tensor& w) {
  const size_t channels = static_cast<size_t>(w.shape[0]);
  size_t depth = 1;
  for (size_t i = 1; i < w.rank(); ++i) depth *= static_cast<size_t>(w.shape[i]);
  return std::make_shared<WeightPlan>(w.codes(), channels, depth, depth, 1, w.is_signed());
}

// What one padded tap adds to each accumulator beyond nothing: table and zero-point terms, summed
// over the group's input channels.
std::vector<uint32_t> padding_terms(const ConvGeometry& g, const Tensor& w, uint8_t x_zero_code,
                                    int32_t x_zero, const std::vector<Channel>& channels) {
  const size_t taps = static_cast<size_t>(g.taps());
  const size_t depth = static_cast<size_t>(g.depth());
  std::vector<uint32_t> terms(channels.size() * taps, 0);
  for (size_t m = 0; m < channels.size(); ++m) {
    for (size_t k = 0; k < depth; ++k) {
      const uint8_t code = w.codes()[m * depth + k];
      const uint32_t product = static_cast<uint32_t>(channels[m].table->at(x_zero_code, code));
      const uint32_t weight = static_cast<uint32_t>(code_value(code, w.is_signed()));
      terms[m * taps + k % taps] += product - static_cast<uint32_t>(x_zero) * weight;
    }
  }
  return terms;
}

class QLinearConv : public Node {
 public:
  explicit QLinearConv(const NodeInfo& info) : dispatch_(Dispatch::from_environment()) {
    attributes_.auto_pad = info.attribute("auto_pad", std::string("NOTSET"));
    attributes_.dilations = info.attributes("dilations");
    attributes_.kernel_shape = info.attributes("kernel_shape");
    attributes_.pads = info.attributes("pads");
    attributes_.strides = info.attributes("strides");
    attributes_.group = info.attribute("group", 1);
    attributes_.skip_padding = info.attribute("skip_padding", 0) != 0;
    prepare_constants(info);
  }

  void run(const RunContext& context) const override {
    std::vector<Tensor> in;
    for (size_t i = 0; i <= kTableIndex; ++i) in.push_back(context.input(i, kNames[i]));
    const ConvGeometry g(attributes_, in[kX].shape, in[kW].shape);
    const size_t outputs = static_cast<size_t>(in[kW].shape[0]);
    const Quantization q = quantization(in, outputs);
    check_tables(in[kTables]);
    check_table_index(in[kTableIndex], outputs, static_cast<size_t>(in[kTables].shape[0]));

    const auto tables = tables_.prepare(in[kTables], in[kTableIndex]);
    const auto plan = plan_ != nullptr ? plan_ : plan_weights(in[kW]);
    std::vector<Channel> channels;
    channels.reserve(outputs);
    bool any_weight_zero = false;
    for (size_t m = 0; m < outputs; ++m) {
      const LookupTable& table = *tables[static_cast<size_t>(in[kTableIndex].int32()[m])];
      channels.push_back(
          make_channel(q, *plan, 0, m, static_cast<size_t>(g.depth()), table, dispatch_));
      any_weight_zero = any_weight_zero || channels.back().weight_zero != 0;
    }

    const uint8_t padding_code = in[kXZeroPoint].codes()[0];
    std::vector<uint32_t> terms;
    if (attributes_.skip_padding) {
      terms = padding_terms(g, in[kW], padding_code, q.x_zero, channels);
    }
    auto* y = static_cast<uint8_t*>(context.output(0, g.output_shape));
    const ConvTiles tiles(g, in[kX].codes(), padding_code,
                          attributes_.skip_padding ? terms.data() : nullptr, y);
    const GemmShape shape = {static_cast<size_t>(g.groups),
                             static_cast<size_t>(g.images * g.output_size()),
                             static_cast<size_t>(g.group_outputs), static_cast<size_t>(g.depth())};
    lookup_gemm({shape,
                 &tiles,
                 channels.data(),
                 in[kX].is_signed(),
                 any_weight_zero,
                 {q.y_zero, in[kYZeroPoint].is_signed()}},
                [&](size_t count, const std::function<void(size_t)>& task) {
                  context.parallel_for(count, task);
                });
  }

 private:
  // Checks and prepares at session creation whatever is constant by then.
  void prepare_constants(const NodeInfo& info) {
    const Tensor w = info.constant_input(kW, kNames[kW]);
    if (w.present) {
      require(w.rank() >= 3, "w has shape ", to_string(w.shape),
              "; a convolution takes [outputs, inputs, 1 to 3 spatial dimensions]");
      plan_ = plan_weights(w);
    }
    const Tensor tables = info.constant_input(kTables, kNames[kTables]);
    if (!tables.present) return;
    check_tables(tables);
    tables_.set_constant();
    const Tensor index = info.constant_input(kTableIndex, kNames[kTableIndex]);
    if (!index.present) return;
    const size_t outputs = w.present ? static_cast<size_t>(w.shape[0]) : index.size();
    check_table_index(index, outputs, static_cast<size_t>(tables.shape[0]));
    tables_.prepare(tables, index);
  }

  static Quantization quantization(const std::vector<Tensor>& in, size_t outputs) {
    const Tensor& bias = in[kBias];
    require(!bias.present || (bias.rank() == 1 && bias.size() == outputs), "B has shape ",
            to_string(bias.shape), ", it must be [", outputs, "]");
    return {scalar_scale(in[kXScale]),
            scalar_zero_point(in[kXZeroPoint]),
            scalar_scale(in[kYScale]),
            scalar_zero_point(in[kYZeroPoint]),
            PerChannel(in[kWScale], outputs),
            PerChannel(in[kWZeroPoint], outputs),
            bias.present ? bias.int32() : nullptr};
  }

  Dispatch dispatch_;
  ConvAttributes attributes_;
  std::shared_ptr<const WeightPlan> plan_;
  TableSet tables_;
};

}  // namespace

void add_qlinear_conv(uint32_t api_version, std::deque<CustomOp>& ops) {
  for (const int x : {ort::kUint8, ort::kInt8}) {
    for (const int w : {ort::kUint8, ort::kInt8}) {
      for (const int y : {ort::kUint8, ort::kInt8}) {
        const int types[] = {x,           ort::kFloat, x,           w,           ort::kFloat, w,
                             ort::kFloat, y,           ort::kInt32, ort::kInt32, ort::kInt32};
        std::vector<InputSpec> inputs;
        for (size_t i = 0; i <= kTableIndex; ++i)
          inputs.push_back({kNames[i], types[i], i == kBias});
        ops.emplace_back(
            "ApproxQLinearConv", std::move(inputs), y,
            [](const NodeInfo& info) -> std::unique_ptr<Node> {
              return std::make_unique<QLinearConv>(info);
            },
            api_version);
      }
    }
  }
}

}  // namespace hawx
