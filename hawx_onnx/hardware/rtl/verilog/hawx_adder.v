// Ripple-carry adder modulo 2**BITS: the smallest there is, and what the cost model counts.
// Where the clock asks for a faster one, put "assign sum = a + b" here and let synthesis choose.
// SPDX-License-Identifier: Apache-2.0
module hawx_adder #(
  parameter BITS = 32
) (
  input [BITS-1:0] a,
  input [BITS-1:0] b,
  output [BITS-1:0] sum
);
  wire [BITS:0] carry;
  assign carry[0] = 1'b0;
  genvar i;
  generate
    for (i = 0; i < BITS; i = i + 1) begin : bits
      wire half = a[i] ^ b[i];
      assign sum[i] = half ^ carry[i];
      assign carry[i+1] = (a[i] & b[i]) | (half & carry[i]);
    end
  endgenerate
endmodule
