"""Truth tables and Verilog, damaged: imported."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from fuzzing.strategies import Draw, Files, alone, damaged_bytes, repacked
from hawx_onnx.components.importers import import_path
from hawx_onnx.components.library import load_library
from hawx_onnx.errors import ComponentError

# Truth tables.


@functools.cache
def _tables() -> dict[str, bytes]:
    table = np.outer(np.arange(-128, 128), np.arange(-128, 128)).astype(np.int32)
    table = np.roll(table, (128, 128), (0, 1))
    plain, archive, text = io.BytesIO(), io.BytesIO(), io.StringIO()
    np.save(plain, table)
    np.savez_compressed(archive, mine=table, **{"mine.encoding": np.array("signed")})
    np.savetxt(text, table[:8], fmt="%d", delimiter=",")
    return {
        "t.npy": plain.getvalue(),
        "t.npz": archive.getvalue(),
        "t.csv": text.getvalue().encode(),
        "t.bin": table.astype("<i2").tobytes(),
    }


@st.composite
def table_files(draw: Draw) -> Files:
    """A file of truth tables of any of the forms."""
    name = draw(st.sampled_from(sorted(_tables())))
    data = _tables()[name]
    if name == "t.npz" and draw(st.booleans()):
        # Damage inside of the archive: checksums would hide it.
        return {name: repacked(data, lambda inner: draw(damaged_bytes([inner])))}
    return {name: draw(damaged_bytes([data]))}


def read_tables(folder: Path) -> None:
    """Imports it."""
    (path,) = folder.iterdir()
    imported(path)
    if path.suffix in (".npy", ".npz"):
        for multiplier in load_library(path):
            multiplier.table.sum()


def imported(path: Path) -> None:
    """Imports a file; what the import calls a defect of its own is one."""
    for failure in import_path(path, jobs=1).failures:
        if failure.what.startswith("unexpected"):
            raise AssertionError(failure.what)
        raise ComponentError(failure.what, where=failure.where, mend=failure.mend)


# Verilog, elaborated by yosys where the scan lets it pass.

_ADDER = b"""// SPDX-License-Identifier: MIT
module mul8s_mine(input [7:0] A, input [7:0] B, output [15:0] O);
  wire signed [7:0] a, b;
  assign a = A; assign b = B;
  assign O = a * b;
endmodule
"""
_GATES = b"""module mul8u_part(A, B, O);
  input [7:0] A; input [7:0] B; output [15:0] O;
  wire n1, n2; wire [7:0] p;
  genvar i;
  generate for (i = 0; i < 8; i = i + 1) begin : row
    assign p[i] = A[i] & B[7 - i];
  end endgenerate
  half u(.x(p[0]), .y(p[1]), .s(n1), .c(n2));
  assign O = {A[7:1], n1, B[7:1], n2} ^ 16'h00FF;
endmodule
module half(input x, y, output s, c);
  assign s = x ^ y; assign c = x & y;
endmodule
"""
_VERILOG = (
    b'`include "/etc/passwd"\n',
    b'$readmemh("x", m);',
    b"initial $finish;",
    b"(* blackbox *)",
    b"[1000000:0]",
    b"[-1:0]",
    b"while (1) ;",
    b"always @* ",
    b"function f; ",
    b"1'bx",
    b"endmodule",
    b"module m; m m(); endmodule",
    b"parameter N = 1 << 30;",
    b"{1000000{A}}",
    b"#5",
    b"\\esc ",
    b"assign O = O + 1;",
    b"/* ",
    b"`define a `a\n`a",
    b'import "DPI-C" function int f();',
    b"generate for (i = 0; i < 100000000; i = i + 1) begin end endgenerate",
    b"A ** B",
    b"A / B",
)


def verilog_files() -> st.SearchStrategy[Files]:
    """A multiplier in Verilog."""
    return alone("mul8s_mine.v", damaged_bytes([_ADDER, _GATES], _VERILOG))


def read_verilog(folder: Path) -> None:
    """Imports it."""
    imported(folder / "mul8s_mine.v")
