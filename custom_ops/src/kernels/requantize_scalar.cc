// Requantisation with the same steps and the same rounding as onnxruntime's own kernels.
#include "kernels/kernels.h"

namespace hawx {

void requantize_scalar(const Requantization& q, const uint32_t* acc, size_t count, uint8_t* codes) {
  const float low = static_cast<float>(q.lowest - q.output_zero);
  const float high = static_cast<float>(q.highest - q.output_zero);
  // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, ties to even; the clamp
  // keeps the value far below 2^22, where that holds.
  const float rounding = 12582912.0f;
  for (size_t p = 0; p < count; ++p) {
    uint32_t sum = acc[p] + q.constant;
    if (q.code_sum != nullptr) sum -= q.weight_zero * q.code_sum[p];
    float value = static_cast<float>(static_cast<int32_t>(sum)) * q.scale;
    value = value < low ? low : value;
    value = value > high ? high : value;
    value = (value + rounding) - rounding;
    codes[p] = static_cast<uint8_t>(static_cast<int32_t>(value) + q.output_zero);
  }
}

}  // namespace hawx
