// Processing element of a weight-stationary array. Weights are shifted in from the top and stay;
// activations pass from left to right, partial sums from top to bottom, one element a cycle.
// SPDX-License-Identifier: Apache-2.0
module hawx_pe_weight_stationary #(
  parameter TYPE = 0,          // which multiplier, where elements have one each
  parameter MODES = 1,         // multipliers in each element
  parameter PRODUCT_BITS = 16,
  parameter PRODUCT_SIGNED = 1,
  parameter ACCUMULATOR_BITS = 32
) (
  input clk,
  input load,                          // shift weights down by one row
  input [MODES-1:0] select,            // the column's multiplier, one of them 1
  input valid_in,                      // whether the weight that is shifted in is one
  input [7:0] weight_in,
  input [7:0] activation_in,
  input [ACCUMULATOR_BITS-1:0] sum_in, // one cycle behind the activation
  output reg valid,
  output reg [7:0] weight,
  output reg [7:0] activation,
  output reg [ACCUMULATOR_BITS-1:0] sum
);
  wire [PRODUCT_BITS-1:0] product;
  reg [PRODUCT_BITS-1:0] held;         // what the multiplier ripples through stays out of the adder
  wire sign = PRODUCT_SIGNED ? held[PRODUCT_BITS-1] : 1'b0;
  wire [ACCUMULATOR_BITS-1:0] next;

  // Rows below the end of the window hold no weight; their product is not added.
  hawx_multiplier #(.TYPE(TYPE)) multiplier (
    .select(select),
    .enable(valid),
    .activation(activation_in),
    .weight(weight),
    .product(product)
  );
  hawx_adder #(.BITS(ACCUMULATOR_BITS)) adder (
    .a(sum_in),
    .b({{(ACCUMULATOR_BITS-PRODUCT_BITS){sign}}, held}),
    .sum(next)
  );

  always @(posedge clk) begin
    if (load) begin
      valid <= valid_in;
      weight <= weight_in;
    end
    activation <= activation_in;
    held <= product;
    sum <= next;
  end
endmodule
