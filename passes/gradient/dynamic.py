"""Gradient rules of products whose ranges are found at run time, straight through rounding.

As in ``quantized``, cotangents of codes belong to the real values that these stand for; those of
accumulators belong to the whole numbers that they are, since a Mul behind them brings the scales.
Ranges count as fixed: what a sample does to its own scale and zero point is left out.
"""

from __future__ import annotations

import numpy as np

from hawx_onnx.passes.gradient.convolution import transposed
from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.linear import product
from hawx_onnx.passes.gradient.node import Blocked, Node, NoRule
from hawx_onnx.passes.gradient.source import Source

Parts = list[str | Blocked | None]
_SUMS = ("ConvInteger", "MatMulInteger")


def quantize(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """DynamicQuantizeLinear: its range holds all values, so that none saturates."""
    return [cotangents[0]]


def cast(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Cast between floating-point types, or of accumulators to one: nothing changes."""
    source, (tensor,) = emit.source, node.inputs
    maker = source.maker(tensor)
    sums = maker is not None and not maker.domain and maker.op in _SUMS
    names = node.outputs if sums else (tensor, *node.outputs)
    for name in names:
        if not source.is_real(name):
            raise NoRule(f"tensor {name} holds no real values")
    return [cotangents[0]]


def conv_integer(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """ConvInteger: as Conv with the weights' numbers, over the activations' scale."""
    parts: Parts = [None, Blocked("its cotangent to weights is not computed"), None, None]
    if node.needs(0):
        weights = _constant_numbers(emit.source, node, 0)
        if weights is None:
            raise NoRule("its weights are computed at run time")
        part = transposed(emit, node, str(cotangents[0]), node.inputs[0], weights)
        parts[0] = emit.op("Div", part, _scale(emit, node.inputs[0]))
    return parts


def matmul_integer(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """MatMulInteger: as MatMul with the other factor's numbers, over the own factor's scale."""
    a, b = node.inputs[:2]
    first = _numbers(emit, node, 0) if node.needs(1) else ""
    second = _numbers(emit, node, 1) if node.needs(0) else ""
    found = product(emit, node, str(cotangents[0]), (a, first), (b, second))
    parts: Parts = [None, None, None, None]
    for place, part in enumerate(found):
        if isinstance(part, str):
            parts[place] = emit.op("Div", part, _scale(emit, node.inputs[place]))
    return parts


def _scale(emit: Emitter, codes: str) -> str:
    """The scale of codes: that of the DynamicQuantizeLinear that wrote them."""
    maker = emit.source.maker(codes)
    if maker is None or maker.op != "DynamicQuantizeLinear" or maker.domain:
        raise NoRule(f"the scale of codes {codes} is not known")
    return emit.saved(maker.outputs[1])


def _constant_numbers(source: Source, node: Node, axis: int) -> np.ndarray | None:
    """Constant weights less their zero points; these along an axis where they are several."""
    codes, zero = source.constant(node.inputs[1]), np.zeros((), np.float32)
    if node.input(3):
        given = source.constant(node.input(3))
        if given is None:
            return None
        zero = given.astype(np.float32)
    if codes is None:
        return None
    if zero.ndim == 1 and zero.size > 1:
        shape = [1] * codes.ndim
        shape[axis] = -1
        zero = zero.reshape(shape)
    return np.asarray(codes.astype(np.float32) - (zero if zero.size > 1 else zero.reshape(())))


def _numbers(emit: Emitter, node: Node, place: int) -> str:
    """A factor of a product less its zero points, in the backward graph."""
    if place == 1:
        values = _constant_numbers(emit.source, node, -1)
        if values is not None:
            return emit.constant(values)
    zero = node.input(place + 2)
    if emit.source.shape(zero) not in ((), (1,)):
        raise NoRule("its zero points differ from row to row")
    one = emit.constant(np.ones((), np.float32))
    return emit.op("DequantizeLinear", emit.saved(node.inputs[place]), one, emit.saved(zero))
