// A node's weights prepared for its multipliers: output channels that share one are taken together.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "gemm/multiplier.h"
#include "gemm/product_plan.h"
#include "gemm/transposed_lookups.h"
#include "gemm/weight_plan.h"
#include "gemm/weights.h"
#include "kernels/registry.h"

namespace hawx {

// Made when they are first needed, by any thread.
class LazyTransposed {
 public:
  const TransposedLookups& get(const LookupTable& table, const WeightPlan& weights) {
    std::call_once(once_, [&] { made_ = std::make_unique<TransposedLookups>(table, weights); });
    return *made_;
  }

 private:
  std::once_flag once_;
  std::unique_ptr<TransposedLookups> made_;
};

// Inputs whose codes one tile holds, with the weights of their products.
struct LookupPart {
  size_t first_input;
  size_t inputs;
  WeightPlan weights;
  std::shared_ptr<LazyTransposed> transposed;
};

// Output channels of one group that share a multiplier.
struct Slice {
  size_t group;
  const Multiplier* multiplier;
  std::vector<uint32_t> channels;  // within the group, ascending
  const Kernel* kernel;            // of look-ups; null where products are taken

  // In how many parts its activations are prepared.
  size_t parts() const { return kernel != nullptr ? lookups.size() : plan->panels().size(); }

  std::vector<LookupPart> lookups;          // where look-ups are taken
  std::shared_ptr<const ProductPlan> plan;  // where products are: the same for all groups
  std::shared_ptr<const ProductWeights> products;
};

class Slices {
 public:
  // Row r of the weights belongs to group r / channels and runs on multipliers[index[r % outputs]],
  // where `outputs` numbers are in the index: as many as there are rows, or a divisor of that.
  Slices(const Weights& weights, const Depth& depth, size_t channels,
         const std::vector<int32_t>& index, std::vector<Multiplier> multipliers,
         const Dispatch& dispatch, bool activations_signed);

  // Products whose sums are those of the activations, with the weights of one row.
  const ProductPlan& sum_plan() const { return *sum_plan_; }
  const ProductWeights& sum_weights() const { return *sum_weights_; }

  const std::vector<Slice>& all() const { return slices_; }
  const std::vector<int32_t>& index() const { return index_; }
  const std::vector<Multiplier>& multipliers() const { return multipliers_; }
  const Multiplier& multiplier(size_t row) const {
    return multipliers_[static_cast<size_t>(index_[row % index_.size()])];
  }

 private:
  void add_group(const Weights& weights, const Depth& depth, size_t group, size_t channels,
                 const Dispatch& dispatch);
  void prepare(Slice& slice, const Weights& weights, const Depth& depth, size_t first_row,
               const Dispatch& dispatch);

  std::vector<int32_t> index_;
  std::vector<Multiplier> multipliers_;
  std::vector<std::shared_ptr<const ProductPlan>> plans_;  // of each multiplier, as far as needed
  std::vector<Slice> slices_;
  Factorization sum_;
  std::unique_ptr<ProductPlan> sum_plan_;
  std::unique_ptr<ProductWeights> sum_weights_;
};

}  // namespace hawx
