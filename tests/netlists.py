"""Netlists of multipliers in the styles that libraries use, with their tables by plain arithmetic.

The circuit is an array of partial products a[i] b[j], those with i < row or i + j < column left
out, so that it is not symmetric in its operands. Signed, it is summed as Baugh and Wooley do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

STYLES = ("assign", "declared", "instances", "primitives")
HEADER = """\
/***
* This code is part of a made-up library distributed under The MIT License.
* When used, please cite the following article(s): A. Author, "On Arrays", A Journal, 2020
* This file contains a circuit from a sub-set of pareto optimal circuits
***/
// MAE% = 0.34 %
// MAE = 224
// WCE% = 1.37 %
// MSE = 72829.102e2
// PDK45_PWR = 0.237 mW
// PDK45_AREA = 482.4 um2
// PDK45_DELAY = 1.19 ns
"""
HELPERS = """
module HAX ( A, B, YC, YS );
  input A; input B; output YC; output YS;
  assign YS = A ^ B;
  assign YC = A & B;
endmodule
module FAX ( input A, input B, input C, output YC, output YS );
  assign {YC, YS} = A + B + C;
endmodule
"""


def table(row: int, column: int, *, signed: bool) -> np.ndarray:
    """Products of all pairs, int64 [256, 256], [a][b]."""
    codes = np.arange(256)
    total = np.zeros((256, 256), np.int64)
    for i in range(row, 8):
        for j in range(8):
            if i + j < column:
                continue
            sign = -1 if signed and (i == 7) != (j == 7) else 1
            total += sign * np.multiply.outer((codes >> i) & 1, (codes >> j) & 1) << (i + j)
    total &= 0xFFFF
    return total - ((total >> 15) << 16) if signed else total


@dataclass
class _Array:
    """A circuit in the making: statements of one style."""

    style: str
    lines: list[str] = field(default_factory=list)
    wires: list[str] = field(default_factory=list)

    def wire(self) -> str:
        self.wires.append(f"sig_{len(self.wires) + 16}")
        return self.wires[-1]

    def gate(self, kind: str, *terms: str) -> str:
        if self.style == "instances" and kind in ("and", "nand"):
            return f"{'~' if kind == 'nand' else ''}({' & '.join(terms)})"
        out = self.wire()
        if self.style == "primitives":
            self.lines.append(f"  {kind} g{len(self.lines)} ({out}, {', '.join(terms)});")
            return out
        sign = {"and": " & ", "or": " | ", "xor": " ^ "}.get(kind, " & ")
        text = sign.join(terms)
        self.lines.append(f"  assign {out} = {f'!({text})' if kind == 'nand' else text};")
        return out

    def add(self, terms: list[str]) -> tuple[str, str]:
        """Sum and carry of two or three bits."""
        if self.style == "instances":
            total, carry = self.wire(), self.wire()
            kind = "HAX" if len(terms) == 2 else "FAX"
            pins = [f".{pin}({term})" for pin, term in zip("ABC", terms, strict=False)]
            pins += [f".YS({total})", f".YC({carry})"]
            self.lines.append(f"  {kind} U{len(self.lines)} ({', '.join(pins)});")
            return total, carry
        half, both = self.gate("xor", *terms[:2]), self.gate("and", *terms[:2])
        if len(terms) == 2:
            return half, both
        more = self.gate("and", half, terms[2])
        return self.gate("xor", half, terms[2]), self.gate("or", both, more)


def verilog(
    name: str,
    row: int = 0,
    column: int = 0,
    *,
    signed: bool = False,
    style: str = "assign",
    order: tuple[str, str] = ("A", "B"),
    header: str = HEADER,
) -> str:
    """The netlist of an array.

    Args:
        name: The module's name.
        row: Partial products of lower bits of A are left out.
        column: Partial products of lower columns are left out.
        signed: Two's complement.
        style: One of STYLES.
        order: The operands as the head lists them.
        header: Comment in front.
    """
    array = _Array(style)
    columns: list[list[str]] = [[] for _ in range(17)]
    constant = 0
    for i in range(row, 8):
        for j in range(8):
            if i + j >= column:
                negative = signed and (i == 7) != (j == 7)
                constant -= (1 << (i + j)) * negative
                kind = "nand" if negative else "and"
                columns[i + j].append(array.gate(kind, f"A[{i}]", f"B[{j}]"))
    for bit in range(16):
        if (constant >> bit) & 1:
            columns[bit].append("1'b1")
    for weight in range(16):
        terms = columns[weight]
        while len(terms) > 1:
            total, carry = array.add(terms[:3])
            terms[: min(3, len(terms))] = []
            terms.append(total)
            columns[weight + 1].append(carry)
        bit = terms[0] if terms else "1'b0"
        array.lines.append(f"  assign O[{weight}] = {bit};")
    return header + _module(name, array, order)


def _module(name: str, array: _Array, order: tuple[str, str]) -> str:
    first, second = order
    if array.style == "declared":
        ports = f"{first},\n    {second},\n    O"
        widths = "input [7:0] A;\ninput [7:0] B;\noutput [15:0] O;\n"
        head = f"module {name} (\n    {ports}\n);\n\n{widths}"
    elif array.style == "primitives":
        head = f"module {name}(input [7:0] {first}, input [7:0] {second}, output [15:0] O);\n"
    else:
        head = f"module {name}({first}, {second}, O);\n  input [7:0] A, B;\n  output [15:0] O;\n"
    wires = f"  wire {', '.join(array.wires)};\n" if array.wires else ""
    body = "\n".join(array.lines)
    tail = HELPERS if array.style == "instances" else ""
    return f"{head}{wires}{body}\nendmodule\n{tail}"
