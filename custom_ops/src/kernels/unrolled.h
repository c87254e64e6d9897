// Loops unrolled by the language: arrays that a loop indexes can end up in memory instead of
// registers. Private to the file that includes it, which is compiled for its instruction set alone.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace hawx {
namespace {

template <typename Body, size_t... kIndices>
inline void unroll(std::index_sequence<kIndices...>, const Body& body) {
  (body(std::integral_constant<size_t, kIndices>()), ...);
}

// Calls body(0) .. body(kCount - 1).
template <size_t kCount, typename Body>
inline void repeat(const Body& body) {
  unroll(std::make_index_sequence<kCount>(), body);
}

}  // namespace
}  // namespace hawx
