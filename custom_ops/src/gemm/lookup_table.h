// A multiplier's truth table, laid out for the kernels.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "gemm/aligned_buffer.h"
#include "kernels/kernel.h"

namespace hawx {

inline constexpr size_t kCodes = 256;
inline constexpr size_t kTableEntries = kCodes * kCodes;

// TileView::code_bits of codes that have no other bits than these.
constexpr unsigned bits_of(uint8_t used) { return used > 127 ? 8 : used > 63 ? 7 : 6; }

// Every code itself, [256].
const uint8_t* identity_codes();

class LookupTable {
 public:
  // `entries` holds 65,536 products, [activation][weight] by bit pattern; they are copied.
  explicit LookupTable(const int32_t* entries);

  // The prepared table of these entries: one instance per process for all nodes that use it.
  static std::shared_ptr<const LookupTable> shared(const int32_t* entries);

  bool equals(const int32_t* entries) const;

  int32_t at(uint8_t activation, uint8_t weight) const {
    return entries_[activation * kCodes + weight];
  }

  // Kernels look up activations by class: codes whose entries are all the same share one where that
  // gives shorter look-ups, otherwise a class is a code. [256]
  const uint8_t* activation_classes() const { return activation_classes_.data(); }

  // The first weight code with the same entries. [256]
  const uint8_t* weight_classes() const { return weight_classes_.data(); }

  // The table with its operands exchanged; made when first asked for, it lives as long as this one.
  const LookupTable& transposed() const;

  // Whether the entries of every weight span less than 2^16, so that two byte planes hold them.
  bool splits_into_planes() const { return splits_into_planes_; }

  TableView view() const {
    const int16_t* short_rows = splits_into_planes_ ? short_rows_.data() : nullptr;
    return {rows_.data(), planes_.data(), info_.data(), short_rows};
  }

 private:
  struct Transposed;  // made once, by any thread

  void find_classes();
  void split_row(size_t weight);

  std::vector<int32_t> entries_;
  std::array<uint8_t, kCodes> activation_classes_{};
  std::array<uint8_t, kCodes> weight_classes_{};
  AlignedBuffer<int32_t> rows_;  // [weight][activation class]
  AlignedBuffer<uint8_t> planes_;
  AlignedBuffer<int16_t> short_rows_;
  std::array<RowInfo, kCodes> info_{};
  bool splits_into_planes_ = true;
  std::shared_ptr<Transposed> transposed_;
};

}  // namespace hawx
