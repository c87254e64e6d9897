// Testbench part: the operands of a layer's tile, and the accumulators that must come out.
// Files lie in the simulator's working folder. A slot of a row or a column is an output position
// or a filter of the layer, or ffffffff where the tile ends.
//
// The array sums products of codes. Zero points are corrected here, outside of it, as hardware
// does after the array:
//   accumulator = sum - zx * (sum of weights) - zw * (sum of activations) + WINDOW * zx * zw
// SPDX-License-Identifier: Apache-2.0
module hawx_tile #(
  parameter POSITIONS = 4,      // slots of output positions
  parameter FILTERS = 4,        // slots of filters
  parameter WINDOW = 1,         // products per output
  parameter MODES = 1,
  parameter CODES_SIGNED = 1,
  parameter ACTIVATION_ZERO = 0,
  parameter CHECKS = 1          // accumulators that have to be checked
);
  localparam [31:0] NONE = 32'hffffffff;
  localparam SHOWN = 10;

  reg [7:0] activation [0:POSITIONS*WINDOW-1];
  reg [7:0] weight [0:FILTERS*WINDOW-1];
  reg [31:0] weight_zero [0:FILTERS-1];
  reg [MODES-1:0] mode [0:FILTERS-1];
  reg [31:0] position [0:POSITIONS-1];
  reg [31:0] filter [0:FILTERS-1];
  reg [31:0] expected [0:POSITIONS*FILTERS-1];
  reg [31:0] activation_sum [0:POSITIONS-1];
  reg [31:0] weight_sum [0:FILTERS-1];
  reg [31:0] accumulator;
  integer slot, k, checked, wrong;

  function [31:0] value(input [7:0] code);
    value = {{24{CODES_SIGNED ? code[7] : 1'b0}}, code};
  endfunction

  initial begin
    $readmemh("activations.hex", activation);
    $readmemh("weights.hex", weight);
    $readmemh("weight_zeros.hex", weight_zero);
    $readmemh("modes.hex", mode);
    $readmemh("positions.hex", position);
    $readmemh("filters.hex", filter);
    $readmemh("expected.hex", expected);
    checked = 0;
    wrong = 0;
    for (slot = 0; slot < POSITIONS; slot = slot + 1) begin
      activation_sum[slot] = 0;
      for (k = 0; k < WINDOW; k = k + 1)
        activation_sum[slot] = activation_sum[slot] + value(activation[slot*WINDOW + k]);
    end
    for (slot = 0; slot < FILTERS; slot = slot + 1) begin
      weight_sum[slot] = 0;
      for (k = 0; k < WINDOW; k = k + 1)
        weight_sum[slot] = weight_sum[slot] + value(weight[slot*WINDOW + k]);
    end
  end

  task check(input integer row, input integer column, input [31:0] sum);
    if (position[row] !== NONE && filter[column] !== NONE) begin
      accumulator = sum - ACTIVATION_ZERO * weight_sum[column]
        - weight_zero[column] * activation_sum[row]
        + WINDOW * ACTIVATION_ZERO * weight_zero[column];
      checked = checked + 1;
      if (accumulator !== expected[row*FILTERS + column]) begin
        wrong = wrong + 1;
        if (wrong <= SHOWN)
          $display("position %0d, filter %0d: %0d, not %0d", position[row], filter[column],
            $signed(accumulator), $signed(expected[row*FILTERS + column]));
      end
    end
  endtask

  task finish(input integer cycles);
    begin
      if (wrong != 0 || checked != CHECKS) begin
        $display("FAIL: %0d of %0d accumulators are wrong, %0d were checked", wrong, CHECKS, checked);
        $fatal(1);
      end
      $display("PASS: %0d accumulators, %0d cycles", checked, cycles);
      $finish;
    end
  endtask
endmodule
