"""Gradient rules of operators that reduce axes, global pooling among them."""

from __future__ import annotations

import numpy as np

from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.node import Blocked, Node

Parts = list[str | Blocked | None]


def reduce_sum(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """ReduceSum: each summand gets the cotangent of its sum."""
    axes = reduced_axes(emit, node)
    return [_spread(emit, _kept(emit, node, str(cotangents[0]), axes), node.inputs[0], axes)]


def reduce_mean(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """ReduceMean and GlobalAveragePool."""
    axes = reduced_axes(emit, node)
    shared = _kept(emit, node, str(cotangents[0]), axes)
    shared = emit.op("Div", shared, _count(emit, node.inputs[0], axes))
    return [_spread(emit, shared, node.inputs[0], axes)]


def reduce_extremum(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """ReduceMax, ReduceMin and GlobalMaxPool: to the extreme value; ties share equally."""
    axes = reduced_axes(emit, node)
    if not axes:
        return [cotangents[0]]
    x = emit.real(node.inputs[0])
    over = emit.constant(np.array(axes, np.int64))
    result = _kept(emit, node, emit.real(node.outputs[0]), axes)
    equal = emit.as_real(emit.op("Equal", x, result))
    ties = emit.op("ReduceSum", equal, over, keepdims=1)
    shared = emit.op("Div", _kept(emit, node, str(cotangents[0]), axes), ties)
    return [emit.op("Mul", equal, shared)]


def reduce_l2(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """ReduceL2: x / y."""
    axes = reduced_axes(emit, node)
    result = _kept(emit, node, emit.real(node.outputs[0]), axes)
    share = emit.op("Div", _kept(emit, node, str(cotangents[0]), axes), result)
    return [emit.op("Mul", emit.real(node.inputs[0]), share)]


def reduce_sum_square(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """ReduceSumSquare: 2 x."""
    axes = reduced_axes(emit, node)
    share = _kept(emit, node, str(cotangents[0]), axes)
    share = emit.op("Mul", share, emit.constant(2.0))
    return [emit.op("Mul", emit.real(node.inputs[0]), share)]


def reduced_axes(emit: Emitter, node: Node) -> list[int]:
    """The axes that a node reduces, from the front.

    Raises:
        NoRule: They are computed at run time, or the rank is not known.
    """
    rank = emit.source.rank(node.inputs[0])
    if node.op.startswith("Global"):
        return list(range(2, rank))
    axes = node.ints("axes", [])
    if node.input(1):
        axes = [int(axis) for axis in emit.source.known(node.inputs[1], "list of axes")]
    if not axes and not int(node.attributes.get("noop_with_empty_axes", 0)):
        return list(range(rank))
    return sorted(axis % rank for axis in axes)


def _kept(emit: Emitter, node: Node, reduced: str, axes: list[int]) -> str:
    """A tensor in the shape of a node's output, with the reduced axes as axes of size 1."""
    keeps = node.op.startswith("Global") or int(node.attributes.get("keepdims", 1))
    if keeps or not axes:
        return reduced
    return emit.op("Unsqueeze", reduced, emit.constant(np.array(axes, np.int64)))


def _spread(emit: Emitter, kept: str, x: str, axes: list[int]) -> str:
    """Repeats a tensor along axes of size 1 to the shape of a tensor of the model."""
    if not axes:
        return kept
    shape = emit.source.shape(x) or ()
    if all(isinstance(shape[axis], int) for axis in axes):
        sizes = [size if axis in axes else 1 for axis, size in enumerate(shape)]
        return emit.op("Expand", kept, emit.constant(np.array(sizes, np.int64)))
    return emit.op("Expand", kept, emit.shape_of(x))


def _count(emit: Emitter, x: str, axes: list[int]) -> str:
    """How many values make up one reduced value, as float32."""
    shape = emit.source.shape(x) or ()
    if all(isinstance(shape[axis], int) for axis in axes):
        sizes = [shape[axis] for axis in axes]
        return emit.constant(float(np.prod(np.array(sizes, np.int64))))
    own = emit.op("Gather", emit.shape_of(x), emit.constant(np.array(axes, np.int64)))
    return emit.as_real(emit.op("ReduceProd", own, keepdims=0))
