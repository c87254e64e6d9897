// Feeds a tile to an output-stationary array, block by block, and checks what is shifted out.
// SPDX-License-Identifier: Apache-2.0
module hawx_bench_output_stationary #(
  parameter ROWS = 4,
  parameter COLUMNS = 4,
  parameter ROW_BLOCKS = 1,
  parameter COLUMN_BLOCKS = 1,
  parameter WINDOW = 1,
  parameter MODES = 1,
  parameter CODES_SIGNED = 1,
  parameter ACTIVATION_ZERO = 0,
  parameter CHECKS = 1,
  parameter ACCUMULATOR_BITS = 32
);
  reg clk, drain;
  reg [MODES*COLUMNS-1:0] select;
  reg [ROWS-1:0] valid;
  reg [8*ROWS-1:0] activations;
  reg [8*COLUMNS-1:0] weights;
  wire [ACCUMULATOR_BITS*COLUMNS-1:0] sums;
  integer row_block, column_block, t, r, c, cycles;

  hawx_tile #(
    .POSITIONS(ROWS*ROW_BLOCKS),
    .FILTERS(COLUMNS*COLUMN_BLOCKS),
    .WINDOW(WINDOW),
    .MODES(MODES),
    .CODES_SIGNED(CODES_SIGNED),
    .ACTIVATION_ZERO(ACTIVATION_ZERO),
    .CHECKS(CHECKS)
  ) tile ();

  hawx_accelerator dut (
    .clk(clk),
    .drain(drain),
    .select(select),
    .valid(valid),
    .activations(activations),
    .weights(weights),
    .sums(sums)
  );

  task clock;
    begin
      #5 clk = 1;
      #5 clk = 0;
      cycles = cycles + 1;
    end
  endtask

  // What enters the edges in cycle t: row r and column c are r and c cycles late.
  task feed;
    begin
      for (r = 0; r < ROWS; r = r + 1) begin
        valid[r] = t >= r && t < r + WINDOW && tile.position[row_block*ROWS + r] !== tile.NONE;
        activations[8*r +: 8] =
          valid[r] ? tile.activation[(row_block*ROWS + r)*WINDOW + t - r] : 8'd0;
      end
      for (c = 0; c < COLUMNS; c = c + 1)
        weights[8*c +: 8] = (t >= c && t < c + WINDOW)
          ? tile.weight[(column_block*COLUMNS + c)*WINDOW + t - c] : 8'd0;
    end
  endtask

  initial begin
    {clk, drain, valid, activations, weights, select} = 0;
    cycles = 0;
    // No reset: zeros push out what the registers held.
    drain = 1;
    for (t = 0; t < ROWS + COLUMNS; t = t + 1) clock;
    cycles = 0;
    for (row_block = 0; row_block < ROW_BLOCKS; row_block = row_block + 1)
      for (column_block = 0; column_block < COLUMN_BLOCKS; column_block = column_block + 1) begin
        for (c = 0; c < COLUMNS; c = c + 1)
          select[MODES*c +: MODES] = tile.mode[column_block*COLUMNS + c];
        drain = 0;
        for (t = 0; t < WINDOW + ROWS + COLUMNS - 1; t = t + 1) begin
          feed;
          clock;
        end
        drain = 1;
        {valid, activations, weights} = 0;
        for (t = ROWS - 1; t >= 0; t = t - 1) begin
          for (c = 0; c < COLUMNS; c = c + 1)
            tile.check(row_block*ROWS + t, column_block*COLUMNS + c,
              sums[ACCUMULATOR_BITS*c +: 32]);
          clock;
        end
      end
    tile.finish(cycles);
  end
endmodule
