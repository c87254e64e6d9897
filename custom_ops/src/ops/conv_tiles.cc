#include "ops/conv_tiles.h"

#include <algorithm>
#include <cstring>

namespace hawx {
namespace {

// memcpy for a few bytes at a time, without the call.
inline void copy_short(uint8_t* to, const uint8_t* from, size_t count) {
  if (count >= 16) {
    std::memcpy(to, from, count);
  } else if (count >= 8) {
    uint64_t head, tail;
    std::memcpy(&head, from, 8);
    std::memcpy(&tail, from + count - 8, 8);
    std::memcpy(to, &head, 8);
    std::memcpy(to + count - 8, &tail, 8);
  } else {
    for (size_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

inline void copy_row(uint8_t* to, const uint8_t* from, size_t count, size_t stride) {
  if (stride == 1) return copy_short(to, from, count);
  for (size_t i = 0; i < count; ++i) to[i] = from[i * stride];
}

}  // namespace

std::vector<ConvTiles::Segment> ConvTiles::segments(size_t group, size_t begin,
                                                    size_t count) const {
  std::vector<Segment> result;
  const int64_t width = g_.output[2];
  const int64_t size = g_.output_size();
  for (size_t done = 0; done < count;) {
    const int64_t position = static_cast<int64_t>(begin + done);
    const int64_t image = position / size;
    const int64_t row = position % size / width;
    const int64_t ow = position % width;
    const int64_t length = std::min(width - ow, static_cast<int64_t>(count - done));
    const int64_t plane = (image * g_.groups + static_cast<int64_t>(group)) * g_.group_inputs;
    result.push_back({done,
                      length,
                      x_ + plane * g_.input_size(),
                      {row / g_.output[1] * g_.stride[0] - g_.pad[0],
                       row % g_.output[1] * g_.stride[1] - g_.pad[1],
                       ow * g_.stride[2] - g_.pad[2]}});
    done += static_cast<size_t>(length);
  }
  return result;
}

void ConvTiles::mark_padding(const Segment& segment, size_t tap, int64_t from, int64_t to,
                             Tile& tile) const {
  if (padding_terms_ == nullptr || from >= to) return;
  tile.has_padding = true;
  std::memset(tile.padding.data() + tap * tile.stride + segment.column + from, 1,
              static_cast<size_t>(to - from));
}

void ConvTiles::fill_tap(const Segment& segment, const Tap& tap, Tile& tile) const {
  const int64_t d = segment.origin[0] + tap.offset[0];
  const int64_t h = segment.origin[1] + tap.offset[1];
  const int64_t w = segment.origin[2] + tap.offset[2];
  const int64_t stride = g_.stride[2];
  // Positions [first, last) of the segment see an element of x, the others padding.
  int64_t first = segment.length, last = segment.length;
  if (d >= 0 && d < g_.input[0] && h >= 0 && h < g_.input[1]) {
    first = std::clamp<int64_t>(w >= 0 ? 0 : (stride - 1 - w) / stride, 0, segment.length);
    const int64_t beyond = g_.input[2] - w;
    last = std::clamp<int64_t>(beyond <= 0 ? 0 : (beyond + stride - 1) / stride, first,
                               segment.length);
  }
  mark_padding(segment, tap.index, 0, first, tile);
  mark_padding(segment, tap.index, last, segment.length, tile);
  const size_t row_bytes = static_cast<size_t>(g_.taps()) * tile.stride;
  uint8_t* to = tile.codes.data() + tap.index * tile.stride + segment.column;
  const uint8_t* from = segment.image;
  if (first < last) from += (d * g_.input[1] + h) * g_.input[2] + w + first * stride;
  for (int64_t c = 0; c < g_.group_inputs; ++c, to += row_bytes) {
    if (first > 0) std::memset(to, padding_code_, static_cast<size_t>(first));
    if (first < last) {
      copy_row(to + first, from, static_cast<size_t>(last - first), static_cast<size_t>(stride));
      from += g_.input_size();
    }
    if (last < segment.length) {
      std::memset(to + last, padding_code_, static_cast<size_t>(segment.length - last));
    }
  }
}

void ConvTiles::fill(size_t group, size_t begin, size_t count, Tile& tile) const {
  if (padding_terms_ != nullptr) {
    const size_t bytes = static_cast<size_t>(g_.taps()) * tile.stride;
    tile.padding.reserve(bytes);
    std::memset(tile.padding.data(), 0, bytes);
  }
  const std::vector<Segment> rows = segments(group, begin, count);
  Tap tap{0, {}};
  for (int64_t d = 0; d < g_.kernel[0]; ++d) {
    for (int64_t h = 0; h < g_.kernel[1]; ++h) {
      for (int64_t w = 0; w < g_.kernel[2]; ++w, ++tap.index) {
        tap.offset = {d * g_.dilation[0], h * g_.dilation[1], w * g_.dilation[2]};
        for (const Segment& row : rows) fill_tap(row, tap, tile);
      }
    }
  }
}

void ConvTiles::correct(size_t channel, const Tile& tile, uint32_t* acc) const {
  const size_t taps = static_cast<size_t>(g_.taps());
  for (size_t tap = 0; tap < taps; ++tap) {
    const uint32_t term = padding_terms_[channel * taps + tap];
    const uint8_t* is_padding = tile.padding.data() + tap * tile.stride;
    for (size_t p = 0; p < tile.stride; ++p) acc[p] -= term * is_padding[p];
  }
}

void ConvTiles::store(size_t group, size_t first_channel, size_t channels, size_t begin,
                      size_t count, const uint8_t* codes, size_t stride) const {
  const size_t size = static_cast<size_t>(g_.output_size());
  const size_t all_channels = static_cast<size_t>(g_.groups * g_.group_outputs);
  const size_t first = group * static_cast<size_t>(g_.group_outputs) + first_channel;
  for (size_t done = 0; done < count;) {
    const size_t image = (begin + done) / size;
    const size_t offset = (begin + done) % size;
    const size_t length = std::min(size - offset, count - done);
    uint8_t* to = y_ + (image * all_channels + first) * size + offset;
    for (size_t c = 0; c < channels; ++c) {
      copy_short(to + c * size, codes + c * stride + done, length);
    }
    done += length;
  }
}

}  // namespace hawx
