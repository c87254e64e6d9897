"""Sums over a chosen part of the partial products, for the families that leave some out."""

from __future__ import annotations

from collections.abc import Callable

from hawx_onnx.components.tables import IntArray

Keep = Callable[[int, int], bool]
"""Tells whether the partial product of activation bit i and weight bit j is built."""

WIDTH = 8


def bit_weight(bit: int, signed: bool) -> int:
    """Returns 2**bit, negative for the sign bit of a two's complement operand."""
    return -(1 << bit) if signed and bit == WIDTH - 1 else 1 << bit


def kept_product(a: IntArray, w: IntArray, *, keep: Keep, signed: bool, constant: int) -> IntArray:
    """Returns sum over kept (i, j) of s_i s_j 2**(i+j) a_i w_j, plus a constant.

    s_i is -1 for the sign bit of a signed operand, else 1. A signed term is left out as a
    whole, together with its part of the Baugh-Wooley correction constant.
    """
    total = a * w * 0 + constant
    for i in range(WIDTH):
        row = w * 0
        for j in range(WIDTH):
            if keep(i, j):
                row = row + (w >> j & 1) * bit_weight(j, signed)
        total = total + (a >> i & 1) * bit_weight(i, signed) * row
    return total


def expected_loss(keep: Keep, signed: bool) -> float:
    """Returns the mean of the left-out terms over uniform operands: a quarter of each weight."""
    return sum(
        bit_weight(i, signed) * bit_weight(j, signed) / 4
        for i in range(WIDTH)
        for j in range(WIDTH)
        if not keep(i, j)
    )
