// Every operator of the library, for one API version.
#pragma once

#include <deque>

#include "ort/custom_op.h"

namespace hawx {

inline constexpr const char* kDomain = "ai.hawx";

// Appends the operator in all its type combinations.
void add_qlinear_conv(uint32_t api_version, std::deque<CustomOp>& ops);
void add_qlinear_matmul(uint32_t api_version, std::deque<CustomOp>& ops);
void add_conv_integer(uint32_t api_version, std::deque<CustomOp>& ops);
void add_matmul_integer(uint32_t api_version, std::deque<CustomOp>& ops);
void add_describe_kernels(uint32_t api_version, std::deque<CustomOp>& ops);

}  // namespace hawx
