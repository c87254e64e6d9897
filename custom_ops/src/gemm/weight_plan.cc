#include "gemm/weight_plan.h"

#include <array>

namespace hawx {
namespace {

// Where the next product of a weight code goes: to its groups of four until they are full.
struct Place {
  uint32_t next, full, rest;
};

}  // namespace

WeightPlan::WeightPlan(const std::vector<const uint8_t*>& rows, size_t depth, const uint8_t* map)
    : depth_(depth) {
  order_.reserve(rows.size() * depth);
  codes_.reserve(rows.size() * depth);
  quads_.reserve(rows.size());
  for (const uint8_t* row : rows) append_channel(row, map);
}

void WeightPlan::append_channel(const uint8_t* row, const uint8_t* map) {
  const size_t start = codes_.size();
  codes_.resize(start + depth_);
  order_.resize(start + depth_);
  uint8_t* codes = codes_.data() + start;
  uint32_t* order = order_.data() + start;
  std::array<uint32_t, 256> count{};
  for (size_t k = 0; k < depth_; ++k) {
    codes[k] = map[row[k]];
    ++count[codes[k]];
  }
  uint32_t quads = 0;
  for (const uint32_t products : count) quads += products / 4;
  std::array<Place, 256> places;
  uint32_t grouped = 0;
  uint32_t single = 4 * quads;
  for (size_t code = 0; code < 256; ++code) {
    const uint32_t in_quads = count[code] / 4 * 4;
    places[code] = {in_quads == 0 ? single : grouped, grouped + in_quads, single};
    grouped += in_quads;
    single += count[code] % 4;
  }
  for (size_t k = 0; k < depth_; ++k) {
    Place& place = places[codes[k]];
    order[place.next] = static_cast<uint32_t>(k);
    // No branch: nothing would foresee it.
    const uint32_t next = place.next + 1;
    place.next = next == place.full ? place.rest : next;
  }
  quads_.push_back(quads);
}

}  // namespace hawx
