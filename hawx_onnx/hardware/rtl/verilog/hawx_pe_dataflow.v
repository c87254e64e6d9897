// Processing element of a dataflow engine: SIMD products a cycle of one filter, all by the same
// type of multiplier, an adder tree, and an accumulator that "first" starts anew.
// SPDX-License-Identifier: Apache-2.0
module hawx_pe_dataflow #(
  parameter TYPE = 0,
  parameter SIMD = 4,
  parameter TREE_BITS = 18,    // PRODUCT_BITS and one for each level of the tree
  parameter PRODUCT_BITS = 16,
  parameter PRODUCT_SIGNED = 1,
  parameter ACCUMULATOR_BITS = 32
) (
  input clk,
  input first,                 // one cycle behind the activations: first products of an output
  input [8*SIMD-1:0] activations,
  input [8*SIMD-1:0] weights_in,
  output reg [ACCUMULATOR_BITS-1:0] sum
);
  reg [8*SIMD-1:0] weights;
  wire [PRODUCT_BITS*SIMD-1:0] products;
  reg [PRODUCT_BITS*SIMD-1:0] held; // what multipliers ripple through stays out of the adders
  wire [TREE_BITS-1:0] tree;
  wire sign = PRODUCT_SIGNED ? tree[TREE_BITS-1] : 1'b0;
  wire [ACCUMULATOR_BITS-1:0] next;

  genvar i;
  generate
    for (i = 0; i < SIMD; i = i + 1) begin : lanes
      hawx_multiplier #(.TYPE(TYPE)) multiplier (
        .select(1'b1),
        .enable(1'b1),
        .activation(activations[8*i +: 8]),
        .weight(weights[8*i +: 8]),
        .product(products[PRODUCT_BITS*i +: PRODUCT_BITS])
      );
    end
  endgenerate
  hawx_adder_tree #(
    .INPUTS(SIMD),
    .BITS(PRODUCT_BITS),
    .SIGNED(PRODUCT_SIGNED),
    .SUM_BITS(TREE_BITS)
  ) adders (
    .terms(held),
    .sum(tree)
  );
  hawx_adder #(.BITS(ACCUMULATOR_BITS)) accumulator (
    .a(sum & {ACCUMULATOR_BITS{~first}}),
    .b({{(ACCUMULATOR_BITS-TREE_BITS){sign}}, tree}),
    .sum(next)
  );

  always @(posedge clk) begin
    weights <= weights_in;
    held <= products;
    sum <= next;
  end
endmodule
