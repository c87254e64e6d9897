// What all operators share: quantisation parameters, tables and the choice of table per channel.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "gemm/lookup_gemm.h"
#include "gemm/lookup_table.h"
#include "gemm/weight_plan.h"
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

// Columns of the input `factors`.
inline constexpr int64_t kFactorColumns = 2 + 2 * 256;

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

// The prepared tables of one node, filled as they are first used.
class TableSet {
 public:
  // Remembers that the `tables` input is a constant, so that entries need no comparison.
  void set_constant() { constant_ = true; }

  // The prepared tables that `table_index` names; other places are null. `tables` is checked.
  std::vector<std::shared_ptr<const LookupTable>> prepare(const Tensor& tables,
                                                          const Tensor& table_index) const;

 private:
  bool constant_ = false;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const LookupTable>> known_;
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

// The output channels of one run, and the tables that they point to.
struct ChannelSet {
  std::vector<Channel> channels;  // [weight matrix][output channel]
  std::vector<std::shared_ptr<const LookupTable>> tables;
  bool any_weight_zero = false;
};

using WeightPlans = std::vector<WeightPlan>;  // one for each weight matrix

// The multipliers of one node: its tables and the kernels that run them.
class Multipliers {
 public:
  Multipliers() : dispatch_(Dispatch::from_environment()) {}

  // Checks and prepares at session creation what is constant by then: inputs that are not are not
  // present. `outputs` is the number of output channels where that is known.
  void prepare_constants(const MultiplierInputs& inputs, std::optional<size_t> outputs);

  // Checks tables and index of one run and gives its channels. Throws Error also when the scale of
  // a channel is not finite.
  ChannelSet channels(const Quantization& q, const WeightPlans& plans, size_t outputs, size_t depth,
                      const MultiplierInputs& inputs) const;

 private:
  Dispatch dispatch_;
  TableSet tables_;
};

}  // namespace hawx
