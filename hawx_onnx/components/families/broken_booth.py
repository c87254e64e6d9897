"""Broken-Booth multiplier: a radix-4 Booth multiplier without its lowest columns.

The weight is recoded to d_i = -2 w_(2i+1) + w_(2i) + w_(2i-1), i = 0..3, w_(-1) = 0. A row of
negative d_i is the ones' complement of |d_i| a, plus a separate bit of weight 4**i. Bits right of
the vertical break level v are left out, rows and separate bits alike:

T[a][w] = sum_i floor((d_i a - n_i) 4**i / 2**v) 2**v + n_i 4**i [2i >= v]

with n_i = 1 for d_i < 0, else 0. ``bbm_v7`` has v = 7; v = 0 is exact. A product with a = 0 is
below 0 where a row of negative d_i loses its separate bit.
"""

from __future__ import annotations

import functools

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.netlist.arithmetic import add_rows
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.network import ZERO
from hawx_onnx.components.tables import IntArray

SOURCE = (
    "F. Farshchi, M. S. Abrishami, S. M. Fakhraie, New approximate multiplier for low power "
    "digital signal processing, CADS 2013"
)
BREAK_LEVELS = (3, 5, 7, 8)
ROWS = 4
ROW_BITS = 9


def booth_digit(w: IntArray, row: int) -> IntArray:
    """Returns the radix-4 Booth digit, -2 to 2, of a two's complement operand."""
    low = (w >> (2 * row - 1) & 1) if row else w * 0
    digit: IntArray = low + (w >> (2 * row) & 1) - 2 * (w >> (2 * row + 1) & 1)
    return digit


def broken_booth_product(a: IntArray, w: IntArray, level: int) -> IntArray:
    """Multiplies two's complement operands; see the module's text."""
    total = a * w * 0
    for row in range(ROWS):
        digit = booth_digit(w, row)
        negative = (digit < 0).astype(a.dtype)
        total = total + ((digit * a - negative) << (2 * row) >> level << level)
        if 2 * row >= level:
            total = total + (negative << (2 * row))
    return total


def _wiring(build: Builder, a: Bits, w: Bits, *, level: int) -> Bits:
    rows: list[dict[int, int]] = []
    separate, constant = {}, 0
    twice = (ZERO, *a)
    once = (*a, a[-1])
    for row in range(ROWS):
        low, middle, high = w[2 * row - 1] if row else ZERO, w[2 * row], w[2 * row + 1]
        one = build.xor(low, middle)
        two = build.mux(high, build.and_(low, middle), build.nor(low, middle))
        negative = build.and_not(high, build.and_(low, middle))
        bits = [
            build.xor(negative, build.or_(build.and_(one, x), build.and_(two, y)))
            for x, y in zip(once, twice, strict=True)
        ]
        # -s 2**c = (not s) 2**c - 2**c spares the copies of a row's sign bit.
        bits[-1] = build.not_(bits[-1])
        constant -= 1 << (2 * row + ROW_BITS - 1)
        rows.append({2 * row + k: bit for k, bit in enumerate(bits) if 2 * row + k >= level})
        if 2 * row >= level:
            separate[2 * row] = negative
    return add_rows(build, [*rows, separate], constant=constant % (1 << 16), width=16)


def definition(level: int) -> Definition:
    """Returns the multiplier of one break level, from 0 to 8; it is signed by nature."""
    return Definition(
        stem=f"bbm_v{level}",
        product=functools.partial(broken_booth_product, level=level),
        wiring=functools.partial(_wiring, level=level),
        source=SOURCE,
        description=f"radix-4 Booth multiplier without its {level} lowest columns",
        signed=True,
    )


def definitions() -> tuple[Definition, ...]:
    """Returns all break levels."""
    return tuple(definition(level) for level in BREAK_LEVELS)
