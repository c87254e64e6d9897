// Speed of the look-up kernels alone, on tiles as the driver cuts them from layers of known
// networks: products per second, the best of many runs. No test; see benchmarks/README.md.
//
//   hawx_lookup_speed [kernel]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "gemm/limits.h"
#include "kernels/registry.h"
#include "operands.h"

namespace hawx {
namespace {

struct Layer {
  const char* name;
  size_t depth, positions, channels;
  bool depthwise;  // a tile for each channel
};

const Layer kLayers[] = {{"LeNet-5 conv2, 16 images", 150, 1600, 16, false},
                         {"VGG-11 128->256", 1152, 64, 256, false},
                         {"VGG-11 128->256, 16 images", 1152, 1024, 256, false},
                         {"ResNet-18 64->64", 576, 1024, 64, false},
                         {"ResNet-18 256->256", 2304, 64, 256, false},
                         {"pointwise 112->672", 112, 196, 672, false},
                         {"depthwise 672, 5x5", 25, 196, 672, true},
                         {"linear 768->768, 128 rows", 768, 128, 768, false}};

constexpr size_t kDepthwiseTiles = 4;  // enough to differ, few enough to stay in the cache
constexpr double kSeconds = 0.3;       // for each figure

size_t round_up(size_t a, size_t b) { return (a + b - 1) / b * b; }

// Exact signed products and noise, as no multiplier with structure has them.
LookupTable general_table(Random& random) {
  std::vector<int32_t> entries(kTableEntries);
  for (size_t i = 0; i < kTableEntries; ++i) {
    const int32_t product = static_cast<int8_t>(i / kCodes) * static_cast<int8_t>(i % kCodes);
    entries[i] = std::clamp(product + between(random, -200, 200), -32768, 32767);
  }
  return LookupTable(entries.data());
}

class Work {
 public:
  Work(const Layer& layer, const LookupTable& table, unsigned bits, Random& random)
      : layer_(layer), table_(table), sums_(kMostGrouped * kMostPositions) {
    weights_ = random_codes(random, layer.channels * layer.depth, 255);
    plan_ = std::make_unique<WeightPlan>(plan_of(weights_, layer.channels, layer.depth, table));
    const size_t fitting = kBlockBytes / layer.depth / kPositionBlock * kPositionBlock;
    const size_t block = std::min(std::max(fitting, kPositionBlock), kMostPositions);
    const size_t copies = layer.depthwise ? kDepthwiseTiles : 1;
    for (size_t i = 0; i < copies; ++i) {
      for (size_t p = 0; p < layer.positions; p += block) {
        add_tile(std::min(block, layer.positions - p), bits, random);
      }
    }
  }

  void run(const Kernel& kernel) {
    if (layer_.depthwise) {
      for (size_t c = 0; c < layer_.channels; ++c) {
        const TileView& tile = tiles_[c % tiles_.size()];
        kernel.accumulate(plan_->channel(c), table_.view(), tile, sums_.data());
      }
      return;
    }
    for (const TileView& tile : tiles_) {
      for (size_t c = 0; c < layer_.channels; c += kMostGrouped) {
        run_group(kernel, tile, c, std::min(kMostGrouped, layer_.channels - c));
      }
    }
  }

  double products() const {
    return static_cast<double>(layer_.depth * layer_.positions * layer_.channels);
  }

 private:
  void add_tile(size_t positions, unsigned bits, Random& random) {
    const size_t stride = round_up(positions, kPositionBlock);
    const auto codes = random_codes(random, layer_.depth * stride, (1 << bits) - 1);
    codes_.emplace_back(codes.size());
    std::copy(codes.begin(), codes.end(), codes_.back().data());
    tiles_.push_back({codes_.back().data(), stride, positions, bits});
  }

  void run_group(const Kernel& kernel, const TileView& tile, size_t first, size_t count) {
    ChannelView channels[kMostGrouped];
    TableView tables[kMostGrouped];
    for (size_t i = 0; i < count; ++i) {
      channels[i] = plan_->channel(first + i);
      tables[i] = table_.view();
      if (kernel.accumulate_group != nullptr) continue;
      kernel.accumulate(channels[i], tables[i], tile, sums_.data());
    }
    if (kernel.accumulate_group == nullptr) return;
    kernel.accumulate_group(channels, tables, count, tile, sums_.data());
  }

  const Layer& layer_;
  const LookupTable& table_;
  std::vector<uint8_t> weights_;
  std::unique_ptr<WeightPlan> plan_;
  std::vector<AlignedBuffer<uint8_t>> codes_;
  std::vector<TileView> tiles_;
  AlignedBuffer<uint32_t> sums_;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Billions of products per second.
double speed(Work& work, const Kernel& kernel) {
  double best = 1e9;
  const auto begin = std::chrono::steady_clock::now();
  for (int round = 0; round < 3 || seconds_since(begin) < kSeconds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work.run(kernel);
    best = std::min(best, seconds_since(start));
  }
  return work.products() / best / 1e9;
}

void measure(const Kernel& kernel) {
  std::printf("%s, GMAC/s on one core with codes of\n%-28s%8s%8s%8s\n", kernel.name, "", "8 bits",
              "7 bits", "6 bits");
  Random random(1);
  const LookupTable table = general_table(random);
  for (const Layer& layer : kLayers) {
    std::printf("%-28s", layer.name);
    for (const unsigned bits : {8u, 7u, 6u}) {
      Work work(layer, table, bits, random);
      std::printf("%8.1f", speed(work, kernel));
    }
    std::printf("\n");
  }
}

}  // namespace
}  // namespace hawx

int main(int count, char** arguments) {
  for (const hawx::Kernel& kernel : hawx::kernel_table()) {
    const bool wanted = count < 2 || std::string(arguments[1]) == kernel.name;
    if (wanted && kernel.supported()) hawx::measure(kernel);
  }
  return 0;
}
