"""Exact multipliers: T[a][w] = a * w.

Unsigned operands: the carry-save array of E. L. Braun, "Digital computer design", Academic Press
1963. Two's complement operands: the array of C. R. Baugh and B. A. Wooley, "A two's complement
parallel array multiplication algorithm", IEEE Trans. Computers C-22(12), 1973.
"""

from __future__ import annotations

import functools
import operator

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.netlist.array import array_product


def definitions() -> tuple[Definition, ...]:
    """Returns the unsigned and the signed exact multiplier."""
    return tuple(
        Definition(
            stem="exact",
            product=operator.mul,
            wiring=functools.partial(array_product, signed=signed),
            source=source,
            description="exact product",
            signed=signed,
        )
        for signed, source in (
            (False, "E. L. Braun, Digital computer design, Academic Press 1963"),
            (True, "C. R. Baugh, B. A. Wooley, IEEE Trans. Computers C-22(12), 1973"),
        )
    )
