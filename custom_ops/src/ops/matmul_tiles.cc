#include "ops/matmul_tiles.h"

#include <algorithm>
#include <cstring>

#include "ops/short_copy.h"

namespace hawx {
namespace {

constexpr size_t kBlock = 8;
constexpr size_t kRowsTogether = 16;  // of A, translated before they are transposed

size_t round_to_quads(size_t count) { return (count + kQuad - 1) / kQuad * kQuad; }

// Exchanges the off-diagonal quarters of blocks of bytes held in two words.
inline void exchange(uint64_t& above, uint64_t& below, int shift, uint64_t mask) {
  const uint64_t differing = ((above >> shift) ^ below) & mask;
  below ^= differing;
  above ^= differing << shift;
}

// Writes the transpose of 8 x 8 bytes; rows of either side are a stride apart. The first byte of
// a word in memory is taken for its lowest, as on every little-endian machine.
inline void transpose_block(const uint8_t* from, size_t from_stride, uint8_t* to,
                            size_t to_stride) {
  uint64_t r[kBlock];
  for (size_t i = 0; i < kBlock; ++i) std::memcpy(&r[i], from + i * from_stride, kBlock);
  for (size_t i = 0; i < 4; ++i) exchange(r[i], r[i + 4], 32, 0x00000000ffffffffu);
  for (size_t i : {0, 1, 4, 5}) exchange(r[i], r[i + 2], 16, 0x0000ffff0000ffffu);
  for (size_t i : {0, 2, 4, 6}) exchange(r[i], r[i + 1], 8, 0x00ff00ff00ff00ffu);
  for (size_t i = 0; i < kBlock; ++i) std::memcpy(to + i * to_stride, &r[i], kBlock);
}

// Writes the transpose of rows x columns elements, one by one.
template <typename Element>
void transpose_plain(const Element* from, size_t from_stride, size_t rows, size_t columns,
                     Element* to, size_t to_stride) {
  for (size_t j = 0; j < columns; ++j) {
    for (size_t i = 0; i < rows; ++i) to[j * to_stride + i] = from[i * from_stride + j];
  }
}

// Writes the transpose of rows x columns bytes.
void transpose(const uint8_t* from, size_t from_stride, size_t rows, size_t columns, uint8_t* to,
               size_t to_stride) {
  for (size_t r = 0; r < rows; r += kBlock) {
    for (size_t c = 0; c < columns; c += kBlock) {
      const uint8_t* source = from + r * from_stride + c;
      uint8_t* target = to + c * to_stride + r;
      if (r + kBlock <= rows && c + kBlock <= columns) {
        transpose_block(source, from_stride, target, to_stride);
        continue;
      }
      transpose_plain(source, from_stride, std::min(kBlock, rows - r),
                      std::min(kBlock, columns - c), target, to_stride);
    }
  }
}

}  // namespace

std::unique_ptr<BlockPlan> MatMulTiles::plan(size_t begin, size_t count) const {
  auto plan = std::make_unique<Plan>();
  plan->begin = begin;
  plan->count = count;
  return plan;
}

template <typename Body>
void MatMulTiles::each_stretch(size_t group, size_t begin, size_t count, const Body& body) const {
  for (size_t done = 0; done < count;) {
    const size_t row = (begin + done) % g_.rows;
    const size_t length = std::min(g_.rows - row, count - done);
    body(g_.products[group][(begin + done) / g_.rows], row, done, length);
    done += length;
  }
}

template <typename Body>
void MatMulTiles::each_translated(const Plan& plan, const Filling& filling,
                                  const Body& body) const {
  const size_t pitch = round_to_quads(filling.inputs);
  filling.scratch->line.reserve(kRowsTogether * pitch);
  uint8_t* lines = filling.scratch->line.data();
  each_stretch(filling.group, plan.begin, plan.count,
               [&](const auto& product, size_t row, size_t done, size_t rows) {
                 const uint8_t* a =
                     a_ + (product.a * g_.rows + row) * g_.depth + filling.first_input;
                 for (size_t r = 0; r < rows; r += kRowsTogether) {
                   const size_t some = std::min(kRowsTogether, rows - r);
                   for (size_t i = 0; i < some; ++i) {
                     filling.kernel->translate(a + (r + i) * g_.depth, filling.inputs, filling.map,
                                               lines + i * pitch);
                   }
                   body(lines, pitch, done + r, some);
                 }
               });
}

uint8_t MatMulTiles::fill_codes(const BlockPlan& plan, const Filling& filling) const {
  uint8_t bits = 0;
  each_translated(static_cast<const Plan&>(plan), filling,
                  [&](const uint8_t* codes, size_t pitch, size_t column, size_t rows) {
                    bits |= all_bits(codes, rows * pitch);
                    transpose(codes, pitch, rows, filling.inputs, filling.to + column,
                              filling.stride);
                  });
  return bits;
}

void MatMulTiles::fill_quads(const BlockPlan& plan, const Filling& filling) const {
  const size_t quads = (filling.inputs + kQuad - 1) / kQuad;
  each_translated(static_cast<const Plan&>(plan), filling,
                  [&](const uint8_t* codes, size_t pitch, size_t column, size_t rows) {
                    for (size_t q = 0; q < quads; ++q) {
                      uint8_t* to = filling.to + (q * filling.stride + column) * kQuad;
                      for (size_t i = 0; i < rows; ++i) {
                        std::memcpy(to + i * kQuad, codes + i * pitch + q * kQuad, kQuad);
                      }
                    }
                  });
}

void MatMulTiles::correct(const BlockPlan& plan, size_t channel, size_t, uint32_t* sums) const {
  if (row_zeros_ == nullptr) return;
  const size_t begin = static_cast<const Plan&>(plan).begin;
  const size_t count = static_cast<const Plan&>(plan).count;
  const uint32_t factor = row_zeros_->factors[channel];
  each_stretch(channel / g_.columns, begin, count,
               [&](const auto& product, size_t row, size_t done, size_t rows) {
                 const uint32_t* zeros = row_zeros_->values.data() + product.a * g_.rows + row;
                 for (size_t i = 0; i < rows; ++i) sums[done + i] -= zeros[i] * factor;
               });
}

void MatMulTiles::store(size_t group, size_t first_channel, size_t channels, size_t begin,
                        size_t count, const uint8_t* outputs, size_t stride) const {
  each_stretch(group, begin, count, [&](const auto& product, size_t row, size_t done, size_t rows) {
    const size_t first = (product.y * g_.rows + row) * g_.columns + first_channel;
    if (y_bytes_ == 1) {
      transpose(outputs + done, stride, channels, rows, y_ + first, g_.columns);
    } else {
      transpose_plain(reinterpret_cast<const uint32_t*>(outputs) + done, stride, channels, rows,
                      reinterpret_cast<uint32_t*>(y_) + first, g_.columns);
    }
  });
}

}  // namespace hawx
