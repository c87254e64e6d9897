// The kernels, one source file each; registry.cc puts them in the one table.
#pragma once

#include "kernels/kernel.h"
#include "kernels/product.h"

namespace hawx {

void gather_scalar(const ChannelView&, const TableView&, const TileView&, uint32_t* acc);
// gather_scalar for some positions only, from codes[k * stride] on.
void gather_positions(const ChannelView&, const TableView&, const uint8_t* codes, size_t stride,
                      size_t positions, uint32_t* acc);
void requantize_scalar(const Requantization&, const uint32_t* acc, size_t count, uint8_t* codes);

void product_scalar(const ProductBlock&);
void translate_scalar(const uint8_t* from, size_t count, const uint8_t* map, uint8_t* to);
void interleave_scalar(const uint8_t* const rows[kQuad], size_t count, const uint8_t* map,
                       uint8_t* to);

#if defined(HAWX_X86_KERNELS)
void product_avx2(const ProductBlock&);
#if defined(HAWX_AVX_VNNI)
void product_avxvnni(const ProductBlock&);
#endif
void product_avx512vnni(const ProductBlock&);
void translate_avx512vbmi(const uint8_t* from, size_t count, const uint8_t* map, uint8_t* to);
void interleave_avx512vbmi(const uint8_t* const rows[kQuad], size_t count, const uint8_t* map,
                           uint8_t* to);
void lanes_avx2(const ChannelView*, const TableView*, size_t count, const TileView&, uint32_t* acc);
void shuffle_avx2(const ChannelView&, const TableView&, const TileView&, uint32_t* acc);
void requantize_avx2(const Requantization&, const uint32_t* acc, size_t count, uint8_t* codes);
void permute_avx512vbmi(const ChannelView&, const TableView&, const TileView&, uint32_t* acc);
void requantize_avx512(const Requantization&, const uint32_t* acc, size_t count, uint8_t* codes);
#endif

}  // namespace hawx
