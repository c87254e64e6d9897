#include "gemm/weight_plan.h"

#include <algorithm>
#include <array>

namespace hawx {

WeightPlan::WeightPlan(const std::vector<const uint8_t*>& rows, size_t depth, const uint8_t* map)
    : depth_(depth) {
  order_.reserve(rows.size() * depth + kLookAhead);
  codes_.reserve(rows.size() * depth);
  first_run_.reserve(rows.size() + 1);
  runs_.reserve(rows.size() * std::min<size_t>(depth, 256));
  first_run_.push_back(0);
  for (const uint8_t* row : rows) append_channel(row, map);
  order_.resize(order_.size() + kLookAhead, 0);
}

void WeightPlan::append_channel(const uint8_t* row, const uint8_t* map) {
  const size_t start = codes_.size();
  codes_.resize(start + depth_);
  order_.resize(start + depth_);
  uint8_t* codes = codes_.data() + start;
  uint32_t* order = order_.data() + start;
  std::array<uint32_t, 256> next{};
  for (size_t k = 0; k < depth_; ++k) {
    codes[k] = map[row[k]];
    ++next[codes[k]];
  }
  uint32_t begin = 0;
  for (uint32_t code = 0; code < 256; ++code) {
    const uint32_t count = next[code];
    if (count != 0) runs_.push_back({begin, count, code});
    next[code] = begin;
    begin += count;
  }
  for (size_t k = 0; k < depth_; ++k) order[next[codes[k]]++] = static_cast<uint32_t>(k);
  first_run_.push_back(runs_.size());
}

}  // namespace hawx
