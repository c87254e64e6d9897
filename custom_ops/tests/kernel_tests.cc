// Holds every kernel of the table to plain look-ups on random operands, and the parts around them.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "gemm/gemm.h"
#include "gemm/scratch_pool.h"
#include "hawx/error.h"
#include "hawx/tensor.h"
#include "kernels/registry.h"
#include "ops/conv_geometry.h"
#include "ops/matmul_geometry.h"
#include "ops/matmul_tiles.h"

namespace hawx {
namespace {

using Random = std::mt19937_64;

int32_t between(Random& random, int64_t low, int64_t high) {
  return static_cast<int32_t>(std::uniform_int_distribution<int64_t>(low, high)(random));
}

std::vector<uint8_t> random_codes(Random& random, size_t count, int top) {
  std::vector<uint8_t> codes(count);
  for (uint8_t& code : codes) code = static_cast<uint8_t>(between(random, 0, top));
  return codes;
}

std::vector<int32_t> random_entries(Random& random, int64_t low, int64_t high) {
  std::vector<int32_t> entries(kTableEntries);
  for (int32_t& entry : entries) entry = between(random, low, high);
  return entries;
}

std::vector<const uint8_t*> rows_of(const std::vector<uint8_t>& codes, size_t count, size_t depth) {
  std::vector<const uint8_t*> rows;
  for (size_t c = 0; c < count; ++c) rows.push_back(codes.data() + c * depth);
  return rows;
}

WeightPlan plan_of(const std::vector<uint8_t>& codes, size_t count, size_t depth,
                   const LookupTable& table) {
  return WeightPlan(rows_of(codes, count, depth), depth, table.weight_classes());
}

struct Range {
  int64_t low, high;
  bool splits;
};

// One plane, two, two with the largest sums, offset by much, and none at all.
const Range kRanges[] = {{7, 7, true},
                         {-100, 155, true},
                         {-32768, 32767, true},
                         {0, 65535, true},
                         {-2147483648LL, -2147483648LL + 65535, true},
                         {0, 1000000, false},
                         {-2147483648LL, 2147483647LL, false}};

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

void test_accumulation(const Kernel& kernel, const LookupTable& table, Random& random) {
  for (const size_t depth : {0, 1, 2, 9, 255, 256, 257, 258, 700}) {
    for (const size_t stride : {64, 128, 192, 448}) {
      for (const int top : {127, 255}) {
        const auto weights = random_codes(random, depth, depth % 2 ? 255 : 3);
        AlignedBuffer<uint8_t> tile(depth * stride + 1);
        const auto codes = random_codes(random, depth * stride, top);
        std::copy(codes.begin(), codes.end(), tile.data());
        const WeightPlan plan = plan_of(weights, 1, depth, table);
        AlignedBuffer<uint32_t> acc(stride);
        std::vector<uint32_t> expected(stride);
        kernel.accumulate(plan.channel(0), table.view(), {tile.data(), stride, top > 127},
                          acc.data());
        accumulate_plainly(table, weights, tile.data(), stride, expected.data());
        HAWX_CHECK(std::equal(expected.begin(), expected.end(), acc.data()));
      }
    }
  }
}

// Groups of channels over different tables: as each channel by itself.
void test_groups(const Kernel& kernel, const std::vector<LookupTable>& tables, Random& random) {
  for (const size_t depth : {0, 1, 4, 7, 90}) {
    for (const size_t stride : {64, 256, 320}) {
      for (size_t count = 1; count <= kMostGrouped; ++count) {
        const auto weights = random_codes(random, depth * count, 255);
        const auto codes = random_codes(random, depth * stride, depth % 2 ? 255 : 20);
        AlignedBuffer<uint8_t> tile(depth * stride + 1);
        std::copy(codes.begin(), codes.end(), tile.data());
        const WeightPlan plan = plan_of(weights, count, depth, tables.back());
        std::vector<ChannelView> channels;
        std::vector<TableView> views;
        AlignedBuffer<uint32_t> acc(count * stride);
        for (size_t c = 0; c < count; ++c) {
          channels.push_back(plan.channel(c));
          views.push_back(tables[c % tables.size()].view());
        }
        kernel.accumulate_group(channels.data(), views.data(), count, {tile.data(), stride, true},
                                acc.data());
        std::vector<uint32_t> expected(stride);
        for (size_t c = 0; c < count; ++c) {
          const std::vector<uint8_t> own(weights.begin() + static_cast<ptrdiff_t>(c * depth),
                                         weights.begin() + static_cast<ptrdiff_t>((c + 1) * depth));
          accumulate_plainly(tables[c % tables.size()], own, tile.data(), stride, expected.data());
          HAWX_CHECK(std::equal(expected.begin(), expected.end(), acc.data() + c * stride));
        }
      }
    }
  }
}

// The greatest bytes everywhere: sums overflow first where kernels flush too late.
void test_largest_sums(const Kernel& kernel) {
  std::vector<int32_t> entries(kTableEntries, 0xffff);
  for (size_t w = 0; w < kCodes; ++w) entries[w] = 0;  // activation 0
  const LookupTable table(entries.data());
  if (!runs(kernel, table)) return;
  const size_t depth = 3000;
  const std::vector<uint8_t> weights(depth, 200);
  AlignedBuffer<uint8_t> tile(depth * 256);
  std::memset(tile.data(), table.activation_classes()[255], depth * 256);
  const WeightPlan plan = plan_of(weights, 1, depth, table);
  AlignedBuffer<uint32_t> acc(256);
  kernel.accumulate(plan.channel(0), table.view(), {tile.data(), 256, true}, acc.data());
  for (size_t p = 0; p < 256; ++p) HAWX_CHECK(acc.data()[p] == depth * 0xffff);
}

uint8_t requantize_plainly(const Requantization& q, uint32_t acc, uint32_t code_sum) {
  const uint32_t sum = acc + q.constant - q.weight_zero * code_sum;
  const float scaled = static_cast<float>(static_cast<int32_t>(sum)) * q.scale;
  const float low = static_cast<float>(q.lowest - q.output_zero);
  const float high = static_cast<float>(q.highest - q.output_zero);
  const float rounded = std::nearbyint(std::min(std::max(scaled, low), high));
  return static_cast<uint8_t>(static_cast<int32_t>(rounded) + q.output_zero);
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
  std::vector<LookupTable> tables;
  for (const Range& range : kRanges) {
    tables.emplace_back(random_entries(random, range.low, range.high).data());
    HAWX_CHECK(tables.back().splits_into_planes() == range.splits);
  }
  for (const Kernel& kernel : kernel_table()) {
    if (!kernel.supported()) {
      std::printf("skipped %s: no %s here\n", kernel.name, kernel.instruction_set);
      continue;
    }
    for (const LookupTable& table : tables) {
      if (runs(kernel, table)) test_accumulation(kernel, table, random);
    }
    if (kernel.accumulate_group != nullptr) test_groups(kernel, tables, random);
    test_largest_sums(kernel);
    test_requantization(kernel, random);
    std::printf("passed %s\n", kernel.name);
  }
  HAWX_CHECK(!kernel_table().back().needs_planes && kernel_table().back().supported());
}

// HAWX_ISA forces each kernel where it runs and is refused where it does not; else the best one.
void test_dispatch() {
  const LookupTable table(std::vector<int32_t>(kTableEntries, 1).data());
  for (const Kernel& kernel : kernel_table()) {
    setenv("HAWX_ISA", kernel.isa, 1);
    std::string refusal;
    try {
      HAWX_CHECK(&Dispatch::from_environment().choose(table) == &kernel);
    } catch (const Error& error) {
      refusal = error.what();
    }
    HAWX_CHECK(refusal.empty() == kernel.supported());
    HAWX_CHECK(refusal.empty() || refusal.find(" lacks ") != std::string::npos);
  }
  unsetenv("HAWX_ISA");
  const Kernel& best = Dispatch::from_environment().choose(table);
  const auto supported = std::find_if(kernel_table().begin(), kernel_table().end(),
                                      [](const Kernel& kernel) { return kernel.supported(); });
  HAWX_CHECK(&best == &*supported);
}

void test_shared_tables() {
  Random random(2);
  auto entries = random_entries(random, 0, 1000);
  const auto first = LookupTable::shared(entries.data());
  HAWX_CHECK(first == LookupTable::shared(entries.data()));
  ++entries[12345];
  const auto second = LookupTable::shared(entries.data());
  HAWX_CHECK(first != second && second->equals(entries.data()) && !first->equals(entries.data()));
}

void test_weight_plan() {
  const std::vector<uint8_t> codes = {5, 255, 5, 0, 1, 1, 1, 200};
  Weights weights(2, 4, true);
  weights.append(codes.data(), 2, 4, 1);
  HAWX_CHECK(weights.sum(0) == 9u);
  HAWX_CHECK(weights.sum(1) == static_cast<uint32_t>(3 - 56));
  Random random(4);
  const WeightPlan plan = plan_of(codes, 2, 4, LookupTable(random_entries(random, 0, 9).data()));
  const ChannelView channel = plan.channel(0);
  HAWX_CHECK(channel.run_count == 3);
  HAWX_CHECK(channel.runs[1].code == 5 && channel.runs[1].count == 2);
  HAWX_CHECK(channel.order[channel.runs[1].begin] == 0);
  HAWX_CHECK(channel.order[channel.runs[1].begin + 1] == 2);
}

template <typename Body>
bool throws(const Body& body) {
  try {
    body();
  } catch (const Error&) {
    return true;
  }
  return false;
}

void test_geometry() {
  ConvAttributes attributes;
  attributes.strides = {2, 1};
  attributes.dilations = {1, 2};
  attributes.pads = {1, 0, 1, 3};
  const ConvGeometry g(attributes, {2, 4, 7, 9}, {6, 4, 3, 3});
  HAWX_CHECK((g.output_shape == std::vector<int64_t>{2, 6, 4, 8}));
  attributes.group = 4;
  HAWX_CHECK(throws([&] { ConvGeometry(attributes, {2, 4, 7, 9}, {6, 1, 3, 3}); }));
  const MatMulGeometry m({2, 1, 5, 3}, {4, 3, 6});
  HAWX_CHECK((m.output_shape == std::vector<int64_t>{2, 4, 5, 6}));
  HAWX_CHECK(m.products.size() == 4 && m.products[3].size() == 2);
  HAWX_CHECK(m.products[3][1].a == 1 && m.products[3][1].y == 7);
  HAWX_CHECK(throws([] { MatMulGeometry({3}, {3, 2}); }));
}

Dispatch forced(const Kernel& kernel) {
  setenv("HAWX_ISA", kernel.isa, 1);
  const Dispatch dispatch = Dispatch::from_environment();
  unsetenv("HAWX_ISA");
  return dispatch;
}

// A whole product through the driver, on sizes around its blocks, tasks in reverse order.
void test_driver() {
  Random random(3);
  const auto table = LookupTable::shared(random_entries(random, -20000, 20000).data());
  for (const Kernel& kernel : kernel_table()) {
    if (!kernel.supported()) continue;
    for (const auto& [rows, depth, columns] : {std::array<size_t, 3>{1, 3, 2},
                                               {63, 7, 33},
                                               {64, 8, 32},
                                               {300, 70, 129},
                                               {65, 9000, 3},
                                               {70, 9000, 200}}) {
      const auto a = random_codes(random, rows * depth, 255);
      const auto b = random_codes(random, depth * columns, 255);
      const MatMulGeometry g({static_cast<int64_t>(rows), static_cast<int64_t>(depth)},
                             {static_cast<int64_t>(depth), static_cast<int64_t>(columns)});
      auto weights = std::make_shared<Weights>(columns, depth, false);
      weights->append(b.data(), columns, 1, columns);
      const Dispatch dispatch = forced(kernel);
      const Slices slices(*weights, {depth, 1}, columns, std::vector<int32_t>(columns, 0),
                          {{table, nullptr}}, dispatch, false);
      const float scale = 0.005f / std::sqrt(static_cast<float>(depth));
      const std::vector<Channel> channels(columns, Channel{0, 0, scale});
      const ParallelFor backwards = [](size_t count, const std::function<void(size_t)>& task) {
        while (count-- > 0) task(count);
      };
      std::vector<uint8_t> y(rows * columns, 99);
      const MatMulTiles tiles(g, a.data(), y.data());
      gemm({rows, columns, &tiles, &slices, channels.data(), false, {0, true}, &dispatch},
           backwards);
      std::vector<uint32_t> sums(rows * columns, 99);
      const MatMulTiles plain(g, a.data(), reinterpret_cast<uint8_t*>(sums.data()),
                              kAccumulators.bytes);
      gemm({rows, columns, &plain, &slices, channels.data(), false, kAccumulators, &dispatch},
           backwards);
      // One that had grown too large would not have been kept.
      HAWX_CHECK((*BorrowedScratch()).bytes() > 0);
      const Requantization q = {0, 0, nullptr, scale, 0, -128, 127};
      for (size_t r = 0; r < rows; ++r) {
        for (size_t n = 0; n < columns; ++n) {
          uint32_t acc = 0;
          for (size_t k = 0; k < depth; ++k) {
            acc += static_cast<uint32_t>(table->at(a[r * depth + k], b[k * columns + n]));
          }
          HAWX_CHECK(y[r * columns + n] == requantize_plainly(q, acc, 0));
          HAWX_CHECK(sums[r * columns + n] == acc);
        }
      }
    }
  }
}

}  // namespace
}  // namespace hawx

int main() {
  hawx::test_kernels();
  hawx::test_dispatch();
  hawx::test_shared_tables();
  hawx::test_weight_plan();
  hawx::test_geometry();
  hawx::test_driver();
  std::printf("all passed\n");
  return 0;
}
