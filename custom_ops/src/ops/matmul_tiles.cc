#include "ops/matmul_tiles.h"

#include <algorithm>
#include <cstring>

namespace hawx {
namespace {

constexpr size_t kBlock = 8;

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
      for (size_t i = 0; i < std::min(kBlock, rows - r); ++i) {
        for (size_t j = 0; j < std::min(kBlock, columns - c); ++j) {
          target[j * to_stride + i] = source[i * from_stride + j];
        }
      }
    }
  }
}

}  // namespace

std::unique_ptr<BlockPlan> MatMulTiles::plan(size_t begin, size_t count, Tile& tile) const {
  auto plan = std::make_unique<Plan>();
  plan->begin = begin;
  plan->count = count;
  const size_t unused = tile.stride - count;
  for (size_t k = 0; unused != 0 && k < g_.depth; ++k) {
    std::memset(tile.codes.data() + k * tile.stride + count, 0, unused);
  }
  return plan;
}

void MatMulTiles::fill(const BlockPlan& plan, size_t group, Tile& tile) const {
  const size_t begin = static_cast<const Plan&>(plan).begin;
  const size_t count = static_cast<const Plan&>(plan).count;
  for (size_t done = 0; done < count;) {
    const MatMulGeometry::Product& product = g_.products[group][(begin + done) / g_.rows];
    const size_t row = (begin + done) % g_.rows;
    const size_t length = std::min(g_.rows - row, count - done);
    transpose(a_ + (product.a * g_.rows + row) * g_.depth, g_.depth, length, g_.depth,
              tile.codes.data() + done, tile.stride);
    done += length;
  }
}

void MatMulTiles::store(size_t group, size_t first_channel, size_t channels, size_t begin,
                        size_t count, const uint8_t* codes, size_t stride) const {
  for (size_t done = 0; done < count;) {
    const MatMulGeometry::Product& product = g_.products[group][(begin + done) / g_.rows];
    const size_t row = (begin + done) % g_.rows;
    const size_t length = std::min(g_.rows - row, count - done);
    transpose(codes + done, stride, channels, length,
              y_ + (product.y * g_.rows + row) * g_.columns + first_channel, g_.columns);
    done += length;
  }
}

}  // namespace hawx
