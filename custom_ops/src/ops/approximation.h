// What all operators share: quantisation parameters, tables and the choice of table per channel.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "gemm/gemm.h"
#include "hawx/tensor.h"
#include "kernels/registry.h"

namespace hawx {

// Throws Error unless the tensor holds exactly one element; returns it.
float scalar_scale(const Tensor& tensor);
// The same of a zero point, which is 0 where the input is absent.
uint8_t scalar_code(const Tensor& tensor);
int32_t scalar_zero_point(const Tensor& tensor);

// A scale or zero point of the weights: one for all output channels, one each, or one each for
// every weight matrix of a batch.
class PerChannel {
 public:
  // Throws Error unless the tensor has as many elements as that, the channels innermost. Zero
  // points that are absent are 0.
  PerChannel(const Tensor& tensor, size_t channels, size_t matrices = 1);

  float scale(size_t matrix, size_t channel) const {
    return tensor_.float32()[matrix * matrix_step_ + channel * channel_step_];
  }
  int32_t zero_point(size_t matrix, size_t channel) const {
    if (!tensor_.present) return 0;
    const uint8_t code = tensor_.codes()[matrix * matrix_step_ + channel * channel_step_];
    return code_value(code, tensor_.is_signed());
  }

 private:
  const Tensor& tensor_;
  size_t channel_step_;
  size_t matrix_step_;
};

// Throws Error unless the tensor has shape [T,256,256].
void check_tables(const Tensor& tables);

// Throws Error unless the tensor has shape [channels] and every index is below `tables`.
void check_table_index(const Tensor& table_index, size_t channels, size_t tables);

// Throws Error unless the tensor, where present, has shape [R,514] and rows (table, scale, 256
// activation factors, 256 weight factors) that name one of `tables` and stay within 8 bits.
void check_factors(const Tensor& factors, size_t tables);

// The inputs that choose a node's multipliers, in a run or, as far as constant, at session
// creation.
struct MultiplierInputs {
  Tensor tables;
  Tensor table_index;
  Tensor factors;  // may be absent
};

// What makes codes of accumulators: (x * w) / y for each output channel.
struct OutputScales {
  float x;
  PerChannel w;
  float y;
};

// Quantisation of one run. Without scales the accumulators are the output.
struct Quantization {
  int32_t x_zero;
  PerChannel w_zero;
  const int32_t* bias = nullptr;  // [channels] or null
  std::optional<OutputScales> scales;
  OutputType output = kAccumulators;
};

// The multiplier of table `index`, with its factors if there are any and they fit. Checked inputs.
Multiplier make_multiplier(const Tensor& tables, const Tensor& factors, size_t index);

// The multipliers of one node, prepared as they are first used.
class MultiplierSet {
 public:
  // Remembers that `tables` or `factors` is a constant, so that neither needs a look again.
  void set_constant(bool tables, bool factors) {
    constant_tables_ = tables;
    constant_factors_ = factors;
  }

  // Whether both are the same in every run, and were checked.
  bool are_constant(const MultiplierInputs& inputs) const {
    return constant_tables_ && (constant_factors_ || !inputs.factors.present);
  }

  // The multipliers that the index names, in the tables' places; others have no table. Inputs are
  // checked.
  std::vector<Multiplier> prepare(const MultiplierInputs& inputs) const;

 private:
  Multiplier make(const MultiplierInputs& inputs, size_t index, const Multiplier& known) const;

  bool constant_tables_ = false;
  bool constant_factors_ = false;
  mutable std::mutex mutex_;
  mutable std::vector<Multiplier> known_;
};

// The multipliers of one node and its weights prepared for them.
class Multipliers {
 public:
  Multipliers() : dispatch_(Dispatch::from_environment()) {}

  const Dispatch& dispatch() const { return dispatch_; }

  // Checks and prepares at session creation what is constant by then: inputs that are not are not
  // present. `outputs` is the number of output channels where that is known.
  void prepare_constants(const MultiplierInputs& inputs, std::optional<size_t> outputs);

  // Checks the inputs of one run and gives the weights' slices: `channels` to a group, `outputs`
  // numbers in the index. Those of the last run are given again if nothing has changed.
  std::shared_ptr<const Slices> slices(const std::shared_ptr<const Weights>& weights,
                                       const Depth& depth, size_t channels, size_t outputs,
                                       const MultiplierInputs& inputs,
                                       bool activations_signed) const;

 private:
  Dispatch dispatch_;
  MultiplierSet multipliers_;
  bool constant_index_ = false;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Weights> last_weights_;
  mutable std::shared_ptr<const Slices> last_slices_;
};

// The output channels of one run.
struct ChannelSet {
  std::vector<Channel> channels;  // [weight row]
  bool any_weight_zero = false;
};

// Parameters of the rows of weights, `outputs` to a matrix. Throws Error when the scale of a
// channel is not finite.
ChannelSet make_channels(const Quantization& q, const Weights& weights, size_t outputs);

}  // namespace hawx
