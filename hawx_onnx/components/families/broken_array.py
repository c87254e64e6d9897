"""Broken-array multiplier (BAM): carry-save cells right of and above two break lines are omitted.

T[a][w] = sum over i >= h and i + j >= v of s_i s_j 2**(i+j) a_i w_j

h is the horizontal break level (rows of the array, here the activation's bits) and v the vertical
one (columns); s_i is -1 for the sign bit of a two's complement operand, else 1. ``bam_h1_v3`` has
h = 1 and v = 3. The table has rank at most 8. In two's complement ``bam_h1_v3``, ``bam_h1_v4`` and
``bam_h2_v5`` are mul8s_1KR6, 1KRC and 1KVL of EvoApproxLib.
"""

from __future__ import annotations

import functools

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import kept_product
from hawx_onnx.components.netlist.array import array_product

SOURCE = (
    "H. R. Mahdiani, A. Ahmadi, S. M. Fakhraie, C. Lucas, Bio-inspired imprecise computational "
    "blocks for efficient VLSI implementation of soft-computing applications, IEEE Trans. "
    "Circuits and Systems I 57(4), 2010"
)
LEVELS = ((1, 3), (1, 4), (1, 6), (2, 4), (2, 5), (2, 6), (3, 7), (3, 8), (4, 9))


def _keep(i: int, j: int, *, horizontal: int, vertical: int) -> bool:
    return i >= horizontal and i + j >= vertical


def definition(horizontal: int, vertical: int, signed: bool) -> Definition:
    """Returns the array broken at so many rows and columns."""
    keep = functools.partial(_keep, horizontal=horizontal, vertical=vertical)
    return Definition(
        stem=f"bam_h{horizontal}_v{vertical}",
        product=functools.partial(kept_product, keep=keep, signed=signed, constant=0),
        wiring=functools.partial(array_product, keep=keep, signed=signed),
        source=SOURCE,
        description=f"omits {horizontal} rows and {vertical} columns of the array",
        signed=signed,
    )


def definitions() -> tuple[Definition, ...]:
    """Returns all break levels, unsigned and signed."""
    return tuple(
        definition(horizontal, vertical, signed)
        for horizontal, vertical in LEVELS
        for signed in (False, True)
    )
