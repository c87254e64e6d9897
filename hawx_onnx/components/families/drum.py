"""DRUM: dynamic range unbiased multiplier.

Each operand is reduced to the k bits from its leading one on, of which the lowest is set to 1 so
that the error has mean near 0. With t the position of the leading one of x,

f(x) = x                                             for t < k
f(x) = (floor(x / 2**(t-k+1)) OR 1) * 2**(t-k+1)     otherwise

T[a][w] = f(a) f(w); the table has rank 1. ``drum6`` has k = 6.
"""

from __future__ import annotations

import functools

import numpy as np

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import WIDTH
from hawx_onnx.components.families.powers import leading_one
from hawx_onnx.components.netlist.arithmetic import add
from hawx_onnx.components.netlist.array import array_product
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.datapath import any_of, encode, select, shift_left
from hawx_onnx.components.netlist.datapath import leading_one as leading
from hawx_onnx.components.tables import IntArray

SOURCE = (
    "S. Hashemi, R. I. Bahar, S. Reda, DRUM: a dynamic range unbiased multiplier for approximate "
    "applications, ICCAD 2015"
)
SEGMENT_BITS = (3, 4, 5, 6)


def reduced_operand(x: IntArray, k: int) -> IntArray:
    """Returns f(x) of the module's text, for unsigned x of any width."""
    dropped = np.maximum(leading_one(x) - k + 1, 0)
    return np.where(dropped > 0, (x >> dropped | 1) << dropped, x)


def drum_product(a: IntArray, w: IntArray, k: int) -> IntArray:
    """Multiplies unsigned operands of any width."""
    return reduced_operand(a, k) * reduced_operand(w, k)


def _segment(build: Builder, x: Bits, k: int) -> tuple[Bits, Bits]:
    """Returns the k bits from the leading one on, and how far they are to be shifted."""
    # The leading one matters only from bit k on; below, the lowest bits are taken as they are.
    high = leading(build, x[k:])
    reduced = any_of(build, x[k:])
    positions = (build.not_(reduced), *high)
    body = select(build, positions, [x[p + 1 : p + k] for p in range(len(positions))])
    return (build.or_(reduced, x[0]), *body), encode(build, positions)


def _wiring(build: Builder, a: Bits, w: Bits, *, k: int) -> Bits:
    (short_a, amount_a), (short_w, amount_w) = _segment(build, a, k), _segment(build, w, k)
    steps = (2 * (WIDTH - k)).bit_length()
    amount = add(build, amount_a, amount_w, width=steps)
    return shift_left(build, array_product(build, short_a, short_w), amount, width=2 * WIDTH)


def definition(k: int) -> Definition:
    """Returns the multiplier with segments of k bits, from 3 to 7.

    With fewer, the square of -128 would not fit 16 bits in two's complement.
    """
    return Definition(
        stem=f"drum{k}",
        product=functools.partial(drum_product, k=k),
        wiring=functools.partial(_wiring, k=k),
        source=SOURCE,
        description=f"multiplies the {k} bits from each operand's leading one on, unbiased",
    )


def definitions() -> tuple[Definition, ...]:
    """Returns all segment lengths."""
    return tuple(definition(k) for k in SEGMENT_BITS)
