"""SSM: static segment method.

Of each operand of n bits one of two fixed segments of m bits is multiplied: the upper one where
any of the n - m highest bits is set, else the lower one, which is exact:

f(x) = x                                   for x < 2**m
f(x) = floor(x / 2**(n-m)) * 2**(n-m)      otherwise

T[a][w] = f(a) f(w); the table has rank 1. ``ssm5`` has m = 5.
"""

from __future__ import annotations

import functools

import numpy as np

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import WIDTH
from hawx_onnx.components.netlist.array import array_product
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.datapath import any_of, choose
from hawx_onnx.components.netlist.network import ZERO
from hawx_onnx.components.tables import IntArray

SOURCE = (
    "S. Narayanamoorthy, H. A. Moghaddam, Z. Liu, T. Park, N. S. Kim, Energy-efficient "
    "approximate multiplication for digital signal processing and classification applications, "
    "IEEE Trans. VLSI Systems 23(6), 2015"
)
SEGMENT_BITS = (4, 5, 6)


def segment_product(a: IntArray, w: IntArray, m: int, width: int = WIDTH) -> IntArray:
    """Multiplies unsigned operands of so many bits."""
    drop = width - m

    def reduced(x: IntArray) -> IntArray:
        return np.where(x < (1 << m), x, x >> drop << drop)

    return reduced(a) * reduced(w)


def _wiring(build: Builder, a: Bits, w: Bits, *, m: int) -> Bits:
    drop, width = WIDTH - m, 2 * WIDTH
    upper = [any_of(build, x[m:]) for x in (a, w)]
    segments = [choose(build, high, x[:m], x[drop:]) for high, x in zip(upper, (a, w), strict=True)]
    product: Bits = array_product(build, *segments)
    # Each upper segment moves the product by so many places.
    for high in upper:
        product = choose(build, high, product, (*[ZERO] * drop, *product))
    return product[:width]


def definition(m: int) -> Definition:
    """Returns the multiplier with segments of m bits, from 4 to 7."""
    return Definition(
        stem=f"ssm{m}",
        product=functools.partial(segment_product, m=m),
        wiring=functools.partial(_wiring, m=m),
        source=SOURCE,
        description=f"multiplies one of two fixed segments of {m} bits of each operand",
    )


def definitions() -> tuple[Definition, ...]:
    """Returns all segment lengths."""
    return tuple(definition(m) for m in SEGMENT_BITS)
