#include "ops/approximation.h"

#include <algorithm>
#include <cmath>

#include "hawx/error.h"

namespace hawx {
namespace {

void check_single(const Tensor& tensor) {
  require(tensor.size() == 1 && tensor.rank() <= 1, tensor.name, " has shape ",
          to_string(tensor.shape), ", it must hold one element");
}

}  // namespace

float scalar_scale(const Tensor& tensor) {
  check_single(tensor);
  return tensor.float32()[0];
}

uint8_t scalar_code(const Tensor& tensor) {
  if (!tensor.present) return 0;
  check_single(tensor);
  return tensor.codes()[0];
}

int32_t scalar_zero_point(const Tensor& tensor) {
  return code_value(scalar_code(tensor), tensor.is_signed());
}

PerChannel::PerChannel(const Tensor& tensor, size_t channels, size_t matrices)
    : tensor_(tensor),
      channel_step_(tensor.size() == 1 ? 0 : 1),
      matrix_step_(tensor.size() == channels || tensor.size() == 1 ? 0 : channels) {
  const bool innermost = tensor.rank() >= 1 && static_cast<size_t>(tensor.shape.back()) == channels;
  const bool fits = tensor.size() == channels || tensor.size() == channels * matrices;
  require(tensor.size() == 1 || (fits && innermost), tensor.name, " has shape ",
          to_string(tensor.shape), ", it must hold one element or one for each of ", channels,
          " output channels");
}

void check_tables(const Tensor& tables) {
  require(tables.rank() == 3 && tables.shape[1] == 256 && tables.shape[2] == 256, tables.name,
          " has shape ", to_string(tables.shape), ", it must be [T,256,256]");
}

void check_table_index(const Tensor& table_index, size_t channels, size_t tables) {
  require(table_index.rank() == 1 && table_index.size() == channels, table_index.name,
          " has shape ", to_string(table_index.shape), ", it must be [", channels,
          "], one index for each output channel");
  for (size_t c = 0; c < channels; ++c) {
    const int32_t index = table_index.int32()[c];
    require(index >= 0 && static_cast<size_t>(index) < tables, table_index.name, "[", c, "] is ",
            index, ", tables holds ", tables);
  }
}

namespace {

// Whether `count` factors all lie within int8 or all within uint8.
bool within_8_bits(const int32_t* factors, size_t count) {
  const auto [least, greatest] = std::minmax_element(factors, factors + count);
  return (*least >= -128 && *greatest <= 127) || (*least >= 0 && *greatest <= 255);
}

}  // namespace

void check_factors(const Tensor& factors, size_t tables) {
  if (!factors.present) return;
  require(factors.rank() == 2 && factors.shape[1] == kFactorColumns, factors.name, " has shape ",
          to_string(factors.shape), ", it must be [R,", kFactorColumns, "]");
  for (int64_t r = 0; r < factors.shape[0]; ++r) {
    const int32_t* row = factors.int32() + r * kFactorColumns;
    require(row[0] >= 0 && static_cast<size_t>(row[0]) < tables, factors.name, "[", r,
            "] is for table ", row[0], ", tables holds ", tables);
    require(within_8_bits(row + 2, 256) && within_8_bits(row + 258, 256), factors.name, "[", r,
            "] has factors beyond 8 bits");
  }
}

std::vector<std::shared_ptr<const LookupTable>> TableSet::prepare(const Tensor& tables,
                                                                  const Tensor& table_index) const {
  std::vector<std::shared_ptr<const LookupTable>> result(static_cast<size_t>(tables.shape[0]));
  std::lock_guard<std::mutex> lock(mutex_);
  known_.resize(result.size());
  for (size_t c = 0; c < table_index.size(); ++c) {
    const size_t index = static_cast<size_t>(table_index.int32()[c]);
    if (result[index] != nullptr) continue;
    const int32_t* entries = tables.int32() + index * kTableEntries;
    std::shared_ptr<const LookupTable>& known = known_[index];
    if (known == nullptr || (!constant_ && !known->equals(entries))) {
      known = LookupTable::shared(entries);
    }
    result[index] = known;
  }
  return result;
}

namespace {

float output_scale(const OutputScales& scales, size_t matrix, size_t channel) {
  const float w = scales.w.scale(matrix, channel);
  const float scale = (scales.x * w) / scales.y;
  require(std::isfinite(scale), "the output scale of channel ", channel, " is not finite: (",
          scales.x, " * ", w, ") / ", scales.y);
  return scale;
}

// Parameters of an output channel of the weight matrix `plan`, the one of index `matrix`.
Channel make_channel(const Quantization& q, const WeightPlan& plan, size_t matrix, size_t channel,
                     size_t depth, const LookupTable& table, const Dispatch& dispatch) {
  const uint32_t x_zero = static_cast<uint32_t>(q.x_zero);
  const uint32_t w_zero = static_cast<uint32_t>(q.w_zero.zero_point(matrix, channel));
  uint32_t constant = static_cast<uint32_t>(depth) * x_zero * w_zero;
  constant -= x_zero * plan.sum(channel);
  if (q.bias != nullptr) constant += static_cast<uint32_t>(q.bias[channel]);
  const float scale = q.scales ? output_scale(*q.scales, matrix, channel) : 1.0f;
  return {plan.channel(channel), &table, &dispatch.choose(table), constant, w_zero, scale};
}

}  // namespace

void Multipliers::prepare_constants(const MultiplierInputs& inputs, std::optional<size_t> outputs) {
  const Tensor& tables = inputs.tables;
  const Tensor& table_index = inputs.table_index;
  if (!tables.present) return;
  check_tables(tables);
  check_factors(inputs.factors, static_cast<size_t>(tables.shape[0]));
  tables_.set_constant();
  if (!table_index.present) return;
  check_table_index(table_index, outputs.value_or(table_index.size()),
                    static_cast<size_t>(tables.shape[0]));
  tables_.prepare(tables, table_index);
}

ChannelSet Multipliers::channels(const Quantization& q, const WeightPlans& plans, size_t outputs,
                                 size_t depth, const MultiplierInputs& inputs) const {
  const Tensor& tables = inputs.tables;
  const Tensor& table_index = inputs.table_index;
  check_tables(tables);
  check_table_index(table_index, outputs, static_cast<size_t>(tables.shape[0]));
  check_factors(inputs.factors, static_cast<size_t>(tables.shape[0]));
  ChannelSet set;
  set.tables = tables_.prepare(tables, table_index);
  set.channels.reserve(plans.size() * outputs);
  for (size_t matrix = 0; matrix < plans.size(); ++matrix) {
    for (size_t c = 0; c < outputs; ++c) {
      const LookupTable& table = *set.tables[static_cast<size_t>(table_index.int32()[c])];
      set.channels.push_back(make_channel(q, plans[matrix], matrix, c, depth, table, dispatch_));
      set.any_weight_zero = set.any_weight_zero || set.channels.back().weight_zero != 0;
    }
  }
  return set;
}

}  // namespace hawx
