// Weight-stationary systolic array: element (row, column) holds one weight of the window of one
// filter. Shift ROWS rows of weights in, the last one first; feed row r with a delay of r cycles, the
// sums above column c with one of c + 1. Column c gives a sum ROWS cycles after it entered.
// Windows longer than ROWS take several passes: partial sums come in again at the top.
// SPDX-License-Identifier: Apache-2.0
module hawx_array_weight_stationary #(
  parameter ROWS = 4,
  parameter COLUMNS = 4,
  parameter MODES = 1,
  parameter [32*COLUMNS-1:0] TYPES = 0, // multiplier of each column, 32 bits each, column 0 lowest
  parameter PRODUCT_BITS = 16,
  parameter PRODUCT_SIGNED = 1,
  parameter ACCUMULATOR_BITS = 32
) (
  input clk,
  input load,
  input [MODES*COLUMNS-1:0] select,
  input valid,
  input [8*COLUMNS-1:0] weights,
  input [8*ROWS-1:0] activations,
  input [ACCUMULATOR_BITS*COLUMNS-1:0] partial_sums,
  output [ACCUMULATOR_BITS*COLUMNS-1:0] sums
);
  // What passes between elements: index [row][column], one more at the end of each direction.
  wire [8*(COLUMNS+1)*ROWS-1:0] row_activation;
  wire [COLUMNS*(ROWS+1)-1:0] column_valid;
  wire [8*COLUMNS*(ROWS+1)-1:0] column_weight;
  wire [ACCUMULATOR_BITS*COLUMNS*(ROWS+1)-1:0] column_sum;

  genvar r, c;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : left_edge
      assign row_activation[8*(COLUMNS+1)*r +: 8] = activations[8*r +: 8];
    end
    assign column_valid[COLUMNS-1:0] = {COLUMNS{valid}};
    assign column_weight[8*COLUMNS-1:0] = weights;
    assign column_sum[ACCUMULATOR_BITS*COLUMNS-1:0] = partial_sums;
    for (r = 0; r < ROWS; r = r + 1) begin : rows
      for (c = 0; c < COLUMNS; c = c + 1) begin : columns
        hawx_pe_weight_stationary #(
          .TYPE(TYPES[32*c +: 32]),
          .MODES(MODES),
          .PRODUCT_BITS(PRODUCT_BITS),
          .PRODUCT_SIGNED(PRODUCT_SIGNED),
          .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
        ) element (
          .clk(clk),
          .load(load),
          .select(select[MODES*c +: MODES]),
          .valid_in(column_valid[COLUMNS*r + c]),
          .weight_in(column_weight[8*(COLUMNS*r + c) +: 8]),
          .activation_in(row_activation[8*((COLUMNS+1)*r + c) +: 8]),
          .sum_in(column_sum[ACCUMULATOR_BITS*(COLUMNS*r + c) +: ACCUMULATOR_BITS]),
          .valid(column_valid[COLUMNS*(r+1) + c]),
          .weight(column_weight[8*(COLUMNS*(r+1) + c) +: 8]),
          .activation(row_activation[8*((COLUMNS+1)*r + c + 1) +: 8]),
          .sum(column_sum[ACCUMULATOR_BITS*(COLUMNS*(r+1) + c) +: ACCUMULATOR_BITS])
        );
      end
    end
  endgenerate
  assign sums = column_sum[ACCUMULATOR_BITS*COLUMNS*ROWS +: ACCUMULATOR_BITS*COLUMNS];
endmodule
