"""Bounds of tensors that can be told from the graph alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hawx_onnx.passes.gradient.node import Node
from hawx_onnx.passes.gradient.source import Source

Range = tuple[float, float]
_KEEPING = frozenset(
    {
        "Identity", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Gather",
        "Expand", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean",
        "ReduceMax", "ReduceMin", "DepthToSpace", "SpaceToDepth", "Split",
    }
)  # fmt: skip
_FIXED: dict[str, Range] = {
    "Sigmoid": (0.0, 1.0),
    "HardSigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Erf": (-1.0, 1.0),
}
_ANY: Range = (-np.inf, np.inf)
_DEPTH = 32


def value_range(source: Source, tensor: str, depth: int = _DEPTH) -> Range:
    """Lowest and highest real value that a tensor can hold; infinite where nothing is known.

    Args:
        source: The model.
        tensor: A tensor of real values.
        depth: How many operators to look back.
    """
    values = source.constant(tensor)
    if values is not None and values.size and values.dtype.kind == "f":
        return float(values.min()), float(values.max())
    node = source.maker(tensor)
    if node is None or node.domain or not depth:
        return _ANY
    if node.op in _FIXED:
        return _FIXED[node.op]
    if node.op in _KEEPING:
        return value_range(source, node.inputs[0], depth - 1)
    bound = _BOUNDS.get(node.op)
    return _ANY if bound is None else bound(source, node, depth - 1)


def _of_codes(source: Source, node: Node, depth: int) -> Range:
    dtype, scale = source.dtype(node.inputs[0]), source.constant(node.inputs[1])
    zero = source.constant(node.input(2)) if node.input(2) else np.zeros(())
    if not source.is_codes(node.inputs[0]) or scale is None or zero is None:
        return _ANY
    limits, offset = np.iinfo(str(dtype)), zero.astype(np.float64)
    span = [(np.float64(end) - offset) * scale for end in (limits.min, limits.max)]
    return float(span[0].min()), float(span[1].max())


def _of_relu(source: Source, node: Node, depth: int) -> Range:
    low, high = value_range(source, node.inputs[0], depth)
    return max(low, 0.0), max(high, 0.0)


def _of_clip(source: Source, node: Node, depth: int) -> Range:
    bounds = [node.attributes.get("min"), node.attributes.get("max")]
    for place in (1, 2):
        if node.input(place) and (given := source.constant(node.inputs[place])) is not None:
            bounds[place - 1] = float(given)
    low, high = value_range(source, node.inputs[0], depth)
    low = low if bounds[0] is None else max(low, bounds[0])
    return (low, high if bounds[1] is None else min(high, bounds[1]))


def _of_sum(source: Source, node: Node, depth: int) -> Range:
    each = [value_range(source, name, depth) for name in node.inputs]
    return sum(low for low, _ in each), sum(high for _, high in each)


def _of_union(source: Source, node: Node, depth: int) -> Range:
    each = [value_range(source, name, depth) for name in node.inputs]
    return min(low for low, _ in each), max(high for _, high in each)


_BOUNDS: dict[str, Callable[[Source, Node, int], Range]] = {
    "DequantizeLinear": _of_codes,
    "Relu": _of_relu,
    "Clip": _of_clip,
    "Add": _of_sum,
    "Concat": _of_union,
}
