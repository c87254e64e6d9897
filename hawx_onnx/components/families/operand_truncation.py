"""Operand truncation: the lowest bits of an operand are not wired.

T[a][w] = (a - a mod 2**p) * (w - w mod 2**q)

with p dropped activation bits and q dropped weight bits; in two's complement this rounds towards
minus infinity. The table has rank 1. ``trunc3`` drops three bits of both operands, ``trunc_a3``
of the activation, ``trunc_w3`` of the weight. In two's complement ``trunc1``, ``trunc2``,
``trunc3``, ``trunc_a1``, ``trunc_a3`` and ``trunc_a6`` are the circuits mul8s_1L2H, 1L2D, 1L1G,
1KR8, 1KTY and 1KR3 of EvoApproxLib.
"""

from __future__ import annotations

import functools

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.netlist.array import array_product
from hawx_onnx.components.tables import IntArray

SOURCE = (
    "V. Mrazek, Z. Vasicek, L. Sekanina, H. Jiang, J. Han, Scalable construction of approximate "
    "multipliers with formally guaranteed worst case error, IEEE Trans. VLSI Systems 26(11), 2018"
)
VARIANTS = {
    "trunc1": (1, 1),
    "trunc2": (2, 2),
    "trunc3": (3, 3),
    "trunc4": (4, 4),
    "trunc_a1": (1, 0),
    "trunc_a2": (2, 0),
    "trunc_a3": (3, 0),
    "trunc_a6": (6, 0),
    "trunc_w1": (0, 1),
    "trunc_w2": (0, 2),
    "trunc_w3": (0, 3),
}
"""Dropped (activation, weight) bits by name."""


def truncated_product(a: IntArray, w: IntArray, dropped_a: int, dropped_w: int) -> IntArray:
    """Multiplies operands whose lowest bits are 0."""
    return (a >> dropped_a << dropped_a) * (w >> dropped_w << dropped_w)


def _keep(i: int, j: int, *, dropped_a: int, dropped_w: int) -> bool:
    return i >= dropped_a and j >= dropped_w


def definition(stem: str, dropped_a: int, dropped_w: int, signed: bool) -> Definition:
    """Returns the circuit that drops so many bits of activation and weight."""
    keep = functools.partial(_keep, dropped_a=dropped_a, dropped_w=dropped_w)
    return Definition(
        stem=stem,
        product=functools.partial(truncated_product, dropped_a=dropped_a, dropped_w=dropped_w),
        wiring=functools.partial(array_product, keep=keep, signed=signed),
        source=SOURCE,
        description=f"drops {dropped_a} low activation bits and {dropped_w} low weight bits",
        signed=signed,
    )


def definitions() -> tuple[Definition, ...]:
    """Returns all variants, unsigned and signed."""
    return tuple(
        definition(stem, drop_a, drop_w, signed)
        for stem, (drop_a, drop_w) in VARIANTS.items()
        for signed in (False, True)
    )
