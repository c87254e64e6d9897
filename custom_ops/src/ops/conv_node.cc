#include "ops/conv_node.h"

#include "hawx/error.h"
#include "ops/conv_tiles.h"

namespace hawx {
namespace {

ConvAttributes read_attributes(const NodeInfo& info) {
  ConvAttributes attributes;
  attributes.auto_pad = info.attribute("auto_pad", std::string("NOTSET"));
  attributes.dilations = info.attributes("dilations");
  attributes.kernel_shape = info.attributes("kernel_shape");
  attributes.pads = info.attributes("pads");
  attributes.strides = info.attributes("strides");
  attributes.group = info.attribute("group", 1);
  attributes.skip_padding = info.attribute("skip_padding", 0) != 0;
  return attributes;
}

// Weights of [channels, depth...] sorted for the kernels.
std::shared_ptr<const WeightPlans> plan_weights(const Tensor& w) {
  const size_t channels = static_cast<size_t>(w.shape[0]);
  size_t depth = 1;
  for (size_t i = 1; i < w.rank(); ++i) depth *= static_cast<size_t>(w.shape[i]);
  auto plans = std::make_shared<WeightPlans>();
  plans->emplace_back(w.codes(), channels, depth, depth, size_t{1}, w.is_signed());
  return plans;
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

}  // namespace

ConvNode::ConvNode(const NodeInfo& info, const Tensor& w, const MultiplierInputs& multipliers)
    : attributes_(read_attributes(info)) {
  std::optional<size_t> outputs;
  if (w.present) {
    require(w.rank() >= 3, "w has shape ", to_string(w.shape),
            "; a convolution takes [outputs, inputs, 1 to 3 spatial dimensions]");
    plans_ = plan_weights(w);
    outputs = static_cast<size_t>(w.shape[0]);
  }
  multipliers_.prepare_constants(multipliers, outputs);
}

void ConvNode::convolve(const RunContext& context, const ConvGeometry& g, const ConvInputs& in,
                        const Quantization& q) const {
  const size_t outputs = static_cast<size_t>(in.w.shape[0]);
  const size_t depth = static_cast<size_t>(g.depth());
  const auto plans = plans_ != nullptr ? plans_ : plan_weights(in.w);
  const ChannelSet set = multipliers_.channels(q, *plans, outputs, depth, in.multipliers);

  const uint8_t padding_code = scalar_code(in.x_zero_point);
  std::vector<uint32_t> terms;
  if (attributes_.skip_padding) {
    terms = padding_terms(g, in.w, padding_code, q.x_zero, set.channels);
  }
  auto* y = static_cast<uint8_t*>(context.output(0, g.output_shape));
  const ConvTiles tiles(g, in.x.codes(), padding_code,
                        attributes_.skip_padding ? terms.data() : nullptr, y, q.output.bytes);
  const GemmShape shape = {static_cast<size_t>(g.groups),
                           static_cast<size_t>(g.images * g.output_size()),
                           static_cast<size_t>(g.group_outputs), depth};
  lookup_gemm({shape, &tiles, set.channels.data(), in.x.is_signed(), set.any_weight_zero, q.output},
              context.forks());
}

}  // namespace hawx
