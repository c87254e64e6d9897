// Portable kernel: one table look-up per product, from the 1 KiB row of the weight at hand.
#include <cstring>

#include "kernels/kernels.h"

#if defined(_MSC_VER)
#define HAWX_NOINLINE __declspec(noinline)
#else
#define HAWX_NOINLINE __attribute__((noinline))
#endif

namespace hawx {
namespace {

// One product of each position: the table row of its weight, and the activation codes.
struct Product {
  const int32_t* row;
  const uint8_t* codes;

  uint32_t at(size_t p) const { return static_cast<uint32_t>(row[codes[p]]); }
};

// Four at once save three quarters of the accumulator traffic. In a function of its own the eight
// pointers stay in registers.
HAWX_NOINLINE void add_four(Product a, Product b, Product c, Product d, size_t positions,
                            uint32_t* acc) {
  for (size_t p = 0; p < positions; ++p) acc[p] += a.at(p) + b.at(p) + c.at(p) + d.at(p);
}

}  // namespace

void gather_positions(const ChannelView& channel, const TableView& table, const uint8_t* codes,
                      size_t stride, size_t positions, uint32_t* acc) {
  std::memset(acc, 0, positions * sizeof(uint32_t));
  const auto product = [&](size_t i) {
    const uint32_t k = channel.order[i];
    return Product{table.rows + channel.codes[k] * size_t{256}, codes + k * stride};
  };
  size_t i = 0;
  for (; i + 4 <= channel.depth; i += 4) {
    add_four(product(i), product(i + 1), product(i + 2), product(i + 3), positions, acc);
  }
  for (; i < channel.depth; ++i) {
    const Product last = product(i);
    for (size_t p = 0; p < positions; ++p) acc[p] += last.at(p);
  }
}

void gather_scalar(const ChannelView& channel, const TableView& table, const TileView& tile,
                   uint32_t* acc) {
  gather_positions(channel, table, tile.codes, tile.stride, tile.positions, acc);
}

}  // namespace hawx
