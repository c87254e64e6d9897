"""ApproxConvInteger and ApproxMatMulInteger in plain numpy, like ``reference`` for the others.

Their outputs are the accumulators themselves: exact sums of table products that wrap at 32 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hawx_onnx.runtime.reference import conv_accumulators, matmul_accumulators

Array = npt.NDArray[Any]


def approx_conv_integer(
    x: Array,
    w: Array,
    x_zero_point: Array | None,
    w_zero_point: Array | None,
    tables: Array,
    table_index: Array,
    factors: Array | None = None,
    *,
    kernel_shape: Sequence[int] = (),
    **attributes: Any,  # noqa: ANN401 - passed on with their types
) -> Array:
    """ApproxConvInteger: inputs and attributes of ONNX ConvInteger, then tables and their index.

    Args:
        x: Codes [images, channels, spatial...].
        w: Codes [output channels, channels / group, kernel...].
        x_zero_point: One code; None is 0.
        w_zero_point: One code, or one for each output channel; None is 0.
        tables: [T, 256, 256] truth tables.
        table_index: [output channels], which table each channel uses.
        factors: Not used: they do not change the result.
        kernel_shape: Must be w.shape[2:] if given.
        **attributes: Those of ``conv_accumulators``.

    Returns:
        int32 [images, output channels, spatial...].
    """
    if kernel_shape and tuple(kernel_shape) != w.shape[2:]:
        raise ValueError(f"kernel_shape {tuple(kernel_shape)} is not that of w, {w.shape[2:]}")
    zx, zw = _or_zero(x_zero_point, x), _or_zero(w_zero_point, w)
    return conv_accumulators(x, zx, w, zw, None, tables, table_index, **attributes)


def approx_matmul_integer(
    a: Array,
    b: Array,
    a_zero_point: Array | None,
    b_zero_point: Array | None,
    tables: Array,
    table_index: Array,
    factors: Array | None = None,
) -> Array:
    """ApproxMatMulInteger: inputs of ONNX MatMulInteger, then tables and their index.

    Args:
        a: Codes [batch..., rows, depth].
        b: Codes [batch..., depth, columns].
        a_zero_point: One code, one for each row, or [batch..., rows, 1]; None is 0.
        b_zero_point: One code, one for each column, or [batch..., 1, columns]; None is 0.
        tables: [T, 256, 256] truth tables.
        table_index: [columns], which table each column uses.
        factors: Not used: they do not change the result.

    Returns:
        int32 [batch..., rows, columns].
    """
    za, zb = _or_zero(a_zero_point, a), _or_zero(b_zero_point, b)
    return matmul_accumulators(a, za, b, zb, tables, table_index)


def _or_zero(zero_point: Array | None, codes: Array) -> Array:
    """The zero point, or the code 0 of the operand's type."""
    return np.zeros((), codes.dtype) if zero_point is None else zero_point
