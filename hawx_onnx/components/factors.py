"""Factorisations of several truth tables as one array, the form in which operators take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.tables import CODES, IntArray, Table, operand_values

ROW = 2 + 2 * CODES
"""Entries of a row: table, scale, factors of the activation, factors of the weight."""

_INT32 = np.iinfo(np.int32)


def stacked_factors(multipliers: Sequence[Multiplier]) -> Table:
    """Returns the factorisations of multipliers as rows of products.

    For every multiplier t that has rows, the sum over them of ``scale * F[a] * G[w]`` is its
    table's entry [a][w], for all 65,536 entries.

    Args:
        multipliers: Those whose tables are stacked, in the same order.

    Returns:
        int32 [R, 514]. A row holds t, the scale, F[0..255] by the activation's bit pattern and
        G[0..255] by the weight's; F is within int8 or within uint8, so is G. A multiplier without
        factors within 8 bits has no row. One whose products are all 0 has one row of zeros.
    """
    rows = [
        np.concatenate(([index, scale], left, right))
        for index, multiplier in enumerate(multipliers)
        for scale, left, right in _terms(multiplier)
    ]
    return np.array(rows, dtype=np.int32).reshape(-1, ROW)


def _terms(multiplier: Multiplier) -> Iterator[tuple[int, IntArray, IntArray]]:
    """Yields scale, F and G of each product; nothing where the table has to be looked up."""
    plan, values = multiplier.plan, operand_values(multiplier.encoding).astype(np.int64)
    exact, found = (1, values, values), plan.factorization
    if plan.kind == "exact":
        yield exact
    if found is None or not found.fits_8_bits or not _in_int32(found.scales):
        return
    if found.of == "error":
        yield exact
    if not found.products:
        yield 0, np.zeros_like(values), np.zeros_like(values)
    yield from zip(found.scales.tolist(), found.left.T, found.right, strict=True)


def _in_int32(scales: IntArray) -> bool:
    """Whether an int32 holds every scale; terms of opposite signs can have larger ones."""
    return bool(((scales >= _INT32.min) & (scales <= _INT32.max)).all())
