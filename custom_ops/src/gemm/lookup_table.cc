#include "gemm/lookup_table.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>
#include <unordered_map>

namespace hawx {
namespace {

uint64_t fingerprint(const int32_t* entries) {
  uint64_t hash = 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < kTableEntries; i += 2) {
    const uint64_t pair = static_cast<uint64_t>(static_cast<uint32_t>(entries[i])) << 32 |
                          static_cast<uint32_t>(entries[i + 1]);
    hash = (hash ^ pair) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return hash;
}

struct Cache {
  std::mutex mutex;
  std::unordered_multimap<uint64_t, std::weak_ptr<const LookupTable>> tables;
};

Cache& cache() {
  static Cache instance;
  return instance;
}

}  // namespace

const uint8_t* identity_codes() {
  static const std::array<uint8_t, kCodes> codes = [] {
    std::array<uint8_t, kCodes> made;
    std::iota(made.begin(), made.end(), uint8_t{0});
    return made;
  }();
  return codes.data();
}

struct LookupTable::Transposed {
  std::once_flag once;
  std::unique_ptr<const LookupTable> table;
};

LookupTable::LookupTable(const int32_t* entries)
    : entries_(entries, entries + kTableEntries),
      rows_(kTableEntries),
      planes_(2 * kTableEntries),
      short_rows_(kTableEntries),
      transposed_(std::make_shared<Transposed>()) {
  find_classes();
  // Places beyond the last class repeat a class: no other number takes part in the rows' spans.
  for (size_t w = 0; w < kCodes; ++w) std::fill_n(rows_.data() + w * kCodes, kCodes, entries[w]);
  for (size_t a = 0; a < kCodes; ++a) {
    int32_t* column = rows_.data() + activation_classes_[a];
    for (size_t w = 0; w < kCodes; ++w) column[w * kCodes] = entries[a * kCodes + w];
  }
  for (size_t w = 0; w < kCodes; ++w) split_row(w);
}

void LookupTable::find_classes() {
  size_t classes = 0;
  std::array<size_t, kCodes> first{};  // code of each class
  for (size_t a = 0; a < kCodes; ++a) {
    const int32_t* row = entries_.data() + a * kCodes;
    size_t same = 0;
    while (same < classes && std::memcmp(row, entries_.data() + first[same] * kCodes,
                                         kCodes * sizeof(int32_t)) != 0) {
      ++same;
    }
    if (same == classes) first[classes++] = a;
    activation_classes_[a] = static_cast<uint8_t>(same);
  }
  // More classes than half the codes need look-ups as long as all codes do.
  if (classes > kCodes / 2) std::iota(activation_classes_.begin(), activation_classes_.end(), 0);
  const auto same_column = [this](size_t w, size_t v) {
    for (size_t a = 0; a < kCodes; ++a) {
      if (entries_[a * kCodes + w] != entries_[a * kCodes + v]) return false;
    }
    return true;
  };
  for (size_t w = 0; w < kCodes; ++w) {
    size_t v = 0;
    while (!same_column(w, v)) ++v;  // at the latest v = w
    weight_classes_[w] = static_cast<uint8_t>(v);
  }
}

void LookupTable::split_row(size_t weight) {
  const int32_t* row = rows_.data() + weight * kCodes;
  const auto [least, greatest] = std::minmax_element(row, row + kCodes);
  const int64_t span = static_cast<int64_t>(*greatest) - *least;
  if (span > 0xffff) splits_into_planes_ = false;
  uint8_t* low = planes_.data() + weight * 2 * kCodes;
  uint8_t* high = low + kCodes;
  for (size_t a = 0; a < kCodes; ++a) {
    const uint32_t rest = static_cast<uint32_t>(row[a]) - static_cast<uint32_t>(*least);
    low[a] = static_cast<uint8_t>(rest);
    high[a] = static_cast<uint8_t>(rest >> 8);
    short_rows_.data()[weight * kCodes + a] = static_cast<int16_t>(rest - kShortBase);
  }
  const uint8_t planes = span == 0 ? 0 : span < 256 ? 1 : 2;
  info_[weight] = {*least, planes, *std::max_element(high, high + kCodes)};
}

const LookupTable& LookupTable::transposed() const {
  std::call_once(transposed_->once, [this] {
    std::vector<int32_t> entries(kTableEntries);
    for (size_t a = 0; a < kCodes; ++a) {
      for (size_t w = 0; w < kCodes; ++w) entries[w * kCodes + a] = entries_[a * kCodes + w];
    }
    transposed_->table = std::make_unique<const LookupTable>(entries.data());
  });
  return *transposed_->table;
}

bool LookupTable::equals(const int32_t* entries) const {
  return std::memcmp(entries_.data(), entries, kTableEntries * sizeof(int32_t)) == 0;
}

std::shared_ptr<const LookupTable> LookupTable::shared(const int32_t* entries) {
  const uint64_t key = fingerprint(entries);
  Cache& all = cache();
  std::lock_guard<std::mutex> lock(all.mutex);
  auto [begin, end] = all.tables.equal_range(key);
  while (begin != end) {
    const std::shared_ptr<const LookupTable> known = begin->second.lock();
    if (known != nullptr && known->equals(entries)) return known;
    begin = known == nullptr ? all.tables.erase(begin) : std::next(begin);
  }
  auto made = std::make_shared<const LookupTable>(entries);
  all.tables.emplace(key, made);
  return made;
}

}  // namespace hawx
