// Dataflow engine of one layer: PE elements of SIMD lanes. Each cycle takes SIMD activations, which
// all elements share, and SIMD weights for each element; three cycles after the last ones of an
// output went in, its sums are there for one cycle. Outputs follow each other without a gap, or with one:
// "first" starts the next.
// SPDX-License-Identifier: Apache-2.0
module hawx_engine_dataflow #(
  parameter PE = 4,
  parameter SIMD = 4,
  parameter [32*PE-1:0] TYPES = 0, // multiplier of each element, 32 bits each, element 0 lowest
  parameter TREE_BITS = 18,
  parameter PRODUCT_BITS = 16,
  parameter PRODUCT_SIGNED = 1,
  parameter ACCUMULATOR_BITS = 32
) (
  input clk,
  input first_in,
  input [8*SIMD-1:0] activations_in,
  input [8*SIMD*PE-1:0] weights_in,
  output [ACCUMULATOR_BITS*PE-1:0] sums
);
  reg first_held, first;
  reg [8*SIMD-1:0] activations;
  always @(posedge clk) begin
    first_held <= first_in;
    first <= first_held;
    activations <= activations_in;
  end

  genvar e;
  generate
    for (e = 0; e < PE; e = e + 1) begin : elements
      hawx_pe_dataflow #(
        .TYPE(TYPES[32*e +: 32]),
        .SIMD(SIMD),
        .TREE_BITS(TREE_BITS),
        .PRODUCT_BITS(PRODUCT_BITS),
        .PRODUCT_SIGNED(PRODUCT_SIGNED),
        .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
      ) element (
        .clk(clk),
        .first(first),
        .activations(activations),
        .weights_in(weights_in[8*SIMD*e +: 8*SIMD]),
        .sum(sums[ACCUMULATOR_BITS*e +: ACCUMULATOR_BITS])
      );
    end
  endgenerate
endmodule
