#include "ops/conv_tiles.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "ops/short_copy.h"

namespace hawx {
namespace {

// Elements of a box at most; where strides or dilations make it larger, taps are read one by one.
constexpr int64_t kLargestBox = int64_t{1} << 15;

template <typename Element>
constexpr size_t inputs_of() {
  return sizeof(Element);  // one byte for each
}

// The element whose codes all are `code`.
template <typename Element>
Element repeated(uint8_t code) {
  Element element;
  std::memset(&element, code, sizeof(element));
  return element;
}

template <typename Body>
void each_tap(const ConvGeometry& g, const Body& body) {
  size_t tap = 0;
  for (int64_t d = 0; d < g.kernel[0]; ++d) {
    for (int64_t h = 0; h < g.kernel[1]; ++h) {
      for (int64_t w = 0; w < g.kernel[2]; ++w, ++tap) {
        body(tap, Spatial{d * g.dilation[0], h * g.dilation[1], w * g.dilation[2]});
      }
    }
  }
}

size_t place(const Spatial& size, const Spatial& at) {
  return static_cast<size_t>((at[0] * size[1] + at[1]) * size[2] + at[2]);
}

}  // namespace

bool ConvTiles::is_pointwise() const {
  const Spatial ones = {1, 1, 1};
  return g_.taps() == 1 && g_.stride == ones && g_.input == g_.output && g_.pad == Spatial{};
}

bool ConvTiles::inside(const Spatial& at) const {
  for (size_t i = 0; i < 3; ++i) {
    if (at[i] < 0 || at[i] >= g_.input[i]) return false;
  }
  return true;
}

ConvTiles::Part ConvTiles::make_part(size_t image, std::vector<Row> rows) const {
  Part part;
  part.image = image;
  part.rows = std::move(rows);
  part.begin = part.rows[0].first;
  Spatial end = part.begin;
  for (const Row& row : part.rows) {
    for (size_t i = 0; i < 3; ++i) {
      const int64_t steps = i == 2 ? static_cast<int64_t>(row.length) - 1 : 0;
      const int64_t last =
          row.first[i] + steps * g_.stride[i] + (g_.kernel[i] - 1) * g_.dilation[i];
      part.begin[i] = std::min(part.begin[i], row.first[i]);
      end[i] = std::max(end[i], last + 1);
    }
  }
  int64_t elements = 1;
  for (size_t i = 0; i < 3; ++i) {
    part.size[i] = end[i] - part.begin[i];
    part.inside_begin[i] = std::max<int64_t>(part.begin[i], 0);
    part.inside_size[i] =
        std::max<int64_t>(std::min(end[i], g_.input[i]) - part.inside_begin[i], 0);
    elements = part.size[i] > kLargestBox ? kLargestBox + 1 : elements * part.size[i];
    if (elements > kLargestBox) break;
  }
  if (elements > kLargestBox) part.size = {};
  for (const Row& row : part.rows) {
    const Spatial& f = row.first;
    const Spatial at = {f[0] - part.begin[0], f[1] - part.begin[1], f[2] - part.begin[2]};
    part.moves.push_back(
        {static_cast<uint32_t>(row.column), static_cast<uint32_t>(place(part.size, at))});
    part.longest = std::max(part.longest, row.length);
  }
  return part;
}

// Positions first .. last of one image: one part, or one for each row if that needs a smaller box.
void ConvTiles::add_image(size_t image, size_t first, size_t last, size_t column,
                          Plan& plan) const {
  const size_t width = static_cast<size_t>(g_.output[2]);
  std::vector<Row> rows;
  for (size_t p = first; p < last;) {
    const size_t length = std::min(width - p % width, last - p);
    const int64_t line = static_cast<int64_t>(p / width);
    rows.push_back({column,
                    length,
                    {line / g_.output[1] * g_.stride[0] - g_.pad[0],
                     line % g_.output[1] * g_.stride[1] - g_.pad[1],
                     static_cast<int64_t>(p % width) * g_.stride[2] - g_.pad[2]}});
    column += length;
    p += length;
  }
  Part part = make_part(image, rows);
  if (part.size[0] != 0 || rows.size() == 1) {
    plan.parts.push_back(std::move(part));
    return;
  }
  for (const Row& row : rows) plan.parts.push_back(make_part(image, {row}));
}

void ConvTiles::mark_padding(const Part& part, Plan& plan) const {
  each_tap(g_, [&](size_t tap, const Spatial& offset) {
    for (const Row& row : part.rows) {
      Spatial at = {row.first[0] + offset[0], row.first[1] + offset[1], row.first[2] + offset[2]};
      uint8_t* marks = plan.padding.data() + tap * plan.count + row.column;
      for (size_t i = 0; i < row.length; ++i, at[2] += g_.stride[2]) marks[i] = !inside(at);
    }
  });
}

std::unique_ptr<BlockPlan> ConvTiles::plan(size_t begin, size_t count) const {
  auto plan = std::make_unique<Plan>();
  plan->count = count;
  const size_t size = static_cast<size_t>(g_.output_size());
  for (size_t done = 0; done < count;) {
    const size_t first = (begin + done) % size;
    const size_t last = std::min(size, first + count - done);
    add_image((begin + done) / size, first, last, done, *plan);
    done += last - first;
  }
  if (padding_terms_ == nullptr) return plan;
  plan->padding.resize(static_cast<size_t>(g_.taps()) * count);
  for (const Part& part : plan->parts) mark_padding(part, *plan);
  return plan;
}

const uint8_t* ConvTiles::codes(const Part& part, const Filling& filling, size_t input) const {
  const size_t own = filling.first_input + (input < filling.inputs ? input : 0);
  const size_t inputs = static_cast<size_t>(g_.group_inputs);
  const size_t channel =
      (part.image * static_cast<size_t>(g_.groups) + filling.group) * inputs + own;
  return x_ + channel * static_cast<size_t>(g_.input_size());
}

void ConvTiles::translate(const Part& part, const Filling& filling, size_t input, size_t offset,
                          size_t count, uint8_t* to) const {
  filling.kernel->translate(codes(part, filling, input) + offset, count, filling.map, to);
}

void ConvTiles::translate(const Part& part, const Filling& filling, size_t input, size_t offset,
                          size_t count, uint32_t* to) const {
  const uint8_t* rows[kQuad];
  for (size_t j = 0; j < kQuad; ++j) rows[j] = codes(part, filling, input + j) + offset;
  filling.kernel->interleave(rows, count, filling.map, reinterpret_cast<uint8_t*>(to));
}

template <typename Element>
void ConvTiles::load_box(const Part& part, const Filling& filling, size_t input) const {
  auto* box = reinterpret_cast<Element*>(filling.scratch->box.data());
  const auto& [depth, height, width] = part.inside_size;
  if (depth == 0 || height == 0 || width == 0) return;
  for (int64_t d = 0; d < depth; ++d) {
    const Spatial& from = part.inside_begin;
    const size_t source = place(g_.input, {from[0] + d, from[1], from[2]});
    Element* target = box + place(part.size, {from[0] - part.begin[0] + d, from[1] - part.begin[1],
                                              from[2] - part.begin[2]});
    const size_t row = static_cast<size_t>(width);
    const size_t pitch = static_cast<size_t>(part.size[2]);
    const size_t lines = static_cast<size_t>(height);
    if (width != g_.input[2]) {
      for (size_t h = 0; h < lines; ++h) {
        const size_t line = source + h * static_cast<size_t>(g_.input[2]);
        translate(part, filling, input, line, row, target + h * pitch);
      }
    } else if (row == pitch) {
      translate(part, filling, input, source, lines * row, target);
    } else {  // short lines, many at a time
      filling.scratch->line.reserve(lines * row * sizeof(Element));
      auto* together = reinterpret_cast<Element*>(filling.scratch->line.data());
      translate(part, filling, input, source, lines * row, together);
      for (size_t h = 0; h < lines; ++h) {
        std::memcpy(target + h * pitch, together + h * row, row * sizeof(Element));
      }
    }
  }
}

// Copies the rows of one tap. All but the last few have room for whole blocks, whose excess the
// next row overwrites.
template <typename Element>
void ConvTiles::copy_tap(const Part& part, const Element* from, size_t stride, Element* to) const {
  const size_t step = static_cast<size_t>(g_.stride[2]);
  const size_t bytes = part.longest * sizeof(Element);
  const size_t block = step != 1 || bytes > 64 ? 0
                       : bytes > 32            ? 64
                       : bytes > 16            ? 32
                       : bytes > 8             ? 16
                                               : 8;
  size_t r = 0;
  const auto copy_blocks = [&](auto size) {
    const size_t count = part.rows.size();
    for (; r < count && part.moves[r].to + size / sizeof(Element) <= stride; ++r) {
      copy_block<size>(reinterpret_cast<uint8_t*>(to + part.moves[r].to),
                       reinterpret_cast<const uint8_t*>(from + part.moves[r].from));
    }
  };
  if (block == 8) copy_blocks(std::integral_constant<size_t, 8>());
  if (block == 16) copy_blocks(std::integral_constant<size_t, 16>());
  if (block == 32) copy_blocks(std::integral_constant<size_t, 32>());
  if (block == 64) copy_blocks(std::integral_constant<size_t, 64>());
  for (; r < part.rows.size(); ++r) {
    copy_elements(to + part.moves[r].to, from + part.moves[r].from, part.rows[r].length, step);
  }
}

template <typename Element>
uint8_t ConvTiles::fill_part(const Part& part, const Filling& filling) const {
  const size_t elements = static_cast<size_t>(part.size[0] * part.size[1] * part.size[2]);
  filling.scratch->box.reserve(elements * sizeof(Element) + kCopySlack);
  auto* box = reinterpret_cast<Element*>(filling.scratch->box.data());
  std::fill_n(box, elements, repeated<Element>(filling.map[padding_code_]));
  auto* to = reinterpret_cast<Element*>(filling.to);
  uint8_t bits = 0;
  for (size_t input = 0; input < filling.inputs; input += inputs_of<Element>()) {
    load_box<Element>(part, filling, input);
    bits |= all_bits(filling.scratch->box.data(), elements * sizeof(Element));
    each_tap(g_, [&](size_t, const Spatial& offset) {
      copy_tap(part, box + place(part.size, offset), filling.stride, to);
      to += filling.stride;
    });
  }
  return bits;
}

template <typename Element>
void ConvTiles::fill_sparse(const Part& part, const Filling& filling) const {
  const uint8_t padding = filling.map[padding_code_];
  auto* to = reinterpret_cast<Element*>(filling.to);
  for (size_t input = 0; input < filling.inputs; input += inputs_of<Element>()) {
    each_tap(g_, [&](size_t, const Spatial& offset) {
      for (const Row& row : part.rows) {
        const Spatial& f = row.first;
        Spatial at = {f[0] + offset[0], f[1] + offset[1], f[2] + offset[2]};
        for (size_t i = 0; i < row.length; ++i, at[2] += g_.stride[2]) {
          Element element = repeated<Element>(padding);
          if (inside(at)) translate(part, filling, input, place(g_.input, at), 1, &element);
          to[row.column + i] = element;
        }
      }
      to += filling.stride;
    });
  }
}

template <typename Element>
uint8_t ConvTiles::fill_pointwise(const Part& part, const Filling& filling) const {
  const size_t offset = place(g_.input, part.rows.front().first);
  const size_t column = part.rows.front().column;
  const size_t length = part.rows.back().column + part.rows.back().length - column;
  auto* to = reinterpret_cast<Element*>(filling.to) + column;
  uint8_t bits = 0;
  for (size_t input = 0; input < filling.inputs; input += inputs_of<Element>()) {
    translate(part, filling, input, offset, length, to);
    bits |= all_bits(reinterpret_cast<uint8_t*>(to), length * sizeof(Element));
    to += filling.stride;
  }
  return bits;
}

template <typename Element>
uint8_t ConvTiles::fill(const Plan& plan, const Filling& filling) const {
  uint8_t bits = 0;
  for (const Part& part : plan.parts) {
    if (is_pointwise()) {
      bits |= fill_pointwise<Element>(part, filling);
    } else if (part.size[0] != 0) {
      bits |= fill_part<Element>(part, filling);
    } else {
      fill_sparse<Element>(part, filling);
      bits = 0xff;
    }
  }
  return bits;
}

uint8_t ConvTiles::fill_codes(const BlockPlan& plan, const Filling& filling) const {
  return fill<uint8_t>(static_cast<const Plan&>(plan), filling);
}

void ConvTiles::fill_quads(const BlockPlan& plan, const Filling& filling) const {
  fill<uint32_t>(static_cast<const Plan&>(plan), filling);
}

void ConvTiles::correct(const BlockPlan& plan, size_t channel, size_t, uint32_t* sums) const {
  const std::vector<uint8_t>& padding = static_cast<const Plan&>(plan).padding;
  if (padding.empty()) return;
  const size_t count = static_cast<const Plan&>(plan).count;
  const size_t taps = static_cast<size_t>(g_.taps());
  for (size_t tap = 0; tap < taps; ++tap) {
    const uint32_t term = padding_terms_[channel * taps + tap];
    const uint8_t* is_padding = padding.data() + tap * count;
    for (size_t p = 0; p < count; ++p) sums[p] -= term * is_padding[p];
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
