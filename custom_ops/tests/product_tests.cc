// Holds the kernels of exact products to plain sums, and factorisations to their tables.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "check.h"
#include "gemm/factorization.h"
#include "gemm/limits.h"
#include "gemm/product_plan.h"
#include "kernels/kernel.h"
#include "kernels/registry.h"

namespace hawx {
namespace {

using Random = std::mt19937_64;

int32_t between(Random& random, int64_t low, int64_t high) {
  return static_cast<int32_t>(std::uniform_int_distribution<int64_t>(low, high)(random));
}

// Start values: none, one row for all channels, the sums themselves.
enum class Start { kNone, kShared, kSums };

uint32_t plain_sum(const ProductBlock& b, size_t channel, size_t position) {
  uint32_t sum = 0;
  for (size_t k = 0; k < b.quads * kQuad; ++k) {
    const int32_t activation = b.panel[(k / kQuad * b.stride + position) * kQuad + k % kQuad];
    sum += static_cast<uint32_t>(activation * b.weights[channel * b.weight_stride + k]);
  }
  return sum * b.scale;
}

void test_block(const ProductKernel& kernel, Random& random, size_t channels, size_t quads,
                size_t positions, Start start) {
  const size_t stride = (positions + kPositionBlock - 1) / kPositionBlock * kPositionBlock;
  const size_t weight_stride = (quads + 3) * kQuad;
  const bool extreme = quads % 2 == 1;
  AlignedBuffer<uint8_t> panel(quads * stride * kQuad + 1);
  AlignedBuffer<int8_t> weights(channels * weight_stride + 1);
  for (size_t i = 0; i < quads * stride * kQuad; ++i) {
    panel.data()[i] = extreme ? 255 : static_cast<uint8_t>(between(random, 0, 255));
  }
  for (size_t i = 0; i < channels * weight_stride; ++i) {
    weights.data()[i] = extreme ? -128 : static_cast<int8_t>(between(random, -128, 127));
  }
  AlignedBuffer<uint32_t> sums(channels * stride), shared(stride);
  std::vector<uint32_t> expected(channels * stride);
  for (size_t i = 0; i < stride; ++i) shared.data()[i] = static_cast<uint32_t>(random());
  for (size_t i = 0; i < channels * stride; ++i) {
    sums.data()[i] = expected[i] = static_cast<uint32_t>(random());
  }
  const ProductBlock block = {weights.data(),
                              weight_stride,
                              channels,
                              quads,
                              panel.data(),
                              positions,
                              stride,
                              quads % 3 == 0 ? 1 : static_cast<uint32_t>(random()),
                              start == Start::kNone     ? nullptr
                              : start == Start::kShared ? shared.data()
                                                        : sums.data(),
                              start == Start::kSums ? stride : 0,
                              sums.data()};
  for (size_t c = 0; c < channels; ++c) {
    for (size_t p = 0; p < positions; ++p) {
      uint32_t& value = expected[c * stride + p];
      value = (start == Start::kNone     ? 0
               : start == Start::kShared ? shared.data()[p]
                                         : value) +
              plain_sum(block, c, p);
    }
  }
  kernel.multiply(block);
  for (size_t c = 0; c < channels; ++c) {
    HAWX_CHECK(std::equal(sums.data() + c * stride, sums.data() + c * stride + positions,
                          expected.data() + c * stride));
  }
}

void test_multiply(const ProductKernel& kernel, Random& random) {
  for (const size_t channels : {1, 2, 3, 4, 5, 6, 7, 12, 17}) {
    for (const size_t quads : {0, 1, 2, 7, 30}) {
      for (const size_t positions : {1, 15, 16, 17, 33, 49, 64, 65, 100, 128, 200}) {
        for (const Start start : {Start::kNone, Start::kShared, Start::kSums}) {
          test_block(kernel, random, channels, quads, positions, start);
        }
      }
    }
  }
  test_block(kernel, random, 6, 20001, 64, Start::kSums);
}

// Nothing beyond the wanted codes may be read or written.
void test_translation(const ProductKernel& kernel, Random& random) {
  std::vector<uint8_t> map(256);
  for (uint8_t& code : map) code = static_cast<uint8_t>(between(random, 0, 255));
  for (size_t count = 0; count < 200; ++count) {
    std::vector<std::vector<uint8_t>> rows(kQuad, std::vector<uint8_t>(count));
    const uint8_t* pointers[kQuad];
    for (size_t j = 0; j < kQuad; ++j) {
      for (uint8_t& code : rows[j]) code = static_cast<uint8_t>(between(random, 0, 255));
      pointers[j] = rows[j].data();
    }
    std::vector<uint8_t> line(count + 1, 77), quads(count * kQuad + 1, 77);
    kernel.translate(pointers[0], count, map.data(), line.data());
    kernel.interleave(pointers, count, map.data(), quads.data());
    for (size_t i = 0; i < count; ++i) {
      HAWX_CHECK(line[i] == map[rows[0][i]]);
      for (size_t j = 0; j < kQuad; ++j) HAWX_CHECK(quads[i * kQuad + j] == map[rows[j][i]]);
    }
    HAWX_CHECK(line.back() == 77 && quads.back() == 77);
    kernel.interleave(pointers, count, nullptr, quads.data());
    for (size_t i = 0; i < count * kQuad; ++i) HAWX_CHECK(quads[i] == rows[i % kQuad][i / kQuad]);
  }
}

std::vector<int32_t> random_rows(Random& random, size_t terms, int32_t table) {
  std::vector<int32_t> rows(terms * kFactorColumns);
  for (size_t t = 0; t < terms; ++t) {
    int32_t* row = rows.data() + t * kFactorColumns;
    row[0] = table;
    row[1] = between(random, -5, 5);
    const int32_t activation = t % 2 ? -128 : 0, weight = t % 3 ? -128 : 0;
    for (size_t i = 0; i < kCodes; ++i) {
      row[2 + i] = between(random, activation, activation + 255);
      row[2 + kCodes + i] = between(random, weight, weight + 255);
    }
  }
  return rows;
}

void test_factorization(Random& random) {
  const std::vector<int32_t> rows = random_rows(random, 4, 3);
  std::vector<int32_t> entries(kTableEntries, 0);
  for (size_t i = 0; i < kTableEntries; ++i) {
    for (size_t t = 0; t < 4; ++t) {
      const int32_t* row = rows.data() + t * kFactorColumns;
      entries[i] += row[1] * row[2 + i / kCodes] * row[2 + kCodes + i % kCodes];
    }
  }
  const Factorization factors(rows.data(), 4, 3);
  HAWX_CHECK(factors.terms().size() == 4 && factors.equals(LookupTable(entries.data())));
  HAWX_CHECK(Factorization(rows.data(), 4, 2).terms().empty());
  HAWX_CHECK(!Factorization(rows.data(), 3, 3).equals(LookupTable(entries.data())));
  for (const size_t changed : {size_t{0}, size_t{40000}, kTableEntries - 1}) {
    ++entries[changed];
    HAWX_CHECK(!factors.equals(LookupTable(entries.data())));
    --entries[changed];
  }
}

// Every product has a place of its own, and no panel takes more than its memory.
void test_plan(Random& random) {
  const std::vector<int32_t> rows = random_rows(random, 3, 0);
  const Factorization factors(rows.data(), 3, 0);
  for (const Depth& depth : {Depth{1, 25}, Depth{3, 9}, Depth{6, 25}, Depth{64, 9}, Depth{7, 1},
                             Depth{9000, 4}, Depth{20001, 1}}) {
    const ProductPlan plan(factors, depth);
    size_t inputs = 0, quads = 0;
    for (const Panel& panel : plan.panels()) {
      HAWX_CHECK(panel.first_quad == quads && panel.quads * kQuad * kPositionBlock <= kBlockBytes);
      quads += panel.quads;
      size_t passes = 0;
      for (const Pass& pass : panel.passes) passes += pass.quads;
      HAWX_CHECK(passes == panel.quads);
      for (const Segment& segment : panel.segments) {
        inputs += segment.inputs;
        std::vector<bool> taken(segment.quads * kQuad);
        for (size_t i = 0; i < segment.inputs * depth.taps; ++i) {
          const size_t place = plan.place(i / depth.taps, i % depth.taps);
          HAWX_CHECK(place < taken.size() && !taken[place]);
          taken[place] = true;
        }
      }
    }
    HAWX_CHECK(inputs == 3 * depth.inputs && quads == plan.quads());
  }
}

}  // namespace
}  // namespace hawx

int main() {
  hawx::Random random(7);
  for (const hawx::ProductKernel& kernel : hawx::product_kernel_table()) {
    if (!kernel.supported()) {
      std::printf("skipped %s: no %s here\n", kernel.name, kernel.instruction_set);
      continue;
    }
    hawx::test_multiply(kernel, random);
    hawx::test_translation(kernel, random);
    std::printf("passed %s\n", kernel.name);
  }
  hawx::test_factorization(random);
  hawx::test_plan(random);
  std::printf("all passed\n");
  return 0;
}
