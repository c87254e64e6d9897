#include "gemm/scratch_pool.h"

#include "gemm/limits.h"

namespace hawx {
namespace {

constexpr size_t kKeptCount = 256;

struct Pool {
  Pool() { idle.reserve(kKeptCount); }

  std::mutex mutex;
  std::vector<std::unique_ptr<Scratch>> idle;
};

Pool& pool() {
  static Pool instance;
  return instance;
}

}  // namespace

BorrowedScratch::BorrowedScratch() {
  Pool& all = pool();
  {
    std::lock_guard<std::mutex> lock(all.mutex);
    if (!all.idle.empty()) {
      scratch_ = std::move(all.idle.back());
      all.idle.pop_back();
    }
  }
  if (scratch_ == nullptr) scratch_ = std::make_unique<Scratch>();
}

BorrowedScratch::~BorrowedScratch() {
  if (scratch_->bytes() > kScratchBytes) return;
  Pool& all = pool();
  std::lock_guard<std::mutex> lock(all.mutex);
  if (all.idle.size() < kKeptCount) all.idle.push_back(std::move(scratch_));
}

}  // namespace hawx
