// Processing element of an output-stationary array. Activations pass from left to right, weights
// from top to bottom, one element a cycle; the accumulator stays until it is shifted down and out.
// There is no reset: shifting results out shifts zeros in.
// SPDX-License-Identifier: Apache-2.0
module hawx_pe_output_stationary #(
  parameter TYPE = 0,          // which multiplier, where elements have one each
  parameter MODES = 1,         // multipliers in each element
  parameter PRODUCT_BITS = 16,
  parameter PRODUCT_SIGNED = 1,
  parameter ACCUMULATOR_BITS = 32
) (
  input clk,
  input drain,                         // shift accumulators down, in place of adding
  input [MODES-1:0] select,            // the column's multiplier, one of them 1
  input valid_in,                      // the operands that arrive are some: add their product
  input [7:0] activation_in,
  input [7:0] weight_in,
  input [ACCUMULATOR_BITS-1:0] sum_in, // the accumulator above
  output reg valid,
  output reg [7:0] activation,
  output reg [7:0] weight,
  output reg [ACCUMULATOR_BITS-1:0] sum
);
  wire [PRODUCT_BITS-1:0] product;
  reg [PRODUCT_BITS-1:0] held;         // what the multiplier ripples through stays out of the adder
  wire sign = PRODUCT_SIGNED ? held[PRODUCT_BITS-1] : 1'b0;
  wire [ACCUMULATOR_BITS-1:0] next;

  // Operands are registered on their way to the neighbours; the product is of what arrives.
  hawx_multiplier #(.TYPE(TYPE)) multiplier (
    .select(select),
    .enable(valid_in),
    .activation(activation_in),
    .weight(weight_in),
    .product(product)
  );
  hawx_adder #(.BITS(ACCUMULATOR_BITS)) adder (
    .a(sum),
    .b({{(ACCUMULATOR_BITS-PRODUCT_BITS){sign}}, held}),
    .sum(next)
  );

  always @(posedge clk) begin
    valid <= valid_in;
    activation <= activation_in;
    weight <= weight_in;
    held <= product;
    sum <= drain ? sum_in : next;
  end
endmodule
