// Working memory that tasks borrow; it is kept for the next task instead of being freed, with what
// the last one prepared in it.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "gemm/operands.h"
#include "gemm/weight_plan.h"

namespace hawx {

// What a buffer holds: activations of a run, block of positions and group, prepared by someone.
struct Contents {
  uint64_t run = 0;  // 0 for none
  size_t begin = 0;
  size_t group = 0;
  const void* by = nullptr;

  bool operator==(const Contents& other) const {
    return run == other.run && begin == other.begin && group == other.group && by == other.by;
  }
};

struct Scratch {
  std::unique_ptr<BlockPlan> plan;
  Contents plan_holds;
  AlignedBuffer<uint8_t> codes;  // [depth][stride]
  Contents codes_hold;
  unsigned code_bits = 8;
  std::unique_ptr<WeightPlan> sorted;  // activations of each position
  Contents sorted_holds;
  AlignedBuffer<uint8_t> panel;     // [quads][stride][kQuad]
  AlignedBuffer<uint32_t> offsets;  // [stride]: what is missing in the sums over the panel
  Contents panel_holds;
  AlignedBuffer<uint32_t> code_sums;  // [stride]
  Contents code_sums_hold;
  AlignedBuffer<uint32_t> sums;       // [channels][stride]
  AlignedBuffer<uint32_t> more_sums;  // the same of a further part
  AlignedBuffer<uint8_t> outputs;
  FillScratch fill;

  size_t bytes() const {
    const size_t words =
        offsets.capacity() + code_sums.capacity() + sums.capacity() + more_sums.capacity();
    return codes.capacity() + (sorted == nullptr ? 0 : sorted->bytes()) + panel.capacity() +
           words * sizeof(uint32_t) + outputs.capacity() + fill.box.capacity() +
           fill.line.capacity();
  }
};

// Lends one Scratch for the lifetime of the object.
class BorrowedScratch {
 public:
  BorrowedScratch();
  ~BorrowedScratch();
  BorrowedScratch(const BorrowedScratch&) = delete;
  BorrowedScratch& operator=(const BorrowedScratch&) = delete;

  Scratch& operator*() { return *scratch_; }

 private:
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace hawx
