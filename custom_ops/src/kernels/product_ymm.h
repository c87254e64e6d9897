// Products in 256-bit registers, for kernels that differ in how they multiply quads. Everything
// here is private to the file that includes it, which is compiled for its instruction set alone.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "kernels/product.h"
#include "kernels/unrolled.h"

namespace hawx {
namespace {

constexpr size_t kLanes = 8;  // positions of one register

inline __m256i four_weights(const int8_t* weights) {
  int32_t four;
  std::memcpy(&four, weights, sizeof(four));
  return _mm256_set1_epi32(four);
}

inline __m256i load(const void* from) {
  return _mm256_load_si256(static_cast<const __m256i*>(from));
}

// kVectors * 8 positions from `first` on, kChannels channels from `channel` on. Dot has types
// Activations and Weights, made of a register of quads, and add(sums, activations, weights).
template <typename Dot, size_t kVectors, size_t kChannels>
void multiply_tile(const ProductBlock& b, size_t channel, size_t first) {
  __m256i sums[kChannels * kVectors];
  repeat<kChannels * kVectors>([&](auto i) { sums[i] = _mm256_setzero_si256(); });
  const int8_t* weights = b.weights + channel * b.weight_stride;
  const uint8_t* panel = b.panel + first * kQuad;
  for (size_t q = 0; q < b.quads; ++q, weights += kQuad, panel += b.stride * kQuad) {
    typename Dot::Activations activations[kVectors];
    repeat<kVectors>([&](auto v) {
      activations[v] = typename Dot::Activations(load(panel + kLanes * kQuad * v));
    });
    repeat<kChannels>([&](auto c) {
      const typename Dot::Weights own(four_weights(weights + c * b.weight_stride));
      repeat<kVectors>([&](auto v) {
        __m256i& sum = sums[c * kVectors + v];
        sum = Dot::add(sum, activations[v], own);
      });
    });
  }
  const __m256i scale = _mm256_set1_epi32(static_cast<int>(b.scale));
  repeat<kChannels>([&](auto c) {
    const size_t row = channel + c;
    repeat<kVectors>([&](auto v) {
      const size_t position = first + kLanes * v;
      __m256i sum = sums[c * kVectors + v];
      if (b.scale != 1) sum = _mm256_mullo_epi32(sum, scale);
      if (b.start != nullptr) {
        sum = _mm256_add_epi32(sum, load(b.start + row * b.start_stride + position));
      }
      _mm256_store_si256(reinterpret_cast<__m256i*>(b.sums + row * b.stride + position), sum);
    });
  });
}

// kChannels * kVectors sums, the activations and a channel's weights have to fit 16 registers.
template <typename Dot, size_t kVectors, size_t kChannels>
void multiply_positions(const ProductBlock& b, size_t first) {
  size_t c = 0;
  for (; c + kChannels <= b.channels; c += kChannels) {
    multiply_tile<Dot, kVectors, kChannels>(b, c, first);
  }
  for (; c < b.channels; ++c) multiply_tile<Dot, kVectors, 1>(b, c, first);
}

template <typename Dot, size_t kChannels>
void multiply(const ProductBlock& b) {
  size_t p = 0;
  for (; p + kLanes < b.positions; p += 2 * kLanes) multiply_positions<Dot, 2, kChannels>(b, p);
  if (p < b.positions) multiply_positions<Dot, 1, kChannels>(b, p);
}

}  // namespace
}  // namespace hawx
