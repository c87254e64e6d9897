"""Self-checking testbenches: a multiplier's module against its table, all 65,536 pairs."""

from __future__ import annotations

from dataclasses import dataclass

from hawx_onnx.components.netlist.verilog import check_identifier
from hawx_onnx.components.tables import CODES, Table

SHOWN = 10
"""How many wrong products a testbench prints."""


@dataclass(frozen=True)
class Interface:
    """What a testbench has to know of a multiplier's module.

    Attributes:
        top: The module's name.
        activation: The port of the activation, 8 bits.
        weight: The port of the weight, 8 bits.
        product: The output port.
        width: Bits of the output port.
    """

    top: str
    activation: str = "A"
    weight: str = "B"
    product: str = "O"
    width: int = 16


def bench_text(interface: Interface, name: str) -> str:
    """Returns a testbench, in Verilog with the ``$fatal`` of IEEE 1800.

    It prints PASS and ends, or prints FAIL with the first wrong products and ends by ``$fatal``,
    which makes simulators exit with a status other than 0. A missing or short file of expected
    products fails too.

    Args:
        interface: The module under test.
        name: What the files are named after: the design's NAME.v, the testbench's own NAME_tb.v,
            and NAME.hex, which :func:`expected_text` gives. The latter is found in the simulator's
            working folder unless ``+expected=FILE`` says otherwise.

    Raises:
        ComponentError: A name is no Verilog identifier.
    """
    for one in (interface.top, interface.activation, interface.weight, interface.product):
        check_identifier(one)
    pairs, top = CODES * CODES, interface.top
    return f"""\
// All {pairs} products of {top} against {name}.hex:
//   iverilog -g2012 -o {name}.vvp {name}.v {name}_tb.v && vvp -n {name}.vvp
// Prints PASS, or FAIL and exits with a status other than 0.
module {top}_tb;
  reg [7:0] activation, weight;
  wire [{interface.width - 1}:0] product;
  reg [{interface.width - 1}:0] expected [0:{pairs - 1}];
  reg [8*1024-1:0] file;
  integer pair, wrong;

  {top} dut (
    .{interface.activation}(activation),
    .{interface.weight}(weight),
    .{interface.product}(product)
  );

  initial begin
    if (!$value$plusargs("expected=%s", file)) file = "{name}.hex";
    $readmemh(file, expected);
    wrong = 0;
    for (pair = 0; pair < {pairs}; pair = pair + 1) begin
      {{activation, weight}} = pair[15:0];
      #1;
      if (product !== expected[pair]) begin
        wrong = wrong + 1;
        if (wrong <= {SHOWN})
          $display("%h * %h gives %h, not %h", activation, weight, product, expected[pair]);
      end
    end
    if (wrong != 0) begin
      $display("FAIL: {name}, %0d of {pairs} products are wrong", wrong);
      $fatal(1);
    end
    $display("PASS: {name}, {pairs} products");
    $finish;
  end
endmodule
"""


def expected_text(table: Table, width: int) -> str:
    """Returns the products as a file for ``$readmemh``: one line for each activation code.

    Args:
        table: int32 [256, 256] by bit patterns, [activation][weight].
        width: Bits of a product; negative ones are in two's complement.
    """
    mask, digits = (1 << width) - 1, -(-width // 4)
    rows = (" ".join(f"{int(entry) & mask:0{digits}x}" for entry in row) for row in table)
    return "\n".join(rows) + "\n"
