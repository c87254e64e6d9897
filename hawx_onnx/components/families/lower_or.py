"""OR gates in place of adders in the lowest columns.

``loam6``: in each column c < v all partial products are ORed to one bit that carries nothing; the
columns from v on are exact:

T[a][w] = sum over i + j >= v of 2**(i+j) a_i w_j
        + sum over c < v of 2**c (OR over i + j = c of a_i w_j)

``orp8``: in the columns c < v two rows at a time (i = 2k, 2k + 1) are ORed, and the halved column
is summed exactly.
"""

from __future__ import annotations

import functools

import numpy as np

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import WIDTH
from hawx_onnx.components.netlist.arithmetic import add_rows
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.datapath import any_of
from hawx_onnx.components.tables import IntArray

WHOLE_COLUMN = (
    "Y. Guo, H. Sun, S. Kimura, Design of power and area efficient lower-part-OR approximate "
    "multiplier, IEEE TENCON 2018"
)
PAIRS = (
    "D. Esposito, A. G. M. Strollo, E. Napoli, D. De Caro, N. Petra, Approximate multipliers "
    "based on new approximate compressors, IEEE Trans. Circuits and Systems I 65(12), 2018"
)


def groups(columns: int, rows_per_group: int) -> list[tuple[int, tuple[int, ...]]]:
    """Returns (column, activation bits) of all bits that are ORed into one.

    Args:
        columns: Columns below this one are approximate.
        rows_per_group: How many rows go into one OR there.
    """
    found = []
    for column in range(2 * WIDTH - 1):
        rows = range(max(0, column - WIDTH + 1), min(column, WIDTH - 1) + 1)
        size = rows_per_group if column < columns else 1
        blocks = sorted({row // size for row in rows})
        found += [(column, tuple(r for r in rows if r // size == block)) for block in blocks]
    return found


def or_product(a: IntArray, w: IntArray, columns: int, rows_per_group: int) -> IntArray:
    """Multiplies unsigned operands; see the module's text."""
    total = a * w * 0
    for column, rows in groups(columns, rows_per_group):
        bits = [(a >> row) & (w >> (column - row)) & 1 for row in rows]
        total = total + (np.bitwise_or.reduce(bits) << column)
    return total


def _wiring(
    build: Builder, a: Bits, w: Bits, *, columns: int, rows_per_group: int
) -> tuple[int, ...]:
    rows: list[dict[int, int]] = [{} for _ in range(WIDTH)]
    for column, members in groups(columns, rows_per_group):
        products = [build.and_(a[i], w[column - i]) for i in members]
        next(row for row in rows if column not in row)[column] = any_of(build, products)
    return add_rows(build, rows, width=2 * WIDTH)


def definition(columns: int, rows_per_group: int) -> Definition:
    """Returns the array with ORs over whole columns (8 rows to a group) or pairs of rows (2)."""
    whole = rows_per_group == WIDTH
    what = "whole columns" if whole else "pairs of rows"
    return Definition(
        stem=f"{'loam' if whole else 'orp'}{columns}",
        product=functools.partial(or_product, columns=columns, rows_per_group=rows_per_group),
        wiring=functools.partial(_wiring, columns=columns, rows_per_group=rows_per_group),
        source=WHOLE_COLUMN if whole else PAIRS,
        description=f"ORs {what} in the {columns} lowest columns",
    )


def definitions() -> tuple[Definition, ...]:
    """Returns both kinds."""
    whole = tuple(definition(columns, WIDTH) for columns in (4, 6, 8))
    return whole + tuple(definition(columns, 2) for columns in (6, 8, 10))
