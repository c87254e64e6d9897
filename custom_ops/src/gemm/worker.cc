#include "gemm/worker.h"

#include <algorithm>

#include "gemm/limits.h"
#include "hawx/tensor.h"
#include "kernels/kernels.h"

namespace hawx {
namespace {

// Fewer positions than that are requantised one by one.
constexpr size_t kFewRequantized = 4;

size_t round_up(size_t a, size_t b) { return (a + b - 1) / b * b; }

// Accumulators with what is still missing in them, as an operator with int32 output gives them.
void complete_sums(const Requantization& q, const uint32_t* acc, size_t count, uint32_t* sums) {
  for (size_t p = 0; p < count; ++p) sums[p] = acc[p] + q.constant;
  if (q.code_sum == nullptr) return;
  for (size_t p = 0; p < count; ++p) sums[p] -= q.weight_zero * q.code_sum[p];
}

}  // namespace

void Worker::run_unit(const Unit& unit) {
  const bool transposed = takes_transposed(*unit.slice, problem_.positions);
  counted_ = round_up(unit.positions, kRequantized);
  stride_ = transposed ? counted_ : round_up(unit.positions, kPositionBlock);
  plan(unit);
  if (problem_.needs_code_sums) load_code_sums(unit);
  const size_t block = transposed                 ? TransposedLookups::kBlock
                       : unit.slice->parts() <= 1 ? kChannelBlock
                                                  : std::min(unit.count, kMostKept);
  scratch_.sums.reserve(block * stride_);
  scratch_.outputs.reserve(block * stride_ * problem_.type.bytes);
  for (size_t c = 0; c < unit.count; c += block) {
    const size_t count = std::min(block, unit.count - c);
    if (transposed) {
      sum_transposed(unit, unit.first + c, count);
    } else if (unit.slice->kernel != nullptr) {
      sum_lookups(unit, unit.first + c, count);
    } else {
      sum_products(unit, unit.first + c, count);
    }
    finish(unit, unit.first + c, count);
  }
}

void Worker::plan(const Unit& unit) {
  const Contents wanted = {run_, unit.begin, 0, nullptr};
  if (scratch_.plan_holds == wanted) return;
  scratch_.plan_holds = {};
  scratch_.plan = problem_.operands->plan(unit.begin, unit.positions);
  scratch_.plan_holds = wanted;
}

Filling Worker::filling(const Unit& unit, size_t first_input, size_t inputs, const uint8_t* map,
                        uint8_t* to) {
  return {unit.slice->group, first_input, inputs,        map, &problem_.dispatch->product(),
          stride_,           to,          &scratch_.fill};
}

// Quads of four consecutive products are made of rows of codes, others come as they are.
void Worker::fill_segment(const Unit& unit, const ProductPlan& plan, const Segment& segment) {
  const uint8_t* map = segment.term->activation.data();
  uint8_t* to = scratch_.panel.data() + segment.quad * stride_ * kQuad;
  if (plan.quads_across_inputs()) {
    problem_.operands->fill_quads(*scratch_.plan,
                                  filling(unit, segment.first_input, segment.inputs, map, to));
    return;
  }
  const size_t depth = segment.inputs * plan.depth().taps;
  scratch_.codes_hold = {};
  scratch_.codes.reserve(depth * stride_ + 1);
  uint8_t* codes = scratch_.codes.data();
  problem_.operands->fill_codes(*scratch_.plan,
                                filling(unit, segment.first_input, segment.inputs, map, codes));
  for (size_t q = 0; q < segment.quads; ++q, to += stride_ * kQuad) {
    const uint8_t* rows[kQuad];
    for (size_t j = 0; j < kQuad; ++j) {
      rows[j] = codes + std::min(q * kQuad + j, depth - 1) * stride_;
    }
    problem_.dispatch->product().interleave(rows, unit.positions, nullptr, to);
  }
}

void Worker::load_panel(const Unit& unit, const ProductPlan& plan, const ProductWeights& weights,
                        const Panel& panel) {
  const Contents wanted = {run_, unit.begin, unit.slice->group, &panel};
  if (scratch_.panel_holds == wanted) return;
  scratch_.panel_holds = {};
  scratch_.panel.reserve(panel.quads * stride_ * kQuad + 1);
  for (const Segment& segment : panel.segments) fill_segment(unit, plan, segment);
  if (weights.offsets(0) != nullptr) {
    scratch_.offsets.reserve(stride_);
    multiply(unit, panel, weights.offsets(panel.first_quad), 0, 1, kWeightOffset, nullptr, 0,
             scratch_.offsets.data());
  }
  scratch_.panel_holds = wanted;
}

void Worker::multiply(const Unit& unit, const Panel& panel, const int8_t* weights, size_t stride,
                      size_t channels, int32_t factor, const uint32_t* start, size_t start_stride,
                      uint32_t* sums) {
  for (const Pass& pass : panel.passes) {
    problem_.dispatch->product().multiply(
        {weights + pass.quad * kQuad, stride, channels, pass.quads,
         scratch_.panel.data() + pass.quad * stride_ * kQuad, unit.positions, stride_,
         pass.scale * static_cast<uint32_t>(factor), start, start_stride, sums});
    start = sums;
    start_stride = stride_;
  }
}

void Worker::load_code_sums(const Unit& unit) {
  const Contents wanted = {run_, unit.begin, unit.slice->group, nullptr};
  if (scratch_.code_sums_hold == wanted) return;
  scratch_.code_sums_hold = {};
  scratch_.code_sums.reserve(stride_);
  uint32_t* sums = scratch_.code_sums.data();
  const ProductWeights& weights = problem_.slices->sum_weights();
  std::fill_n(sums, stride_, weights.constant(0));
  for (const Panel& panel : problem_.slices->sum_plan().panels()) {
    load_panel(unit, problem_.slices->sum_plan(), weights, panel);
    multiply(unit, panel, weights.at(0, panel.first_quad), weights.stride(), 1, 1, sums, stride_,
             sums);
  }
  scratch_.code_sums_hold = wanted;
}

void Worker::sum_products(const Unit& unit, size_t first, size_t count) {
  const ProductPlan& plan = *unit.slice->plan;
  const ProductWeights& weights = *unit.slice->products;
  uint32_t* sums = scratch_.sums.data();
  if (plan.panels().empty()) std::fill_n(sums, count * stride_, 0u);
  for (const Panel& panel : plan.panels()) {
    load_panel(unit, plan, weights, panel);
    const int8_t* codes = weights.at(first, panel.first_quad);
    const bool is_first = &panel == &plan.panels().front();
    const uint32_t* offsets = weights.offsets(0) != nullptr ? scratch_.offsets.data() : nullptr;
    if (is_first) {
      multiply(unit, panel, codes, weights.stride(), count, 1, offsets, 0, sums);
      continue;
    }
    multiply(unit, panel, codes, weights.stride(), count, 1, sums, stride_, sums);
    for (size_t i = 0; offsets != nullptr && i < count * stride_; ++i) {
      sums[i] += offsets[i % stride_];
    }
  }
}

void Worker::finish(const Unit& unit, size_t first, size_t count) {
  const Slice& slice = *unit.slice;
  const size_t pitch = stride_ * problem_.type.bytes;
  uint8_t* outputs = scratch_.outputs.data();
  for (size_t i = 0; i < count; ++i) {
    const size_t index = slice.group * problem_.channels + slice.channels[first + i];
    const uint32_t constant = slice.kernel != nullptr ? 0 : slice.products->constant(first + i);
    finish_channel(index, unit.positions, constant, scratch_.sums.data() + i * stride_,
                   outputs + i * pitch);
  }
  const uint32_t* channels = slice.channels.data() + first;
  for (size_t i = 0; i < count;) {
    size_t together = 1;  // neighbours among the node's channels
    while (i + together < count && channels[i + together] == channels[i] + together) ++together;
    problem_.operands->store(slice.group, channels[i], together, unit.begin, unit.positions,
                             outputs + i * pitch, stride_);
    i += together;
  }
}

void Worker::finish_channel(size_t index, size_t positions, uint32_t constant, uint32_t* sums,
                            uint8_t* outputs) {
  const Channel& channel = problem_.outputs[index];
  problem_.operands->correct(*scratch_.plan, index, stride_, sums);
  const bool is_signed = problem_.type.is_signed;
  const Requantization requantization = {
      channel.constant + constant,
      channel.weight_zero,
      problem_.needs_code_sums ? scratch_.code_sums.data() : nullptr,
      channel.scale,
      problem_.type.zero_point,
      is_signed ? -128 : 0,
      is_signed ? 127 : 255,
  };
  if (problem_.type.bytes == sizeof(uint32_t)) {
    complete_sums(requantization, sums, counted_, reinterpret_cast<uint32_t*>(outputs));
  } else if (positions < kFewRequantized) {
    requantize_scalar(requantization, sums, positions, outputs);
  } else {
    problem_.dispatch->preferred().requantize(requantization, sums, counted_, outputs);
  }
}

}  // namespace hawx
