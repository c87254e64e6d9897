// Output-stationary systolic array: element (row, column) accumulates one output position of one
// filter. Feed row r and column c with a delay of r and c cycles; one cycle after the last operands
// met, shift the accumulators out at the bottom, the last row first.
// SPDX-License-Identifier: Apache-2.0
module hawx_array_output_stationary #(
  parameter ROWS = 4,
  parameter COLUMNS = 4,
  parameter MODES = 1,
  parameter [32*COLUMNS-1:0] TYPES = 0, // multiplier of each column, 32 bits each, column 0 lowest
  parameter PRODUCT_BITS = 16,
  parameter PRODUCT_SIGNED = 1,
  parameter ACCUMULATOR_BITS = 32
) (
  input clk,
  input drain,
  input [MODES*COLUMNS-1:0] select,
  input [ROWS-1:0] valid,
  input [8*ROWS-1:0] activations,
  input [8*COLUMNS-1:0] weights,
  output [ACCUMULATOR_BITS*COLUMNS-1:0] sums
);
  // What passes between elements: index [row][column], one more at the end of each direction.
  wire [(COLUMNS+1)*ROWS-1:0] row_valid;
  wire [8*(COLUMNS+1)*ROWS-1:0] row_activation;
  wire [8*COLUMNS*(ROWS+1)-1:0] column_weight;
  wire [ACCUMULATOR_BITS*COLUMNS*(ROWS+1)-1:0] column_sum;

  genvar r, c;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : left_edge
      assign row_valid[(COLUMNS+1)*r] = valid[r];
      assign row_activation[8*(COLUMNS+1)*r +: 8] = activations[8*r +: 8];
    end
    for (c = 0; c < COLUMNS; c = c + 1) begin : top_edge
      assign column_weight[8*c +: 8] = weights[8*c +: 8];
      assign column_sum[ACCUMULATOR_BITS*c +: ACCUMULATOR_BITS] = {ACCUMULATOR_BITS{1'b0}};
    end
    for (r = 0; r < ROWS; r = r + 1) begin : rows
      for (c = 0; c < COLUMNS; c = c + 1) begin : columns
        hawx_pe_output_stationary #(
          .TYPE(TYPES[32*c +: 32]),
          .MODES(MODES),
          .PRODUCT_BITS(PRODUCT_BITS),
          .PRODUCT_SIGNED(PRODUCT_SIGNED),
          .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
        ) element (
          .clk(clk),
          .drain(drain),
          .select(select[MODES*c +: MODES]),
          .valid_in(row_valid[(COLUMNS+1)*r + c]),
          .activation_in(row_activation[8*((COLUMNS+1)*r + c) +: 8]),
          .weight_in(column_weight[8*(COLUMNS*r + c) +: 8]),
          .sum_in(column_sum[ACCUMULATOR_BITS*(COLUMNS*r + c) +: ACCUMULATOR_BITS]),
          .valid(row_valid[(COLUMNS+1)*r + c + 1]),
          .activation(row_activation[8*((COLUMNS+1)*r + c + 1) +: 8]),
          .weight(column_weight[8*(COLUMNS*(r+1) + c) +: 8]),
          .sum(column_sum[ACCUMULATOR_BITS*(COLUMNS*(r+1) + c) +: ACCUMULATOR_BITS])
        );
      end
    end
  endgenerate
  assign sums = column_sum[ACCUMULATOR_BITS*COLUMNS*ROWS +: ACCUMULATOR_BITS*COLUMNS];
endmodule
