// Working memory that tasks borrow; it is kept for the next task instead of being freed.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "gemm/lookup_gemm.h"

namespace hawx {

struct Scratch {
  Tile tile;
  AlignedBuffer<uint32_t> acc;
  AlignedBuffer<uint32_t> code_sums;
  AlignedBuffer<uint8_t> outputs;
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
