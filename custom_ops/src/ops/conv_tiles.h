// Activation tiles of a convolution (im2col of a block of output positions) and its outputs.
#pragma once

#include <memory>
#include <vector>

#include "gemm/operands.h"
#include "ops/conv_geometry.h"

namespace hawx {

class ConvTiles : public GemmOperands {
 public:
  // `padding_terms` is null, or [output channel][tap]: what one padded tap wrongly adds to an
  // accumulator, to be taken out again. An element of `y` has `y_bytes`.
  ConvTiles(const ConvGeometry& geometry, const uint8_t* x, uint8_t padding_code,
            const uint32_t* padding_terms, uint8_t* y, size_t y_bytes = 1)
      : g_(geometry),
        x_(x),
        padding_code_(padding_code),
        padding_terms_(padding_terms),
        y_(y),
        y_bytes_(y_bytes) {}

  std::unique_ptr<BlockPlan> plan(size_t begin, size_t count) const override;
  uint8_t fill_codes(const BlockPlan& plan, const Filling& filling) const override;
  void fill_quads(const BlockPlan& plan, const Filling& filling) const override;
  void correct(const BlockPlan& plan, size_t channel, size_t stride, uint32_t* sums) const override;
  void store(size_t group, size_t first_channel, size_t channels, size_t begin, size_t count,
             const uint8_t* outputs, size_t stride) const override;

 private:
  // Consecutive positions of one output row.
  struct Row {
    size_t column;  // in the tile
    size_t length;
    Spatial first;  // input coordinates of the first position's first tap
  };
  // The same row's place in the tile and that of its first tap in the box.
  struct Move {
    uint32_t to;
    uint32_t from;
  };
  // Output rows of one image and the box of input that they see, padding included.
  struct Part {
    size_t image = 0;
    std::vector<Row> rows;
    Spatial begin{};  // input coordinates of the box; negative ones are padding
    Spatial size{};   // all 0 where the box would be too large
    Spatial inside_begin{}, inside_size{};  // what of the box lies in the input
    std::vector<Move> moves;                // of each row
    size_t longest = 0;                     // row
  };
  struct Plan : BlockPlan {
    size_t count;
    std::vector<Part> parts;
    std::vector<uint8_t> padding;  // [tap][count]: 1 where the tap meets padding, if asked for
  };

  Part make_part(size_t image, std::vector<Row> rows) const;
  void add_image(size_t image, size_t first, size_t last, size_t column, Plan& plan) const;
  void mark_padding(const Part& part, Plan& plan) const;

  // Elements are one code, or one code of each of kQuad inputs. Bits as fill_codes returns them.
  template <typename Element>
  uint8_t fill(const Plan& plan, const Filling& filling) const;
  template <typename Element>
  uint8_t fill_pointwise(const Part& part, const Filling& filling) const;
  template <typename Element>
  uint8_t fill_part(const Part& part, const Filling& filling) const;
  template <typename Element>
  void fill_sparse(const Part& part, const Filling& filling) const;
  template <typename Element>
  void copy_tap(const Part& part, const Element* from, size_t stride, Element* to) const;
  template <typename Element>
  void load_box(const Part& part, const Filling& filling, size_t input) const;

  // The input's codes; those that are missing in the last quad are another one's.
  const uint8_t* codes(const Part& part, const Filling& filling, size_t input) const;
  // Translates `count` codes from `offset` on.
  void translate(const Part& part, const Filling& filling, size_t input, size_t offset,
                 size_t count, uint8_t* to) const;
  void translate(const Part& part, const Filling& filling, size_t input, size_t offset,
                 size_t count, uint32_t* to) const;

  bool inside(const Spatial& at) const;
  bool is_pointwise() const;

  const ConvGeometry& g_;
  const uint8_t* x_;
  uint8_t padding_code_;
  const uint32_t* padding_terms_;
  uint8_t* y_;
  size_t y_bytes_;
};

}  // namespace hawx
