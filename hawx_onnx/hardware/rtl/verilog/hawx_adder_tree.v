// Sum of INPUTS words of BITS bits: level by level in pairs, each level one bit wider.
// SPDX-License-Identifier: Apache-2.0
module hawx_adder_tree #(
  parameter INPUTS = 2,
  parameter BITS = 16,
  parameter SIGNED = 1,
  parameter SUM_BITS = BITS + 1 // BITS and one for each level
) (
  input [INPUTS*BITS-1:0] terms,
  output [SUM_BITS-1:0] sum
);
  localparam PAIRS = INPUTS / 2;
  localparam LEFT = INPUTS - PAIRS; // words of the next level
  genvar i;
  generate
    if (INPUTS == 1) begin : whole
      assign sum = terms;
    end else begin : level
      wire [LEFT*(BITS+1)-1:0] pairs;
      for (i = 0; i < LEFT; i = i + 1) begin : words
        wire [BITS-1:0] a = terms[2*BITS*i +: BITS];
        if (i < PAIRS) begin : pair
          wire [BITS-1:0] b = terms[2*BITS*i + BITS +: BITS];
          hawx_adder #(.BITS(BITS + 1)) adder (
            .a({SIGNED ? a[BITS-1] : 1'b0, a}),
            .b({SIGNED ? b[BITS-1] : 1'b0, b}),
            .sum(pairs[(BITS+1)*i +: BITS+1])
          );
        end else begin : single
          assign pairs[(BITS+1)*i +: BITS+1] = {SIGNED ? a[BITS-1] : 1'b0, a};
        end
      end
      hawx_adder_tree #(
        .INPUTS(LEFT),
        .BITS(BITS + 1),
        .SIGNED(SIGNED),
        .SUM_BITS(SUM_BITS)
      ) rest (
        .terms(pairs),
        .sum(sum)
      );
    end
  endgenerate
endmodule
