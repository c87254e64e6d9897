"""What the custom ops compute, in plain numpy: the definition that every kernel is held to.

Products come from a truth table over operand bit patterns, activation first. Sums are exact and
wrap at 32 bits. Requantisation takes the steps of onnxruntime's QLinearConv and QLinearMatMul.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def lookup_products(activations: Array, weights: Array, table: Array) -> Array:
    """Products of two broadcast code arrays by one truth table.

    Args:
        activations: int8 or uint8 codes.
        weights: int8 or uint8 codes.
        table: [256, 256] products by bit patterns, activation first.

    Returns:
        int64 products in the broadcast shape.
    """
    return np.asarray(table, np.int64)[_bits(activations), _bits(weights)]


def requantize(accumulators: Array, scales: Array, zero_point: Array) -> Array:
    """Turns accumulators into output codes.

    Args:
        accumulators: int32 accumulators.
        scales: float32 multipliers (x_scale * w_scale) / y_scale, broadcast to the accumulators.
        zero_point: The output's zero point; its type is the output's type.

    Returns:
        Codes of the zero point's type: scaled, clamped, rounded half to even, shifted.
    """
    zero_point = np.asarray(zero_point)
    limits = np.iinfo(zero_point.dtype)
    zero = int(zero_point.reshape(-1)[0])
    scaled = accumulators.astype(np.float32) * np.asarray(scales, np.float32)
    clamped = np.clip(scaled, np.float32(limits.min - zero), np.float32(limits.max - zero))
    codes: Array = (np.rint(clamped).astype(np.int64) + zero).astype(zero_point.dtype)
    return codes


def conv_accumulators(
    x: Array,
    x_zero_point: Array,
    w: Array,
    w_zero_point: Array,
    bias: Array | None,
    tables: Array,
    table_index: Array,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (),
    group: int = 1,
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
    skip_padding: int = 0,
) -> Array:
    """int32 accumulators of ApproxQLinearConv, [images, output channels, spatial...].

    Padding feeds the activation's zero-point code through the table, unless ``skip_padding``.

    Args:
        x: Codes [images, channels, spatial...].
        x_zero_point: One code.
        w: Codes [output channels, channels / group, kernel...].
        w_zero_point: One code, or one for each output channel.
        bias: int32 [output channels], or None.
        tables: [T, 256, 256] truth tables.
        table_index: [output channels], which table each channel uses.
        auto_pad: NOTSET, VALID, SAME_UPPER or SAME_LOWER.
        dilations: One for each spatial dimension; ones if empty.
        group: Number of groups.
        pads: Heads, then tails; zeros if empty.
        strides: One for each spatial dimension; ones if empty.
        skip_padding: 1 leaves padded positions out of every sum.
    """
    rank = x.ndim - 2
    stride, dilation = tuple(strides) or (1,) * rank, tuple(dilations) or (1,) * rank
    heads, tails = paddings(x.shape[2:], w.shape[2:], stride, dilation, tuple(pads), auto_pad)
    around = ((0, 0), (0, 0), *zip(heads, tails, strict=True))
    padded = np.pad(x, around, constant_values=np.asarray(x_zero_point).reshape(-1)[0])
    real = np.pad(np.ones(x.shape, np.int64), around)
    out = [
        (size - dil * (kernel - 1) - 1) // step + 1
        for size, kernel, step, dil in zip(
            padded.shape[2:], w.shape[2:], stride, dilation, strict=True
        )
    ]
    zx = int(np.asarray(x_zero_point).reshape(-1)[0])
    zw = np.broadcast_to(np.asarray(w_zero_point, np.int64).reshape(-1), w.shape[:1])
    sums = np.zeros((x.shape[0], w.shape[0], *out), np.int64)
    for m, c, *tap in product(*map(range, w.shape)):
        source = m // (w.shape[0] // group) * w.shape[1] + c
        window = (slice(None), source, *_window(tap, out, stride, dilation))
        codes, weight = padded[window], w.item(m, c, *tap)
        term = lookup_products(codes, np.asarray(weight), tables[int(table_index[m])])
        term = term - zx * weight - zw[m] * codes.astype(np.int64) + zx * zw[m]
        sums[:, m] += term * real[window] if skip_padding else term
    if bias is not None:
        sums += np.asarray(bias, np.int64).reshape(1, -1, *(1,) * rank)
    return _wrap(sums)


def approx_qlinear_conv(
    x: Array,
    x_scale: Array,
    x_zero_point: Array,
    w: Array,
    w_scale: Array,
    w_zero_point: Array,
    y_scale: Array,
    y_zero_point: Array,
    bias: Array | None,
    tables: Array,
    table_index: Array,
    factors: Array | None = None,
    *,
    kernel_shape: Sequence[int] = (),
    **attributes: Any,  # noqa: ANN401 - passed on with their types
) -> Array:
    """ApproxQLinearConv: inputs and attributes of ONNX QLinearConv, then tables and their index.

    Args:
        x: Codes [images, channels, spatial...].
        x_scale: One float32.
        x_zero_point: One code.
        w: Codes [output channels, channels / group, kernel...].
        w_scale: One float32, or one for each output channel.
        w_zero_point: One code, or one for each output channel.
        y_scale: One float32.
        y_zero_point: One code; its type is the output's type.
        bias: int32 [output channels], or None.
        tables: [T, 256, 256] truth tables.
        table_index: [output channels], which table each channel uses.
        factors: Not used: they do not change the result.
        kernel_shape: Must be w.shape[2:] if given.
        **attributes: Those of ``conv_accumulators``.

    Returns:
        Codes [images, output channels, spatial...].
    """
    if kernel_shape and tuple(kernel_shape) != w.shape[2:]:
        raise ValueError(f"kernel_shape {tuple(kernel_shape)} is not that of w, {w.shape[2:]}")
    accumulators = conv_accumulators(
        x, x_zero_point, w, w_zero_point, bias, tables, table_index, **attributes
    )
    scales = _multipliers(x_scale, np.asarray(w_scale).reshape(-1), y_scale)
    return requantize(accumulators, scales.reshape(-1, *(1,) * (x.ndim - 2)), y_zero_point)


def matmul_accumulators(
    a: Array,
    a_zero_point: Array,
    b: Array,
    b_zero_point: Array,
    tables: Array,
    table_index: Array,
) -> Array:
    """int32 accumulators of ApproxQLinearMatMul, [batch..., rows, columns].

    Args:
        a: Codes [batch..., rows, depth].
        a_zero_point: One code, one for each row, or [batch..., rows, 1].
        b: Codes [batch..., depth, columns]; batch dimensions broadcast.
        b_zero_point: One code, one for each column, or [batch..., 1, columns].
        tables: [T, 256, 256] truth tables.
        table_index: [columns], which table each column uses.
    """
    columns = b.shape[-1]
    za = np.asarray(a_zero_point, np.int64)
    za = za[:, None] if za.ndim == 1 else za  # [batch..., rows, 1]
    zbs = np.broadcast_to(np.asarray(b_zero_point, np.int64), (*b.shape[:-2], 1, columns))
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    sums = np.zeros((*batch, a.shape[-2], columns), np.int64)
    for n in range(columns):
        left = a  # [batch..., rows, depth]
        right = b[..., None, :, n]  # [batch..., 1, depth]
        term = lookup_products(left, right, tables[int(table_index[n])])
        zb = zbs[..., n, None]  # [batch..., 1, 1]
        term = term - za * right.astype(np.int64) - zb * left.astype(np.int64) + za * zb
        sums[..., n] = term.sum(axis=-1)
    return _wrap(sums)


def approx_qlinear_matmul(
    a: Array,
    a_scale: Array,
    a_zero_point: Array,
    b: Array,
    b_scale: Array,
    b_zero_point: Array,
    y_scale: Array,
    y_zero_point: Array,
    tables: Array,
    table_index: Array,
    factors: Array | None = None,
) -> Array:
    """ApproxQLinearMatMul: inputs of ONNX QLinearMatMul, then tables and their index.

    Args:
        a: Codes [batch..., rows, depth].
        a_scale: One float32.
        a_zero_point: One code.
        b: Codes [batch..., depth, columns].
        b_scale: One float32, one for each column, or [batch..., 1, columns].
        b_zero_point: One code, one for each column, or [batch..., 1, columns].
        y_scale: One float32.
        y_zero_point: One code; its type is the output's type.
        tables: [T, 256, 256] truth tables.
        table_index: [columns], which table each column uses.
        factors: Not used: they do not change the result.

    Returns:
        Codes [batch..., rows, columns].
    """
    accumulators = matmul_accumulators(a, a_zero_point, b, b_zero_point, tables, table_index)
    return requantize(accumulators, _multipliers(a_scale, b_scale, y_scale), y_zero_point)


def _bits(codes: Array) -> Array:
    """Bit patterns of 8-bit codes as indices."""
    return np.asarray(codes).astype(np.int64) & 0xFF


def _window(
    tap: Sequence[int], out: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[slice, ...]:
    """Elements of the padded input that one kernel tap meets, over all output positions."""
    return tuple(
        slice(t * dil, t * dil + (size - 1) * step + 1, step)
        for t, size, step, dil in zip(tap, out, strides, dilations, strict=True)
    )


def _wrap(sums: Array) -> Array:
    """int64 sums as 32-bit registers hold them."""
    return sums.astype(np.uint64).astype(np.uint32).view(np.int32)


def _multipliers(x_scale: Array, w_scale: Array, y_scale: Array) -> Array:
    """(x_scale * w_scale) / y_scale in the shape of w_scale, every step in float32."""
    x, y = (np.asarray(scale, np.float32).reshape(-1)[0] for scale in (x_scale, y_scale))
    multipliers: Array = (x * np.asarray(w_scale, np.float32)) / y
    return multipliers


def paddings(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[int, ...],
    auto_pad: str,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Padding of a convolution.

    Args:
        sizes: Extents of the input's spatial dimensions.
        kernel: Extents of the kernel.
        strides: One for each dimension.
        dilations: One for each dimension.
        pads: Heads, then tails; none if empty.
        auto_pad: NOTSET (``pads`` hold), VALID, SAME_UPPER or SAME_LOWER.

    Returns:
        Padding before and after each dimension.
    """
    rank = len(sizes)
    if auto_pad in ("NOTSET", ""):
        return (pads[:rank], pads[rank:]) if pads else ((0,) * rank, (0,) * rank)
    if auto_pad == "VALID":
        return (0,) * rank, (0,) * rank
    totals = [
        max(0, (-(-size // step) - 1) * step + dil * (extent - 1) + 1 - size)
        for size, extent, step, dil in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    small = tuple(total // 2 for total in totals)
    large = tuple(total - total // 2 for total in totals)
    return (small, large) if auto_pad == "SAME_UPPER" else (large, small)
