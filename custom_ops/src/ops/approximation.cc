#include "ops/approximation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "hawx/error.h"

namespace hawx {
namespace {

void check_single(const Tensor& tensor) {
  require(tensor.size() == 1 && tensor.rank() <= 1, tensor.name, " has shape ", shown(tensor.shape),
          ", it must hold one element");
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
          shown(tensor.shape), ", it must hold one element or one for each of ", channels,
          " output channels");
}

void check_tables(const Tensor& tables) {
  require(tables.rank() == 3 && tables.shape[1] == 256 && tables.shape[2] == 256, tables.name,
          " has shape ", shown(tables.shape), ", it must be [T,256,256]");
}

void check_table_index(const Tensor& table_index, size_t channels, size_t tables) {
  require(table_index.rank() == 1 && table_index.size() == channels, table_index.name,
          " has shape ", shown(table_index.shape), ", it must be [", channels,
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
  require(factors.rank() == 2 && static_cast<size_t>(factors.shape[1]) == kFactorColumns,
          factors.name, " has shape ", shown(factors.shape), ", it must be [R,", kFactorColumns,
          "]");
  for (int64_t r = 0; r < factors.shape[0]; ++r) {
    const int32_t* row = factors.int32() + static_cast<size_t>(r) * kFactorColumns;
    require(row[0] >= 0 && static_cast<size_t>(row[0]) < tables, factors.name, "[", r,
            "] is for table ", row[0], ", tables holds ", tables);
    require(within_8_bits(row + 2, 256) && within_8_bits(row + 258, 256), factors.name, "[", r,
            "] has factors beyond 8 bits");
  }
}

namespace {

// Factors are for speed only: where they do not fit the table, the table counts.
std::shared_ptr<const Factorization> fitting_factors(const Tensor& factors, size_t index,
                                                     const LookupTable& table) {
  if (!factors.present) return nullptr;
  auto made = std::make_shared<const Factorization>(
      factors.int32(), static_cast<size_t>(factors.shape[0]), static_cast<int32_t>(index));
  return !made->terms().empty() && made->equals(table) ? made : nullptr;
}

}  // namespace

Multiplier make_multiplier(const Tensor& tables, const Tensor& factors, size_t index) {
  auto table = LookupTable::shared(tables.int32() + index * kTableEntries);
  return {table, fitting_factors(factors, index, *table)};
}

Multiplier MultiplierSet::make(const MultiplierInputs& inputs, size_t index,
                               const Multiplier& known) const {
  const int32_t* entries = inputs.tables.int32() + index * kTableEntries;
  if (known.table == nullptr || (!constant_tables_ && !known.table->equals(entries))) {
    return make_multiplier(inputs.tables, inputs.factors, index);
  }
  if (constant_factors_ || !inputs.factors.present) return known;
  return {known.table, fitting_factors(inputs.factors, index, *known.table)};
}

std::vector<Multiplier> MultiplierSet::prepare(const MultiplierInputs& inputs) const {
  std::vector<Multiplier> result(static_cast<size_t>(inputs.tables.shape[0]));
  std::lock_guard<std::mutex> lock(mutex_);
  known_.resize(result.size());
  const Tensor& table_index = inputs.table_index;
  for (size_t c = 0; c < table_index.size(); ++c) {
    const size_t index = static_cast<size_t>(table_index.int32()[c]);
    if (result[index].table != nullptr) continue;
    known_[index] = make(inputs, index, known_[index]);
    result[index] = known_[index];
  }
  return result;
}

void Multipliers::prepare_constants(const MultiplierInputs& inputs, std::optional<size_t> outputs) {
  const auto& [tables, table_index, factors] = inputs;
  if (!tables.present) return;
  check_tables(tables);
  check_factors(factors, static_cast<size_t>(tables.shape[0]));
  multipliers_.set_constant(true, factors.present);
  if (!table_index.present) return;
  check_table_index(table_index, outputs.value_or(table_index.size()),
                    static_cast<size_t>(tables.shape[0]));
  multipliers_.prepare(inputs);
  constant_index_ = true;
}

namespace {

bool same(const std::vector<Multiplier>& a, const std::vector<Multiplier>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Multiplier& x, const Multiplier& y) {
                      return x.table == y.table && x.factors == y.factors;
                    });
}

}  // namespace

std::shared_ptr<const Slices> Multipliers::slices(const std::shared_ptr<const Weights>& weights,
                                                  const Depth& depth, size_t channels,
                                                  size_t outputs, const MultiplierInputs& inputs,
                                                  bool activations_signed) const {
  const bool checked = multipliers_.are_constant(inputs);
  if (checked && constant_index_) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (last_slices_ != nullptr && last_weights_ == weights) return last_slices_;
  }
  if (!checked) {
    check_tables(inputs.tables);
    check_factors(inputs.factors, static_cast<size_t>(inputs.tables.shape[0]));
  }
  check_table_index(inputs.table_index, outputs, static_cast<size_t>(inputs.tables.shape[0]));
  std::vector<Multiplier> multipliers = multipliers_.prepare(inputs);
  const std::vector<int32_t> index(inputs.table_index.int32(),
                                   inputs.table_index.int32() + outputs);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (last_slices_ != nullptr && last_weights_ == weights && last_slices_->index() == index &&
        same(last_slices_->multipliers(), multipliers)) {
      return last_slices_;
    }
  }
  auto made = std::make_shared<const Slices>(*weights, depth, channels, index,
                                             std::move(multipliers), dispatch_, activations_signed);
  std::lock_guard<std::mutex> lock(mutex_);
  last_weights_ = weights;
  last_slices_ = made;
  return made;
}

namespace {

float output_scale(const OutputScales& scales, size_t matrix, size_t channel) {
  const float w = scales.w.scale(matrix, channel);
  const float scale = (scales.x * w) / scales.y;
  require(std::isfinite(scale), "the output scale of channel ", channel, " is not finite: (",
          scales.x, " * ", w, ") / ", scales.y);
  return scale;
}

}  // namespace

ChannelSet make_channels(const Quantization& q, const Weights& weights, size_t outputs) {
  ChannelSet set;
  set.channels.reserve(weights.rows());
  const uint32_t x_zero = static_cast<uint32_t>(q.x_zero);
  const uint32_t depth = static_cast<uint32_t>(weights.depth());
  for (size_t matrix = 0; matrix * outputs < weights.rows(); ++matrix) {
    for (size_t channel = 0; channel < outputs; ++channel) {
      const uint32_t w_zero = static_cast<uint32_t>(q.w_zero.zero_point(matrix, channel));
      uint32_t constant = depth * x_zero * w_zero;
      constant -= x_zero * weights.sum(matrix * outputs + channel);
      if (q.bias != nullptr) constant += static_cast<uint32_t>(q.bias[channel]);
      const float scale = q.scales ? output_scale(*q.scales, matrix, channel) : 1.0f;
      set.channels.push_back({constant, w_zero, scale});
      set.any_weight_zero = set.any_weight_zero || w_zero != 0;
    }
  }
  return set;
}

}  // namespace hawx
