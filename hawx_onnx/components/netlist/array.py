"""Array multipliers: partial products and the carry-save array that sums them."""

from __future__ import annotations

from collections.abc import Callable

from hawx_onnx.components.netlist.arithmetic import add_rows
from hawx_onnx.components.netlist.builder import Bits, Builder


def array_product(
    build: Builder,
    a: Bits,
    w: Bits,
    *,
    keep: Callable[[int, int], bool] = lambda _i, _j: True,
    signed: bool = False,
    constant: int = 0,
) -> tuple[int, ...]:
    """Returns a * w by an array of partial products with its adders.

    Args:
        build: Where the array is built.
        a: Activation bits.
        w: Weight bits, as many.
        keep: Whether the partial product of activation bit i and weight bit j is built. A term
            that is not takes its part of the correction constant with it.
        signed: Two's complement operands by the modified scheme of Baugh and Wooley: products
            with one sign bit are inverted, and constants correct them.
        constant: A further constant that the array adds.
    """
    bits, rows = len(a), []
    for i in range(bits):
        row = {}
        for j in range(bits):
            if not keep(i, j):
                continue
            negative = signed and (i == bits - 1) != (j == bits - 1)
            row[i + j] = (build.nand if negative else build.and_)(a[i], w[j])
            # -x * 2**c = (not x) * 2**c - 2**c
            constant -= (1 << (i + j)) if negative else 0
        rows.append(row)
    return add_rows(build, rows, constant=constant % (1 << 2 * bits), width=2 * bits)
