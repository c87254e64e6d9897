// The kernels, one source file each; registry.cc puts them in the one table.
#pragma once

#include "kernels/kernel.h"

namespace hawx {

void gather_scalar(const ChannelView&, const TableView&, const TileView&, uint32_t* acc);
void requantize_scalar(const Requantization&, const uint32_t* acc, size_t count, uint8_t* codes);

#if defined(HAWX_X86_KERNELS)
void permute_avx512vbmi(const ChannelView&, const TableView&, const TileView&, uint32_t* acc);
void requantize_avx512(const Requantization&, const uint32_t* acc, size_t count, uint8_t* codes);
#endif

}  // namespace hawx
