// What both operators share: quantisation parameters, tables and the choice of table per channel.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "gemm/lookup_gemm.h"
#include "gemm/lookup_table.h"
#include "gemm/weight_plan.h"
#include "hawx/tensor.h"
#include "kernels/registry.h"

namespace hawx {

// Throws Error unless the tensor holds exactly one element; returns it.
float scalar_scale(const Tensor& tensor);
int32_t scalar_zero_point(const Tensor& tensor);

// A scale or zero point of the weights: one for all output channels, one each, or one each for
// every weight matrix of a batch.
class PerChannel {
 public:
  // Throws Error unless the tensor has as many elements as that, the channels innermost.
  PerChannel(const Tensor& tensor, size_t channels, size_t matrices = 1);

  float scale(size_t matrix, size_t channel) const {
    return tensor_.float32()[matrix * matrix_step_ + channel * channel_step_];
  }
  int32_t zero_point(size_t matrix, size_t channel) const {
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

// Quantisation of one run, read from the inputs that Conv and MatMul share.
struct Quantization {
  float x_scale;
  int32_t x_zero;
  float y_scale;
  int32_t y_zero;
  PerChannel w_scale;
  PerChannel w_zero;
  const int32_t* bias;  // [channels] or null
};

// Parameters of an output channel of the weight matrix `plan`, the one of index `matrix`.
// Throws Error when its multiplier (x_scale * w_scale) / y_scale is not finite.
Channel make_channel(const Quantization& q, const WeightPlan& plan, size_t matrix, size_t channel,
                     size_t depth, const LookupTable& table, const Dispatch& dispatch);

}  // namespace hawx
