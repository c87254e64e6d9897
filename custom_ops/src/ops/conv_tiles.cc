#include "ops/conv_tiles.h"

#include <algorithm>
#include <cstring>

namespace hawx {
namespace {

// Copies by two blocks that may overlap; kBytes <= count <= 2 * kBytes.
template <size_t kBytes>
inline void copy_two(uint8_t* to, const uint8_t* from, size_t count) {
  uint8_t head[kBytes], tail[kBytes];
  std::memcpy(head, from, kBytes);
  std::memcpy(tail, from + count - kBytes, kBytes);
  std::memcpy(to, head, kBytes);
  std::memcpy(to + count - kBytes, tail, kBytes);
}

// memcpy for the few bytes of one image row, mostly without the call.
inline void copy_short(uint8_t* to, const uint8_t* from, size_t count) {
  if (count > 32) {
    std::memcpy(to, from, count);
  } else if (count >= 16) {
    copy_two<16>(to, from, count);
  } else if (count >= 8) {
    copy_two<8>(to, from, count);
  } else if (count >= 4) {
    copy_two<4>(to, from, count);
  } else {
    for (size_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

inline void copy_row(uint8_t* to, const uint8_t* from, size_t count, size_t stride) {
  if (stride == 1) return copy_short(to, from, count);
  for (size_t i = 0; i < count; ++i) to[i] = from[i * stride];
}

}  // namespace

std::vector<ConvTiles::Segment> ConvTiles::segments(size_t begin, size_t count) const {
  std::vector<Segment> result;
  const int64_t width = g_.output[2];
  const int64_t size = g_.output_size();
  for (size_t done = 0; done < count;) {
    const int64_t position = static_cast<int64_t>(begin + done);
    const int64_t row = position % size / width;
    const int64_t ow = position % width;
    const int64_t length = std::min(width - ow, static_cast<int64_t>(count - done));
    result.push_back(
        {done,
         length,
         position / size,
         {row / g_.output[1] * g_.stride[0] - g_.pad[0],
          row % g_.output[1] * g_.stride[1] - g_.pad[1], ow * g_.stride[2] - g_.pad[2]}});
    done += static_cast<size_t>(length);
  }
  return result;
}

void ConvTiles::plan_tap(const Segment& segment, size_t tap, const Spatial& offset, size_t stride,
                         Plan& plan) const {
  const int64_t d = segment.origin[0] + offset[0];
  const int64_t h = segment.origin[1] + offset[1];
  const int64_t w = segment.origin[2] + offset[2];
  if (d < 0 || d >= g_.input[0] || h < 0 || h >= g_.input[1]) return;
  // Positions [first, last) of the segment see an element of x, the others padding.
  const int64_t step = g_.stride[2];
  const int64_t first = std::min(w >= 0 ? 0 : (step - 1 - w) / step, segment.length);
  const int64_t beyond = std::max<int64_t>(g_.input[2] - w, 0);
  const int64_t last = std::clamp((beyond + step - 1) / step, first, segment.length);
  if (first == last) return;
  const int64_t image = segment.image * g_.groups * g_.group_inputs * g_.input_size();
  const size_t to = tap * stride + segment.column + static_cast<size_t>(first);
  const int64_t from = image + (d * g_.input[1] + h) * g_.input[2] + w + first * step;
  const size_t count = static_cast<size_t>(last - first);
  plan.copies.push_back({to, static_cast<size_t>(from), count});
  if (!plan.padding.empty()) std::memset(plan.padding.data() + to, 0, count);
}

std::unique_ptr<BlockPlan> ConvTiles::plan(size_t begin, size_t count, Tile& tile) const {
  auto plan = std::make_unique<Plan>();
  const size_t stride = tile.stride;
  if (padding_terms_ != nullptr) plan->padding.assign(static_cast<size_t>(g_.taps()) * stride, 1);
  const std::vector<Segment> rows = segments(begin, count);
  size_t tap = 0;
  for (int64_t d = 0; d < g_.kernel[0]; ++d) {
    for (int64_t h = 0; h < g_.kernel[1]; ++h) {
      for (int64_t w = 0; w < g_.kernel[2]; ++w, ++tap) {
        const Spatial offset = {d * g_.dilation[0], h * g_.dilation[1], w * g_.dilation[2]};
        for (const Segment& row : rows) plan_tap(row, tap, offset, stride, *plan);
      }
    }
  }
  // Padding lies at the same places in every group: write it once.
  std::memset(tile.codes.data(), padding_code_, static_cast<size_t>(g_.depth()) * stride);
  return plan;
}

void ConvTiles::fill(const BlockPlan& plan, size_t group, Tile& tile) const {
  const size_t step = static_cast<size_t>(g_.stride[2]);
  const size_t inputs = static_cast<size_t>(g_.group_inputs);
  const size_t input_size = static_cast<size_t>(g_.input_size());
  const size_t channel_rows = static_cast<size_t>(g_.taps()) * tile.stride;
  const uint8_t* x = x_ + group * inputs * input_size;
  for (const Copy& copy : static_cast<const Plan&>(plan).copies) {
    uint8_t* to = tile.codes.data() + copy.to;
    const uint8_t* from = x + copy.from;
    for (size_t c = 0; c < inputs; ++c, to += channel_rows, from += input_size) {
      copy_row(to, from, copy.count, step);
    }
  }
}

void ConvTiles::correct(const BlockPlan& plan, size_t channel, size_t stride, uint32_t* acc) const {
  const std::vector<uint8_t>& padding = static_cast<const Plan&>(plan).padding;
  if (padding.empty()) return;
  const size_t taps = static_cast<size_t>(g_.taps());
  for (size_t tap = 0; tap < taps; ++tap) {
    const uint32_t term = padding_terms_[channel * taps + tap];
    const uint8_t* is_padding = padding.data() + tap * stride;
    for (size_t p = 0; p < stride; ++p) acc[p] -= term * is_padding[p];
  }
}

void ConvTiles::store(size_t group, size_t first_channel, size_t channels, size_t begin,
                      size_t count, const uint8_t* outputs, size_t stride) const {
  const size_t size = static_cast<size_t>(g_.output_size());
  const size_t all_channels = static_cast<size_t>(g_.groups * g_.group_outputs);
  const size_t first = group * static_cast<size_t>(g_.group_outputs) + first_channel;
  for (size_t done = 0; done < count;) {
    const size_t image = (begin + done) / size;
    const size_t offset = (begin + done) % size;
    const size_t length = std::min(size - offset, count - done);
    uint8_t* to = y_ + ((image * all_channels + first) * size + offset) * y_bytes_;
    for (size_t c = 0; c < channels; ++c) {
      copy_short(to + c * size * y_bytes_, outputs + (c * stride + done) * y_bytes_,
                 length * y_bytes_);
    }
    done += length;
  }
}

}  // namespace hawx
