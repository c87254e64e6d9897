// Holds the parts around the kernels to what they promise, and the driver to plain look-ups.
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
#include "operands.h"
#include "ops/conv_geometry.h"
#include "ops/matmul_geometry.h"
#include "ops/matmul_tiles.h"

namespace hawx {
namespace {

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
  const LookupTable table(random_entries(random, 0, 9).data());
  const WeightPlan plan = plan_of({9, 5, 9, 5, 5, 0, 5, 9, 5, 9, 9, 9, 9, 9}, 1, 14, table);
  const ChannelView channel = plan.channel(0);
  HAWX_CHECK(channel.quads == 3 && channel.depth == 14);
  const std::vector<uint32_t> order = {1, 3, 4, 6, 0, 2, 7, 9, 10, 11, 12, 13, 5, 8};
  HAWX_CHECK(std::equal(order.begin(), order.end(), channel.order));
  HAWX_CHECK(channel.codes[1] == 5 && channel.codes[13] == 9);
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
  hawx::test_dispatch();
  hawx::test_shared_tables();
  hawx::test_weight_plan();
  hawx::test_geometry();
  hawx::test_driver();
  std::printf("all passed\n");
  return 0;
}
