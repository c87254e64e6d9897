"""Where clamps and saturation let cotangents pass."""

from __future__ import annotations

import numpy as np

from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.node import Node


def positive(emit: Emitter, tensor: str) -> str:
    """Where a tensor of the model, of real values, is above zero: bool in its shape."""
    return emit.op("Greater", emit.real(tensor), emit.constant(0.0))


def strictly_inside(emit: Emitter, x: str, low: str, high: str) -> str:
    """Where low < x < high; an empty name is no bound, not both may be."""
    tests = [emit.op("Greater", x, low)] if low else []
    if high:
        tests.append(emit.op("Less", x, high))
    return tests[0] if len(tests) == 1 else emit.op("And", *tests)


def codes_inside(
    emit: Emitter, cotangent: str, tensor: str, low: int | None, high: int | None
) -> str:
    """A cotangent where low < code < high.

    Args:
        emit: The graph to write.
        cotangent: In the shape of ``tensor``.
        tensor: A tensor of the model that holds codes.
        low: The lower bound; None for none.
        high: The upper bound; None for none.
    """
    if low is None and high is None:
        return cotangent
    dtype = emit.source.dtype(tensor)
    limits = np.iinfo(str(dtype))
    first = limits.min if low is None else low + 1
    last = limits.max if high is None else high - 1
    if first > last:
        return emit.op("Mul", cotangent, emit.constant(0.0))
    saved = emit.saved(tensor)
    # Half the time of two comparisons: onnxruntime has a fast Clip and Equal for 8 bits.
    bounds = [emit.constant(np.array(bound, dtype)) for bound in (first, last)]
    return emit.masked(cotangent, emit.op("Equal", saved, emit.op("Clip", saved, *bounds)))


def clamped_codes(
    emit: Emitter, cotangent: str, tensor: str, low: int | None, high: int | None
) -> str:
    """A cotangent where low < code < high, half of it at the bounds.

    A code at a bound stands for values on both sides of it, so that a change gets through in one
    of its two directions.

    Args:
        emit: The graph to write.
        cotangent: In the shape of ``tensor``.
        tensor: Codes before the clamp.
        low: The lower bound; None for none.
        high: The upper bound; None for none.
    """
    codes = emit.as_real(emit.saved(tensor))
    none, whole = emit.constant(0.0), emit.constant(1.0)
    distances = []
    if low is not None:
        distances.append(emit.op("Add", codes, emit.constant(0.5 - low)))
    if high is not None:
        distances.append(emit.op("Sub", emit.constant(0.5 + high), codes))
    if not distances:
        return cotangent
    nearest = distances[0] if len(distances) == 1 else emit.op("Min", *distances)
    return emit.op("Mul", cotangent, emit.op("Clip", nearest, none, whole))


def bounded(emit: Emitter, node: Node, cotangent: str) -> str:
    """A cotangent strictly between the bounds of a Clip node."""
    given = [node.attributes.get(name) for name in ("min", "max")]
    source = emit.source
    if source.is_codes(node.outputs[0]):
        low, high = (
            int(source.known(t, "bound")) if (t := node.input(i)) else None for i in (1, 2)
        )
        limits = np.iinfo(str(source.dtype(node.outputs[0])))
        low = None if low is not None and low <= limits.min else low
        high = None if high is not None and high >= limits.max else high
        return clamped_codes(emit, cotangent, node.inputs[0], low, high)
    names = [emit.constant(float(value)) if value is not None else "" for value in given]
    for place in (1, 2):
        if node.input(place):
            names[place - 1] = emit.real(node.input(place))
    if not any(names):
        return cotangent
    return emit.masked(cotangent, strictly_inside(emit, emit.real(node.outputs[0]), *names))
