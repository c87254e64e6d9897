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

from hawx_onnx.components import gates
from hawx_onnx.components.adder_array import array_multiplier
from hawx_onnx.components.cells import Circuit
from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import WIDTH, everything
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


def _circuit(m: int) -> Circuit:
    segment = gates.or_tree(WIDTH - m).then(gates.mux_word(m))
    # The product moves by 0, n - m or 2 (n - m) positions.
    place = gates.mux_word(m + WIDTH).then(gates.mux_word(2 * WIDTH))
    return segment.beside(segment).then(array_multiplier(everything, bits=m), place)


def definitions() -> tuple[Definition, ...]:
    """Returns all segment lengths."""
    return tuple(
        Definition(
            stem=f"ssm{m}",
            product=functools.partial(segment_product, m=m),
            circuit=functools.partial(_circuit, m),
            source=SOURCE,
            description=f"multiplies one of two fixed segments of {m} bits of each operand",
        )
        for m in SEGMENT_BITS
    )
