"""Gradient rules of quantised operators, straight through rounding.

Cotangents belong to the real values that codes stand for, so that no rule multiplies by a scale
and DequantizeLinear hands its cotangent on as it is. Rounding counts as no change. Saturation stops
cotangents: codes at a limit of their type count as saturated, unless the values before can be shown
to lie within the limit (see ``ranges``), as behind a Relu, where the lowest code stands for zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hawx_onnx.passes.gradient.convolution import transposed
from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.linear import product
from hawx_onnx.passes.gradient.masks import codes_inside
from hawx_onnx.passes.gradient.node import Blocked, Node, NoRule
from hawx_onnx.passes.gradient.ranges import value_range
from hawx_onnx.passes.gradient.source import Source

Parts = list[str | Blocked | None]
_PARAMETERS = Blocked("its cotangent to weights, scales and zero points is not computed")


def quantize(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """QuantizeLinear: inside the range of the codes."""
    low, high = _saturating_limits(emit.source, node)
    part = codes_inside(emit, str(cotangents[0]), node.outputs[0], low, high)
    return [part, _PARAMETERS, _PARAMETERS]


def dequantize(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """DequantizeLinear: the cotangent of codes is that of their real values."""
    _check_scale(emit.source, node, 0, 1)
    return [cotangents[0], _PARAMETERS, _PARAMETERS]


def _saturating_limits(source: Source, node: Node) -> tuple[int | None, int | None]:
    """Limits of the code type that values before a QuantizeLinear may lie beyond."""
    limits = _limits(source, node.outputs[0])
    scale, zero = source.constant(node.inputs[1]), _zero_point(source, node.input(2))
    span = value_range(source, node.inputs[0])
    if scale is None or zero is None:
        return int(limits.min), int(limits.max)
    # Rounding brings half a step beyond a limit back to it; a little less, for float32.
    slack = 0.499
    lowest = (span[0] / scale + zero).min()
    highest = (span[1] / scale + zero).max()
    return (
        None if lowest >= limits.min - slack else int(limits.min),
        None if highest <= limits.max + slack else int(limits.max),
    )


def _limits(source: Source, tensor: str) -> np.iinfo:
    dtype = source.dtype(tensor)
    if not source.is_codes(tensor):
        raise NoRule(f"its codes are {dtype or 'of an unknown type'}, not of 8 bits")
    return np.iinfo(str(dtype))


def _zero_point(source: Source, tensor: str) -> np.ndarray | None:
    return source.constant(tensor) if tensor else np.zeros((), np.uint8)


def _saturated(emit: Emitter, cotangent: str, tensor: str) -> str:
    """A cotangent where codes are strictly between the limits of their type."""
    limits = _limits(emit.source, tensor)
    return codes_inside(emit, cotangent, tensor, int(limits.min), int(limits.max))


def _check_scale(source: Source, node: Node, codes: int, scale: int) -> None:
    """Cotangents of codes pass from reader to writer unchanged if both mean the same values."""
    own, given = source.constant(node.inputs[scale]), source.scale_of(node.inputs[codes])
    if own is None or given is None or (own.size == 1 and given.size == 1 and own == given):
        return
    if own.shape != given.shape or not np.array_equal(own, given):
        raise NoRule(f"codes {node.inputs[codes]} are read with another scale than written with")


def _weights(source: Source, node: Node, place: int, axis: int) -> np.ndarray | None:
    """Real values of constant codes at a place, with scale and zero point behind it."""
    codes, scale, zero = (source.constant(node.inputs[place + i]) for i in range(3))
    if codes is None or scale is None or zero is None:
        return None
    shape = [1] * codes.ndim
    if scale.size > 1:
        shape[axis] = -1
    zero = zero.astype(np.float32).reshape(shape if zero.size > 1 else [1] * codes.ndim)
    return (codes.astype(np.float32) - zero) * scale.astype(np.float32).reshape(shape)


def _real(emit: Emitter, node: Node, place: int, axis: int) -> str:
    """Real values of codes at a place, constant or not, in the backward graph."""
    values = _weights(emit.source, node, place, axis)
    if values is not None:
        return emit.constant(values)
    names = [emit.saved(node.inputs[place + i]) for i in range(3)]
    return emit.op("DequantizeLinear", *names, axis=axis)


def qlinear_conv(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """QLinearConv: saturation, then as Conv with the weights' real values."""
    parts: Parts = [None, *[_PARAMETERS] * 8]
    _check_scale(emit.source, node, 0, 1)
    if node.needs(0):
        weights = _weights(emit.source, node, 3, 0)
        if weights is None:
            raise NoRule("its weights are computed at run time")
        g = _saturated(emit, str(cotangents[0]), node.outputs[0])
        parts[0] = transposed(emit, node, g, node.inputs[0], weights)
    return parts


def qlinear_matmul(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """QLinearMatMul: saturation, then as MatMul with the other factor's real values."""
    for place in (0, 3):
        if node.needs(place):
            _check_scale(emit.source, node, place, place + 1)
    a, b = node.inputs[0], node.inputs[3]
    first = _real(emit, node, 0, -2) if node.needs(3) else ""
    second = _real(emit, node, 3, -1) if node.needs(0) else ""
    g = _saturated(emit, str(cotangents[0]), node.outputs[0])
    left, right = product(emit, node, g, (a, first), (b, second))
    return [left, _PARAMETERS, _PARAMETERS, right, *[_PARAMETERS] * 4]


def qgemm(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """com.microsoft QGemm, whose result is real where it has no output scale."""
    _check_scale(emit.source, node, 0, 1)
    parts: Parts = [None, *[_PARAMETERS] * 8]
    if not node.needs(0):
        return parts
    trans_a, trans_b = (int(node.attributes.get(name, 0)) for name in ("transA", "transB"))
    g = str(cotangents[0])
    if emit.source.is_codes(node.outputs[0]):
        g = _saturated(emit, g, node.outputs[0])
    factor = _real(emit, node, 3, 0 if trans_b else 1)
    alpha = float(node.attributes.get("alpha", 1.0))
    parts[0] = (
        emit.op("Gemm", factor, g, transA=trans_b, transB=1, alpha=alpha)
        if trans_a
        else emit.op("Gemm", g, factor, transB=1 - trans_b, alpha=alpha)
    )
    return parts


def qlinear_add(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """com.microsoft QLinearAdd."""
    g = _saturated(emit, str(cotangents[0]), node.outputs[0])
    parts: Parts = [_PARAMETERS] * 8
    for place in (0, 3):
        if node.needs(place):
            _check_scale(emit.source, node, place, place + 1)
            parts[place] = emit.summed(g, node.inputs[place], node.outputs[0])
    return parts


def qlinear_mul(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """com.microsoft QLinearMul."""
    g = _saturated(emit, str(cotangents[0]), node.outputs[0])
    parts: Parts = [_PARAMETERS] * 8
    for place, other in ((0, 3), (3, 0)):
        if node.needs(place):
            _check_scale(emit.source, node, place, place + 1)
            part = emit.op("Mul", g, _real(emit, node, other, 0))
            parts[place] = emit.summed(part, node.inputs[place], node.outputs[0])
    return parts


def qlinear_concat(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """com.microsoft QLinearConcat: inputs come as (codes, scale, zero point)."""
    axis = int(node.attributes["axis"]) % emit.source.rank(node.outputs[0])
    places: Sequence[int] = range(2, len(node.inputs), 3)
    sizes = [emit.source.sizes(node.inputs[place], axis)[0] for place in places]
    g = _saturated(emit, str(cotangents[0]), node.outputs[0])
    given = emit.constant(np.array(sizes, np.int64))
    each = emit.ops("Split", g, given, outputs=len(sizes), axis=axis)
    parts: Parts = [_PARAMETERS] * len(node.inputs)
    for place, part in zip(places, each, strict=True):
        if node.needs(place):
            _check_scale(emit.source, node, place, place + 1)
        parts[place] = part
    return parts


def qlinear_global_average_pool(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """com.microsoft QLinearGlobalAveragePool of [N, C, ...]."""
    if int(node.attributes.get("channels_last", 0)):
        raise NoRule("its channels are last")
    _check_scale(emit.source, node, 0, 1)
    sizes = emit.source.sizes(node.inputs[0], 2)
    g = _saturated(emit, str(cotangents[0]), node.outputs[0])
    g = emit.op("Div", g, emit.constant(float(np.prod(sizes))))
    return [emit.op("Expand", g, emit.constant(np.array([1, 1, *sizes]))), *[_PARAMETERS] * 4]
