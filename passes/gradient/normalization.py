"""Gradient rules of normalisations and of softmax."""

from __future__ import annotations

import numpy as np

from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.node import Blocked, Node, NoRule

Parts = list[str | Blocked | None]
_STATISTICS = Blocked("its cotangent to statistics, scale and bias is not computed")


def softmax(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Softmax: y (g - sum(g y))."""
    g, y = str(cotangents[0]), emit.real(node.outputs[0])
    total = emit.op("ReduceSum", emit.op("Mul", g, y), _softmax_axes(emit, node), keepdims=1)
    return [emit.op("Mul", y, emit.op("Sub", g, total))]


def log_softmax(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """LogSoftmax: g - exp(y) sum(g)."""
    g, y = str(cotangents[0]), emit.real(node.outputs[0])
    total = emit.op("ReduceSum", g, _softmax_axes(emit, node), keepdims=1)
    return [emit.op("Sub", g, emit.op("Mul", emit.op("Exp", y), total))]


def _softmax_axes(emit: Emitter, node: Node) -> str:
    """One axis, and from it to the last one before opset 13."""
    rank = emit.source.rank(node.outputs[0])
    axis = int(node.attributes.get("axis", -1 if node.opset >= 13 else 1)) % rank
    return emit.constant(np.arange(axis, axis + 1 if node.opset >= 13 else rank))


def layer_normalization(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """LayerNormalization over the last axes."""
    if any(cotangents[1:]):
        raise NoRule("its mean and deviation are read")
    g, x, out = str(cotangents[0]), node.inputs[0], node.outputs[0]
    rank = emit.source.rank(x)
    axes = list(range(int(node.attributes.get("axis", -1)) % rank, rank))
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    normal, inverse = _normalized(emit, emit.real(x), axes, epsilon)
    parts: Parts = [None, None, None]
    if node.needs(0):
        scaled = emit.op("Mul", g, emit.real(node.inputs[1]))
        parts[0] = _through(emit, scaled, normal, inverse, axes)
    if node.needs(1):
        parts[1] = emit.summed(emit.op("Mul", g, normal), node.inputs[1], out)
    if node.needs(2):
        parts[2] = emit.summed(g, node.inputs[2], out)
    return parts


def instance_normalization(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """InstanceNormalization: over the spatial axes of each channel."""
    x = node.inputs[0]
    rank = emit.source.rank(x)
    axes = list(range(2, rank))
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    normal, inverse = _normalized(emit, emit.real(x), axes, epsilon)
    scale = _per_channel(emit, emit.real(node.inputs[1]), rank)
    scaled = emit.op("Mul", str(cotangents[0]), scale)
    return [_through(emit, scaled, normal, inverse, axes), _STATISTICS, _STATISTICS]


def group_normalization(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """GroupNormalization: over the channels of a group and the spatial axes.

    The scale has an entry for each group before opset 21, for each channel since.
    """
    x, groups = node.inputs[0], int(node.attributes["num_groups"])
    channels = emit.source.sizes(node.outputs[0])[1] if node.opset < 21 else 0
    rank = emit.source.rank(x)
    grouped = emit.constant(np.array([0, groups, -1], np.int64))
    scale = emit.real(node.inputs[1])
    if node.opset < 21:
        column = emit.op("Reshape", scale, emit.constant(np.array([-1, 1], np.int64)))
        repeat = emit.constant(np.array([1, channels // groups], np.int64))
        scale = emit.op("Expand", column, repeat)
    scaled = emit.op("Mul", str(cotangents[0]), _per_channel(emit, scale, rank))
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    flat = emit.op("Reshape", emit.real(x), grouped)
    normal, inverse = _normalized(emit, flat, [2], epsilon)
    part = _through(emit, emit.op("Reshape", scaled, grouped), normal, inverse, [2])
    return [emit.reshaped(part, x, x), _STATISTICS, _STATISTICS]


def batch_normalization(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """BatchNormalization of inference: a factor for each channel."""
    # Before opset 14, further outputs stood for training.
    training = any(node.outputs[1:]) if node.opset < 14 else node.attributes.get("training_mode")
    if training:
        raise NoRule("it is in training mode")
    epsilon = emit.constant(float(node.attributes.get("epsilon", 1e-5)))
    deviation = emit.op("Sqrt", emit.op("Add", emit.real(node.inputs[4]), epsilon))
    factor = emit.op("Div", emit.real(node.inputs[1]), deviation)
    rank = emit.source.rank(node.inputs[0])
    part = emit.op("Mul", str(cotangents[0]), _per_channel(emit, factor, rank))
    return [part, _STATISTICS, _STATISTICS, _STATISTICS, _STATISTICS]


def _per_channel(emit: Emitter, values: str, rank: int) -> str:
    """Values of all channels in the shape that broadcasts along axis 1."""
    shape = [-1, *[1] * (rank - 2)] if rank > 1 else [-1]
    return emit.op("Reshape", values, emit.constant(np.array(shape, np.int64)))


def _normalized(emit: Emitter, x: str, axes: list[int], epsilon: float) -> tuple[str, str]:
    """(x - mean) / deviation, and 1 / deviation."""
    over = emit.constant(np.array(axes, np.int64))
    centred = emit.op("Sub", x, emit.op("ReduceMean", x, over, keepdims=1))
    square = emit.op("Mul", centred, centred)
    variance = emit.op("ReduceMean", square, over, keepdims=1)
    deviation = emit.op("Sqrt", emit.op("Add", variance, emit.constant(epsilon)))
    inverse = emit.op("Reciprocal", deviation)
    return emit.op("Mul", centred, inverse), inverse


def _through(emit: Emitter, g: str, normal: str, inverse: str, axes: list[int]) -> str:
    """The cotangent before a normalisation: (g - mean(g) - n mean(g n)) / deviation."""
    over = emit.constant(np.array(axes, np.int64))
    offset = emit.op("ReduceMean", g, over, keepdims=1)
    slope = emit.op("ReduceMean", emit.op("Mul", g, normal), over, keepdims=1)
    rest = emit.op("Sub", emit.op("Sub", g, offset), emit.op("Mul", normal, slope))
    return emit.op("Mul", rest, inverse)
