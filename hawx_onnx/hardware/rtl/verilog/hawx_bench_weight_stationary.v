// Feeds a tile to a weight-stationary array: block by block of filters, and for each block pass by
// pass over the window; partial sums wait in a memory in between.
// SPDX-License-Identifier: Apache-2.0
module hawx_bench_weight_stationary #(
  parameter ROWS = 4,
  parameter COLUMNS = 4,
  parameter POSITIONS = 1,
  parameter COLUMN_BLOCKS = 1,
  parameter WINDOW = 1,
  parameter MODES = 1,
  parameter CODES_SIGNED = 1,
  parameter ACTIVATION_ZERO = 0,
  parameter CHECKS = 1,
  parameter ACCUMULATOR_BITS = 32
);
  localparam PASSES = (WINDOW + ROWS - 1) / ROWS;

  reg clk, load, valid;
  reg [MODES*COLUMNS-1:0] select;
  reg [8*ROWS-1:0] activations;
  reg [8*COLUMNS-1:0] weights;
  reg [ACCUMULATOR_BITS*COLUMNS-1:0] partial_sums;
  wire [ACCUMULATOR_BITS*COLUMNS-1:0] sums;
  reg [ACCUMULATOR_BITS-1:0] memory [0:POSITIONS*COLUMNS-1];
  integer block, pass, t, r, c, p, k, cycles;

  hawx_tile #(
    .POSITIONS(POSITIONS),
    .FILTERS(COLUMNS*COLUMN_BLOCKS),
    .WINDOW(WINDOW),
    .MODES(MODES),
    .CODES_SIGNED(CODES_SIGNED),
    .ACTIVATION_ZERO(ACTIVATION_ZERO),
    .CHECKS(CHECKS)
  ) tile ();

  hawx_accelerator dut (
    .clk(clk),
    .load(load),
    .select(select),
    .valid(valid),
    .weights(weights),
    .activations(activations),
    .partial_sums(partial_sums),
    .sums(sums)
  );

  task clock;
    begin
      #5 clk = 1;
      #5 clk = 0;
      cycles = cycles + 1;
    end
  endtask

  // Shifts the weights of one pass in, the last row first; below the window there are none.
  task load_weights;
    begin
      load = 1;
      activations = 0;
      partial_sums = 0;
      for (t = ROWS - 1; t >= 0; t = t - 1) begin
        k = pass*ROWS + t;
        valid = k < WINDOW;
        for (c = 0; c < COLUMNS; c = c + 1)
          weights[8*c +: 8] = valid ? tile.weight[(block*COLUMNS + c)*WINDOW + k] : 8'd0;
        clock;
      end
      load = 0;
      weights = 0;
    end
  endtask

  // What enters the edges in cycle t: row r is r cycles late, column c one more than c.
  task feed;
    begin
      for (r = 0; r < ROWS; r = r + 1) begin
        k = pass*ROWS + r;
        activations[8*r +: 8] = (t >= r && t < r + POSITIONS && k < WINDOW)
          ? tile.activation[(t - r)*WINDOW + k] : 8'd0;
      end
      for (c = 0; c < COLUMNS; c = c + 1)
        partial_sums[ACCUMULATOR_BITS*c +: ACCUMULATOR_BITS] =
          (t > c && t <= c + POSITIONS && pass > 0) ? memory[(t - c - 1)*COLUMNS + c] : 0;
    end
  endtask

  // What leaves the columns after cycle t.
  task collect;
    for (c = 0; c < COLUMNS; c = c + 1) begin
      p = t - c - ROWS;
      if (p >= 0 && p < POSITIONS)
        memory[p*COLUMNS + c] = sums[ACCUMULATOR_BITS*c +: ACCUMULATOR_BITS];
    end
  endtask

  initial begin
    {clk, load, valid, activations, weights, partial_sums, select} = 0;
    #1 cycles = 0;
    for (block = 0; block < COLUMN_BLOCKS; block = block + 1) begin
      for (c = 0; c < COLUMNS; c = c + 1)
        select[MODES*c +: MODES] = tile.mode[block*COLUMNS + c];
      for (pass = 0; pass < PASSES; pass = pass + 1) begin
        load_weights;
        for (t = 0; t < POSITIONS + ROWS + COLUMNS - 1; t = t + 1) begin
          feed;
          clock;
          collect;
        end
      end
      for (p = 0; p < POSITIONS; p = p + 1)
        for (c = 0; c < COLUMNS; c = c + 1)
          tile.check(p, block*COLUMNS + c, memory[p*COLUMNS + c]);
    end
    tile.finish(cycles);
  end
endmodule
