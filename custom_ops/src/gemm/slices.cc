#include "gemm/slices.h"

#include <algorithm>
#include <utility>

#include "gemm/limits.h"

namespace hawx {
namespace {

std::vector<LookupPart> plan_lookups(const Slice& slice, const Weights& weights, const Depth& depth,
                                     const std::vector<size_t>& rows) {
  const size_t input_bytes = std::max<size_t>(depth.taps, 1) * kPositionBlock;
  const size_t most = std::max<size_t>(kBlockBytes / input_bytes, 1);
  std::vector<LookupPart> parts;
  for (size_t i = 0; i < depth.inputs; i += most) {
    const size_t inputs = std::min(most, depth.inputs - i);
    std::vector<const uint8_t*> codes;
    for (size_t row : rows) codes.push_back(weights.row(row) + i * depth.taps);
    WeightPlan plan(codes, inputs * depth.taps, slice.multiplier->table->weight_classes());
    parts.push_back({i, inputs, std::move(plan), std::make_shared<LazyTransposed>()});
  }
  return parts;
}

}  // namespace

Slices::Slices(const Weights& weights, const Depth& depth, size_t channels,
               const std::vector<int32_t>& index, std::vector<Multiplier> multipliers,
               const Dispatch& dispatch, bool activations_signed)
    : index_(index),
      multipliers_(std::move(multipliers)),
      plans_(multipliers_.size()),
      sum_(Factorization::of_activations(activations_signed)),
      sum_plan_(std::make_unique<ProductPlan>(sum_, depth)) {
  if (weights.rows() != 0) {
    sum_weights_ = std::make_unique<ProductWeights>(*sum_plan_, weights, std::vector<size_t>{0});
  }
  const size_t groups = channels == 0 ? 0 : weights.rows() / channels;
  for (size_t g = 0; g < groups; ++g) add_group(weights, depth, g, channels, dispatch);
}

void Slices::add_group(const Weights& weights, const Depth& depth, size_t group, size_t channels,
                       const Dispatch& dispatch) {
  const size_t before = slices_.size();
  for (size_t c = 0; c < channels; ++c) {
    const Multiplier* wanted = &multiplier(group * channels + c);
    auto slice = std::find_if(slices_.begin() + static_cast<ptrdiff_t>(before), slices_.end(),
                              [&](const Slice& known) { return known.multiplier == wanted; });
    if (slice == slices_.end()) {
      slices_.push_back({group, wanted, {}, nullptr, {}, nullptr, nullptr});
      slice = slices_.end() - 1;
    }
    slice->channels.push_back(static_cast<uint32_t>(c));
  }
  for (size_t i = before; i < slices_.size(); ++i) {
    prepare(slices_[i], weights, depth, group * channels, dispatch);
  }
}

void Slices::prepare(Slice& slice, const Weights& weights, const Depth& depth, size_t first_row,
                     const Dispatch& dispatch) {
  std::vector<size_t> rows;
  for (uint32_t channel : slice.channels) rows.push_back(first_row + channel);
  if (!dispatch.takes_products(*slice.multiplier, slice.channels.size())) {
    slice.kernel = &dispatch.choose(*slice.multiplier->table);
    slice.lookups = plan_lookups(slice, weights, depth, rows);
    return;
  }
  auto& plan = plans_[static_cast<size_t>(slice.multiplier - multipliers_.data())];
  if (plan == nullptr) plan = std::make_shared<ProductPlan>(*slice.multiplier->factors, depth);
  slice.plan = plan;
  slice.products = std::make_shared<ProductWeights>(*plan, weights, rows);
}

}  // namespace hawx
