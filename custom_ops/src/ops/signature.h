// Helpers to write down an operator: its inputs by name and type, and what makes its nodes.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <vector>

#include "ort/custom_op.h"

namespace hawx {

// Inputs of these names and types; `optional` lists those that may be absent.
template <size_t N>
std::vector<InputSpec> input_specs(const char* const (&names)[N], const int (&types)[N],
                                   std::initializer_list<size_t> optional = {}) {
  std::vector<InputSpec> specs;
  for (size_t i = 0; i < N; ++i) specs.push_back({names[i], types[i]});
  for (size_t i : optional) specs[i].optional = true;
  return specs;
}

// All inputs of a run; absent ones are tensors that are not present.
template <size_t N>
std::vector<Tensor> read_inputs(const RunContext& context, const char* const (&names)[N]) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < N; ++i) inputs.push_back(context.input(i, names[i]));
  return inputs;
}

template <typename Kind>
std::unique_ptr<Node> create_node(const NodeInfo& info) {
  return std::make_unique<Kind>(info);
}

}  // namespace hawx
