// Portable kernel: one table look-up per product, from the 1 KiB row of the weight at hand.
#include <cstring>

#include "kernels/kernels.h"

namespace hawx {
namespace {

// Adds one product to each position.
void add_one(const int32_t* row, const uint8_t* codes, size_t positions, uint32_t* acc) {
  for (size_t p = 0; p < positions; ++p) acc[p] += static_cast<uint32_t>(row[codes[p]]);
}

// Adds four products of one weight, which saves three quarters of the accumulator traffic.
void add_four(const int32_t* row, const uint8_t* tile, size_t stride, const uint32_t* k,
              size_t positions, uint32_t* acc) {
  const uint8_t* a = tile + k[0] * stride;
  const uint8_t* b = tile + k[1] * stride;
  const uint8_t* c = tile + k[2] * stride;
  const uint8_t* d = tile + k[3] * stride;
  for (size_t p = 0; p < positions; ++p) {
    acc[p] += static_cast<uint32_t>(row[a[p]]) + static_cast<uint32_t>(row[b[p]]) +
              static_cast<uint32_t>(row[c[p]]) + static_cast<uint32_t>(row[d[p]]);
  }
}

}  // namespace

void gather_positions(const ChannelView& channel, const TableView& table, const uint8_t* codes,
                      size_t stride, size_t positions, uint32_t* acc) {
  std::memset(acc, 0, positions * sizeof(uint32_t));
  const uint32_t* order = channel.order;
  const auto row = [&](uint32_t k) { return table.rows + channel.codes[k] * size_t{256}; };
  size_t i = 0;
  for (; i < 4 * channel.quads; i += 4) {
    add_four(row(order[i]), codes, stride, order + i, positions, acc);
  }
  for (; i < channel.depth; ++i) {
    add_one(row(order[i]), codes + order[i] * stride, positions, acc);
  }
}

void gather_scalar(const ChannelView& channel, const TableView& table, const TileView& tile,
                   uint32_t* acc) {
  gather_positions(channel, table, tile.codes, tile.stride, tile.stride, acc);
}

}  // namespace hawx
