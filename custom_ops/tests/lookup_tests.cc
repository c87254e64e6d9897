// Holds every look-up kernel of the table to plain look-ups on random operands.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "check.h"
#include "kernels/registry.h"
#include "operands.h"

namespace hawx {
namespace {

struct Range {
  int64_t low, high;
  bool splits;
};

// No plane, one, two; high bytes of which four, two or one fit a byte; the largest ones, offset by
// much; and tables that do not split.
const Range kRanges[] = {{7, 7, true},
                         {-100, 155, true},
                         {-8192, 8191, true},
                         {0, 16384, true},
                         {0, 32767, true},
                         {-5, 32800, true},
                         {-32768, 32767, true},
                         {0, 65535, true},
                         {-2147483648LL, -2147483648LL + 65535, true},
                         {0, 1000000, false},
                         {-2147483648LL, 2147483647LL, false}};

// Every range that splits, for different weights.
std::vector<int32_t> mixed_entries(Random& random) {
  std::vector<int32_t> entries(kTableEntries);
  for (size_t i = 0; i < kTableEntries; ++i) {
    const Range& range = kRanges[i % kCodes % 9];
    entries[i] = between(random, range.low, range.high);
  }
  return entries;
}

std::vector<LookupTable> all_tables(Random& random) {
  std::vector<LookupTable> tables;
  tables.emplace_back(mixed_entries(random).data());
  HAWX_CHECK(tables.back().splits_into_planes());
  for (const Range& range : kRanges) {
    tables.emplace_back(random_entries(random, range.low, range.high).data());
    HAWX_CHECK(tables.back().splits_into_planes() == range.splits);
  }
  return tables;
}

bool runs(const Kernel& kernel, const LookupTable& table) {
  return kernel.supported() && (!kernel.needs_planes || table.splits_into_planes());
}

void accumulate_plainly(const LookupTable& table, const std::vector<uint8_t>& weights,
                        const uint8_t* tile, size_t stride, uint32_t* acc) {
  std::fill_n(acc, stride, 0u);
  for (size_t k = 0; k < weights.size(); ++k) {
    for (size_t p = 0; p < stride; ++p) {
      acc[p] += static_cast<uint32_t>(table.at(tile[k * stride + p], weights[k]));
    }
  }
}

// Codes up to `top`, beyond the positions any.
AlignedBuffer<uint8_t> random_tile(Random& random, size_t depth, size_t positions, size_t stride,
                                   int top) {
  AlignedBuffer<uint8_t> tile(depth * stride + 1);
  for (size_t k = 0; k < depth; ++k) {
    for (size_t p = 0; p < stride; ++p) {
      tile.data()[k * stride + p] =
          static_cast<uint8_t>(between(random, 0, p < positions ? top : 255));
    }
  }
  return tile;
}

// How many codes the weights have: few make long runs of one weight, many make none.
const int kTopWeights[] = {0, 3, 30, 255};

void test_accumulation(const Kernel& kernel, const LookupTable& table, Random& random) {
  size_t round = 0;
  for (const size_t depth : {0, 1, 2, 3, 4, 9, 255, 256, 257, 258, 700}) {
    for (const size_t positions : {1, 64, 100, 192, 300, 448}) {
      const size_t stride = (positions + kPositionBlock - 1) / kPositionBlock * kPositionBlock;
      for (const unsigned bits : {6u, 7u, 8u}) {
        const auto weights = random_codes(random, depth, kTopWeights[round++ % 4]);
        const auto tile = random_tile(random, depth, positions, stride, (1 << bits) - 1);
        const WeightPlan plan = plan_of(weights, 1, depth, table);
        AlignedBuffer<uint32_t> acc(stride);
        std::vector<uint32_t> expected(stride);
        kernel.accumulate(plan.channel(0), table.view(), {tile.data(), stride, positions, bits},
                          acc.data());
        accumulate_plainly(table, weights, tile.data(), stride, expected.data());
        HAWX_CHECK(std::equal(acc.data(), acc.data() + positions, expected.data()));
      }
    }
  }
}

// Groups of channels over different tables: as each channel by itself.
void test_groups(const Kernel& kernel, const std::vector<LookupTable>& tables, Random& random) {
  for (const size_t depth : {0, 1, 4, 7, 90}) {
    for (const size_t positions : {33, 256, 300}) {
      const size_t stride = (positions + kPositionBlock - 1) / kPositionBlock * kPositionBlock;
      for (size_t count = 1; count <= kMostGrouped; ++count) {
        const auto weights = random_codes(random, depth * count, 255);
        const auto tile = random_tile(random, depth, positions, stride, depth % 2 ? 255 : 20);
        const WeightPlan plan = plan_of(weights, count, depth, tables.back());
        std::vector<ChannelView> channels;
        std::vector<TableView> views;
        AlignedBuffer<uint32_t> acc(count * stride);
        for (size_t c = 0; c < count; ++c) {
          channels.push_back(plan.channel(c));
          views.push_back(tables[c % tables.size()].view());
        }
        kernel.accumulate_group(channels.data(), views.data(), count,
                                {tile.data(), stride, positions, 8}, acc.data());
        std::vector<uint32_t> expected(stride);
        for (size_t c = 0; c < count; ++c) {
          const std::vector<uint8_t> own(weights.begin() + static_cast<ptrdiff_t>(c * depth),
                                         weights.begin() + static_cast<ptrdiff_t>((c + 1) * depth));
          accumulate_plainly(tables[c % tables.size()], own, tile.data(), stride, expected.data());
          const uint32_t* sums = acc.data() + c * stride;
          HAWX_CHECK(std::equal(sums, sums + positions, expected.data()));
        }
      }
    }
  }
}

// The greatest bytes everywhere: sums overflow first where kernels flush too late. Runs of one
// weight and different weights.
void test_largest_sums(const Kernel& kernel, int top_weight) {
  std::vector<int32_t> entries(kTableEntries, 0xffff);
  for (size_t w = 0; w < kCodes; ++w) entries[w] = static_cast<int32_t>(w % 2);  // activation 0
  const LookupTable table(entries.data());
  if (!runs(kernel, table)) return;
  const size_t depth = 3000;
  std::vector<uint8_t> weights(depth);
  for (size_t k = 0; k < depth; ++k) {
    weights[k] = static_cast<uint8_t>(k * 7 % (static_cast<size_t>(top_weight) + 1));
  }
  AlignedBuffer<uint8_t> tile(depth * 256);
  std::memset(tile.data(), table.activation_classes()[255], depth * 256);
  const WeightPlan plan = plan_of(weights, 1, depth, table);
  AlignedBuffer<uint32_t> acc(256);
  kernel.accumulate(plan.channel(0), table.view(), {tile.data(), 256, 256, 8}, acc.data());
  for (size_t p = 0; p < 256; ++p) HAWX_CHECK(acc.data()[p] == depth * 0xffff);
}

void test_requantization(const Kernel& kernel, Random& random) {
  const size_t count = 256;
  AlignedBuffer<uint32_t> acc(count), sums(count);
  AlignedBuffer<uint8_t> codes(count);
  for (int round = 0; round < 200; ++round) {
    const int64_t reach = int64_t{1} << between(random, 1, 31);
    for (size_t p = 0; p < count; ++p) {
      acc.data()[p] = static_cast<uint32_t>(between(random, -reach, reach - 1));
      sums.data()[p] = static_cast<uint32_t>(between(random, -100000, 100000));
    }
    const bool is_signed = round % 2 == 0;
    const Requantization q = {static_cast<uint32_t>(between(random, -1000, 1000)),
                              static_cast<uint32_t>(between(random, -128, 255)),
                              round % 3 == 0 ? sums.data() : nullptr,
                              round % 5 == 0 ? 0.5f : 150.0f / static_cast<float>(reach),
                              is_signed ? between(random, -128, 127) : between(random, 0, 255),
                              is_signed ? -128 : 0,
                              is_signed ? 127 : 255};
    kernel.requantize(q, acc.data(), count, codes.data());
    for (size_t p = 0; p < count; ++p) {
      const uint32_t sum = q.code_sum == nullptr ? 0 : q.code_sum[p];
      HAWX_CHECK(codes.data()[p] == requantize_plainly(q, acc.data()[p], sum));
    }
  }
}

void test_kernels() {
  Random random(1);
  const std::vector<LookupTable> tables = all_tables(random);
  for (const Kernel& kernel : kernel_table()) {
    if (!kernel.supported()) {
      std::printf("skipped %s: no %s here\n", kernel.name, kernel.instruction_set);
      continue;
    }
    for (const LookupTable& table : tables) {
      if (runs(kernel, table)) test_accumulation(kernel, table, random);
    }
    if (kernel.accumulate_group != nullptr) test_groups(kernel, tables, random);
    for (const int top : {0, 255}) test_largest_sums(kernel, top);
    test_requantization(kernel, random);
    std::printf("passed %s\n", kernel.name);
  }
  HAWX_CHECK(!kernel_table().back().needs_planes && kernel_table().back().supported());
}

}  // namespace
}  // namespace hawx

int main() {
  hawx::test_kernels();
  return 0;
}
