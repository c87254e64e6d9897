#include "gemm/gemm.h"

#include <algorithm>
#include <atomic>

#include "gemm/limits.h"
#include "gemm/worker.h"

namespace hawx {
namespace {

constexpr size_t kEnoughUnits = 24;       // for any thread count to be expected
constexpr size_t kChannelsTogether = 12;  // products take 6 at a time
constexpr size_t kRowsTogether = 16;      // positions of look-ups with exchanged operands
constexpr size_t kEnoughBlocks = 4;       // of those
// Of a slice whose activations do not stay in memory, so that each chunk prepares them again.
constexpr size_t kFewChunks = 2;
// Tasks below would not pay for themselves, nor for a second thread where there is little in all.
constexpr double kTaskSeconds = 3e-6;
constexpr double kForkSeconds = 6e-6;
// Rough speeds, good enough to cut work into tasks.
constexpr double kLookupsPerSecond = 2e10;
constexpr double kProductsPerSecond = 3e11;

size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

size_t round_up(size_t a, size_t b) { return ceil_div(a, b) * b; }

// Bytes that the largest part of a slice's activations takes for each position.
size_t position_bytes(const Slice& slice) {
  size_t bytes = 1;
  for (const LookupPart& part : slice.lookups) bytes = std::max(bytes, part.weights.depth());
  if (slice.plan == nullptr) return bytes;
  for (const Panel& panel : slice.plan->panels()) bytes = std::max(bytes, panel.quads * kQuad);
  return bytes;
}

double seconds(const Slice& slice, size_t positions, size_t channels) {
  const auto work = [&](size_t depth, double speed) {
    return static_cast<double>(positions) * static_cast<double>(depth) *
           static_cast<double>(channels) / speed;
  };
  double total = 0;
  for (const LookupPart& part : slice.lookups) {
    total += work(part.weights.depth(), kLookupsPerSecond);
  }
  if (slice.plan != nullptr) total += work(slice.plan->quads() * kQuad, kProductsPerSecond);
  return total;
}

// How the problem is cut: depends on the problem alone, never on the threads.
class Cut {
 public:
  explicit Cut(const GemmProblem& problem) : problem_(problem) {
    size_t bytes = 1;
    for (const Slice& slice : slices()) bytes = std::max(bytes, position_bytes(slice));
    const size_t fitting = kBlockBytes / bytes / kPositionBlock * kPositionBlock;
    block_ = std::min(std::clamp(fitting, kPositionBlock, kMostPositions),
                      round_up(problem.positions, kPositionBlock));
    if (all_transposed()) {  // these have wide blocks of channels and are cut by positions
      const size_t wanted = round_up(ceil_div(problem.positions, kEnoughBlocks), kRowsTogether);
      block_ = std::min(block_, wanted);
    }
    blocks_ = ceil_div(problem.positions, block_);
    const size_t chunks = std::max<size_t>(kEnoughUnits / (blocks_ * slices().size()), 1);
    double total = 0;
    for (const Slice& slice : slices()) {
      const size_t channels = slice.channels.size();
      const bool transposed = takes_transposed(slice, problem.positions);
      const size_t together = transposed ? TransposedLookups::kBlock : kChannelsTogether;
      const size_t most = slice.parts() > 1 ? std::min(chunks, kFewChunks) : chunks;
      const size_t some = round_up(ceil_div(channels, most), std::min(channels, together));
      for (size_t c = 0; c < channels; c += some) {
        pieces_.push_back({&slice, c, std::min(some, channels - c), 0, 0});
      }
      total += seconds(slice, block_, channels);
    }
    const double each = total / static_cast<double>(pieces_.size());
    const bool forks = total * static_cast<double>(blocks_) > kForkSeconds;
    const size_t wanted = each > 0 ? static_cast<size_t>(std::min(kTaskSeconds / each, 1e9)) : 1;
    units_per_task_ = forks ? std::clamp<size_t>(wanted, 1, units()) : units();
  }

  size_t tasks() const { return ceil_div(units(), units_per_task_); }

  // Calls body(unit) for the units of a task; those of one block of positions follow each other, so
  // that they share its activations.
  template <typename Body>
  void each_unit(size_t task, const Body& body) const {
    const size_t end = std::min((task + 1) * units_per_task_, units());
    for (size_t u = task * units_per_task_; u < end; ++u) {
      Unit unit = pieces_[u % pieces_.size()];
      unit.begin = u / pieces_.size() * block_;
      unit.positions = std::min(block_, problem_.positions - unit.begin);
      body(unit);
    }
  }

 private:
  const std::vector<Slice>& slices() const { return problem_.slices->all(); }
  size_t units() const { return blocks_ * pieces_.size(); }

  bool all_transposed() const {
    return std::all_of(slices().begin(), slices().end(), [this](const Slice& slice) {
      return takes_transposed(slice, problem_.positions);
    });
  }

  const GemmProblem& problem_;
  size_t block_;  // positions
  size_t blocks_;
  std::vector<Unit> pieces_;  // all but their positions
  size_t units_per_task_;
};

uint64_t next_run() {
  static std::atomic<uint64_t> runs{0};
  return ++runs;
}

}  // namespace

void gemm(const GemmProblem& problem, const ParallelFor& parallel_for) {
  if (problem.positions == 0 || problem.slices->all().empty()) return;
  const Cut cut(problem);
  const uint64_t run = next_run();
  parallel_for(cut.tasks(), [&](size_t task) {
    BorrowedScratch scratch;
    Worker worker(problem, run, *scratch);
    cut.each_unit(task, [&](const Unit& unit) { worker.run_unit(unit); });
  });
}

}  // namespace hawx
