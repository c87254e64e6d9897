// One thread's part of a problem: loads activations, runs kernels, stores outputs.
#pragma once

#include "gemm/gemm.h"
#include "gemm/scratch_pool.h"

namespace hawx {

// Output channels whose sums are kept before they are stored; kernels take 6 or 8 at a time.
inline constexpr size_t kChannelBlock = 24;

// Some channels of a slice, for one block of positions.
struct Unit {
  const Slice* slice;
  size_t first;  // among the slice's channels
  size_t count;
  size_t begin;  // position
  size_t positions;
};

// Whether look-ups of a problem of so many positions are taken with exchanged operands.
bool takes_transposed(const Slice& slice, size_t positions);

class Worker {
 public:
  // `run` is another number for each run in this process.
  Worker(const GemmProblem& problem, uint64_t run, Scratch& scratch)
      : problem_(problem), run_(run), scratch_(scratch) {}

  void run_unit(const Unit& unit);

 private:
  void plan(const Unit& unit);
  void load_code_sums(const Unit& unit);
  // `map` is the table's classes, or leaves codes as they are.
  void load_codes(const Unit& unit, const LookupPart& part, const uint8_t* map);
  void load_panel(const Unit& unit, const ProductPlan& plan, const ProductWeights& weights,
                  const Panel& panel);
  void fill_segment(const Unit& unit, const ProductPlan& plan, const Segment& segment);

  // sums[channel * stride_ + position] = start + factor * the panel's products with `channels` rows
  // of weights, `stride` apart; see ProductBlock for `start`.
  void multiply(const Unit& unit, const Panel& panel, const int8_t* weights, size_t stride,
                size_t channels, int32_t factor, const uint32_t* start, size_t start_stride,
                uint32_t* sums);

  // Write sums [count][stride] of the slice's channels from `first` on.
  void sum_lookups(const Unit& unit, size_t first, size_t count);
  void sort_codes(const Unit& unit, const LookupPart& part, const LookupTable& transposed,
                  size_t first, size_t count);
  void sum_transposed(const Unit& unit, size_t first, size_t count);
  void sum_products(const Unit& unit, size_t first, size_t count);

  // Turns sums into outputs and hands them to the operands.
  void finish(const Unit& unit, size_t first, size_t count);
  void finish_channel(size_t index, size_t positions, uint32_t constant, uint32_t* sums,
                      uint8_t* outputs);

  Filling filling(const Unit& unit, size_t first_input, size_t inputs, const uint8_t* map,
                  uint8_t* to);

  const GemmProblem& problem_;
  uint64_t run_;
  Scratch& scratch_;
  size_t stride_ = 0;
  size_t counted_ = 0;  // positions whose sums become outputs, in whole kRequantized
};

}  // namespace hawx
