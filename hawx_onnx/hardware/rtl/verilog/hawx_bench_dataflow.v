// Streams a tile through a dataflow engine: for each output position, block by block of filters.
// SPDX-License-Identifier: Apache-2.0
module hawx_bench_dataflow #(
  parameter PE = 4,
  parameter SIMD = 4,
  parameter POSITIONS = 1,
  parameter FILTER_BLOCKS = 1,
  parameter WINDOW = 4,
  parameter CODES_SIGNED = 1,
  parameter ACTIVATION_ZERO = 0,
  parameter CHECKS = 1,
  parameter ACCUMULATOR_BITS = 32
);
  localparam STEPS = WINDOW / SIMD;

  reg clk, first;
  reg [1:0] last; // the operands one and two cycles ago were the last of an output
  reg [8*SIMD-1:0] activations;
  reg [8*SIMD*PE-1:0] weights;
  wire [ACCUMULATOR_BITS*PE-1:0] sums;
  integer p, block, step, e, i, cycles;
  integer done_position [0:1], done_block [0:1];

  hawx_tile #(
    .POSITIONS(POSITIONS),
    .FILTERS(PE*FILTER_BLOCKS),
    .WINDOW(WINDOW),
    .CODES_SIGNED(CODES_SIGNED),
    .ACTIVATION_ZERO(ACTIVATION_ZERO),
    .CHECKS(CHECKS)
  ) tile ();

  hawx_accelerator dut (
    .clk(clk),
    .first_in(first),
    .activations_in(activations),
    .weights_in(weights),
    .sums(sums)
  );

  // After this cycle the output whose last operands went in two cycles before is there.
  task clock;
    begin
      #5 clk = 1;
      #5 clk = 0;
      cycles = cycles + 1;
      if (last[1])
        for (e = 0; e < PE; e = e + 1)
          tile.check(done_position[1], done_block[1]*PE + e, sums[ACCUMULATOR_BITS*e +: 32]);
      last = {last[0], step == STEPS - 1};
      done_position[1] = done_position[0];
      done_block[1] = done_block[0];
      done_position[0] = p;
      done_block[0] = block;
    end
  endtask

  initial begin
    {clk, first, last, activations, weights} = 0;
    #1 cycles = 0;
    for (p = 0; p < POSITIONS; p = p + 1)
      for (block = 0; block < FILTER_BLOCKS; block = block + 1)
        for (step = 0; step < STEPS; step = step + 1) begin
          first = step == 0;
          for (i = 0; i < SIMD; i = i + 1) begin
            activations[8*i +: 8] = tile.activation[p*WINDOW + step*SIMD + i];
            for (e = 0; e < PE; e = e + 1)
              weights[8*(SIMD*e + i) +: 8] =
                tile.weight[(block*PE + e)*WINDOW + step*SIMD + i];
          end
          clock;
        end
    clock;
    clock;
    tile.finish(cycles);
  end
endmodule
