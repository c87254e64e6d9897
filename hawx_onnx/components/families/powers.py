"""Positions of leading ones, for the families that scale operands by powers of two."""

from __future__ import annotations

import numpy as np

from hawx_onnx.components.tables import IntArray


def leading_one(x: IntArray) -> IntArray:
    """Returns floor(log2(x)) for x > 0 below 2**53, and 0 for 0."""
    exponent = np.frexp(x.astype(np.float64))[1]
    return np.maximum(exponent.astype(np.int64) - 1, 0)


def shift(x: IntArray, amount: IntArray) -> IntArray:
    """Returns x * 2**amount; bits shifted out to the right are lost."""
    return x << np.maximum(amount, 0) >> np.maximum(-amount, 0)
