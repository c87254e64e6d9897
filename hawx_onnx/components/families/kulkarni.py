"""Kulkarni's underdesigned multiplier: recursive, of 2 x 2 blocks with 3 * 3 = 7.

A 2 x 2 block gives a * w except 7 instead of 9 for 3 * 3, so that its product fits 3 bits. Larger
multipliers consist of four of half the width, whose products are added exactly:

T[a][w] = sum over i, j of 4**(i+j) (a_i w_j - 2 [a_i = w_j = 3])

with the radix-4 digits a_i, w_j.
"""

from __future__ import annotations

import functools
from typing import TypeVar

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import WIDTH
from hawx_onnx.components.netlist.arithmetic import add_rows
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.tables import IntArray

SOURCE = (
    "P. Kulkarni, P. Gupta, M. Ercegovac, Trading accuracy for power with an underdesigned "
    "multiplier architecture, VLSI Design 2011"
)


Bit = TypeVar("Bit", int, float)


def kulkarni_product(a: IntArray, w: IntArray, width: int = WIDTH) -> IntArray:
    """Multiplies unsigned operands of an even width."""
    total = a * w
    for i in range(0, width, 2):
        for j in range(0, width, 2):
            both = ((a >> i & 3) == 3) & ((w >> j & 3) == 3)
            total = total - (both.astype(total.dtype) << (i + j + 1))
    return total


def _wiring(build: Builder, a: Bits, w: Bits) -> Bits:
    words = []
    for j in range(0, WIDTH, 2):
        for i in range(0, WIDTH, 2):
            middle = build.or_(build.and_(a[i + 1], w[j]), build.and_(a[i], w[j + 1]))
            block = build.and_(a[i], w[j]), middle, build.and_(a[i + 1], w[j + 1])
            words.append({i + j + place: bit for place, bit in enumerate(block)})
    return add_rows(build, _packed(words), width=2 * WIDTH)


def _packed(words: list[dict[int, Bit]]) -> list[dict[int, Bit]]:
    """Merges words that share no column, so that they enter the array in one row."""
    rows: list[dict[int, Bit]] = []
    for each in words:
        free = next((row for row in rows if not row.keys() & each.keys()), None)
        if free is None:
            rows.append(dict(each))
        else:
            free.update(each)
    return rows


def definitions() -> tuple[Definition, ...]:
    """Returns the 8-bit multiplier of 16 approximate blocks."""
    return (
        Definition(
            stem="kulkarni",
            product=functools.partial(kulkarni_product, width=WIDTH),
            wiring=_wiring,
            source=SOURCE,
            description="recursive multiplier of 2 x 2 blocks with 3 * 3 = 7",
        ),
    )
