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

// Weights of [channels, inputs, taps...].
std::shared_ptr<const Weights> read_weights(const Tensor& w) {
  const size_t channels = static_cast<size_t>(w.shape[0]);
  size_t depth = 1;
  for (size_t i = 1; i < w.rank(); ++i) depth *= static_cast<size_t>(w.shape[i]);
  auto weights = std::make_shared<Weights>(channels, depth, w.is_signed());
  weights->append(w.codes(), channels, depth, 1);
  return weights;
}

// What one padded tap adds to each accumulator beyond nothing: table and zero-point terms, summed
// over the group's input channels.
std::vector<uint32_t> padding_terms(const ConvGeometry& g, const Tensor& w, uint8_t x_zero_code,
                                    int32_t x_zero, const Slices& slices) {
  const size_t taps = static_cast<size_t>(g.taps());
  const size_t depth = static_cast<size_t>(g.depth());
  const size_t channels = static_cast<size_t>(w.shape[0]);
  std::vector<uint32_t> terms(channels * taps, 0);
  for (size_t m = 0; m < channels; ++m) {
    const LookupTable& table = *slices.multiplier(m).table;
    for (size_t k = 0; k < depth; ++k) {
      const uint8_t code = w.codes()[m * depth + k];
      const uint32_t product = static_cast<uint32_t>(table.at(x_zero_code, code));
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
    require(w.rank() >= 3, "w has shape ", shown(w.shape),
            "; a convolution takes [outputs, inputs, 1 to 3 spatial dimensions]");
    weights_ = read_weights(w);
    outputs = static_cast<size_t>(w.shape[0]);
  }
  multipliers_.prepare_constants(multipliers, outputs);
}

void ConvNode::convolve(const RunContext& context, const ConvGeometry& g, const ConvInputs& in,
                        const Quantization& q) const {
  const size_t outputs = static_cast<size_t>(in.w.shape[0]);
  const auto weights = weights_ != nullptr ? weights_ : read_weights(in.w);
  const Depth depth = {static_cast<size_t>(g.group_inputs), static_cast<size_t>(g.taps())};
  const size_t group_outputs = static_cast<size_t>(g.group_outputs);
  const auto slices =
      multipliers_.slices(weights, depth, group_outputs, outputs, in.multipliers, in.x.is_signed());
  const ChannelSet set = make_channels(q, *weights, outputs);

  const uint8_t padding_code = scalar_code(in.x_zero_point);
  std::vector<uint32_t> terms;
  if (attributes_.skip_padding) {
    terms = padding_terms(g, in.w, padding_code, q.x_zero, *slices);
  }
  auto* y = static_cast<uint8_t*>(context.output(0, g.output_shape));
  const ConvTiles tiles(g, in.x.codes(), padding_code,
                        attributes_.skip_padding ? terms.data() : nullptr, y, q.output.bytes);
  gemm({static_cast<size_t>(g.images * g.output_size()), group_outputs, &tiles, slices.get(),
        set.channels.data(), set.any_weight_zero, q.output, &multipliers_.dispatch()},
       context.forks());
}

}  // namespace hawx
