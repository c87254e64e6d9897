"""Gradient rules of operators that move values: real ones or codes."""

from __future__ import annotations

import numpy as np

from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.node import Blocked, Node, NoRule

Parts = list[str | Blocked | None]


def reshape(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Reshape, Flatten, Squeeze and Unsqueeze: the same values in the input's shape."""
    return [emit.reshaped(str(cotangents[0]), node.inputs[0], node.outputs[0])]


def transpose(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Transpose: the inverse permutation."""
    rank = emit.source.rank(node.inputs[0])
    perm = node.ints("perm", range(rank)[::-1])
    inverse = [int(axis) for axis in np.argsort(perm)]
    return [emit.op("Transpose", str(cotangents[0]), perm=inverse)]


def expand(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Expand: sums over what was repeated."""
    return [emit.summed(str(cotangents[0]), node.inputs[0], node.outputs[0])]


def concat(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Concat: each input gets its part."""
    axis = int(node.attributes.get("axis", 1)) % emit.source.rank(node.outputs[0])
    parts = emit.ops(
        "Split",
        str(cotangents[0]),
        _sizes_along(emit, node.inputs, axis),
        outputs=len(node.inputs),
        axis=axis,
    )
    return list(parts)


def split(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Split: the parts put together, zeros for those without a cotangent."""
    axis = int(node.attributes.get("axis", 0)) % emit.source.rank(node.inputs[0])
    parts = [
        g or emit.op("ConstantOfShape", emit.shape_of(tensor))
        for tensor, g in zip(node.outputs, cotangents, strict=True)
    ]
    return [emit.op("Concat", *parts, axis=axis)]


def _sizes_along(emit: Emitter, tensors: tuple[str, ...], axis: int) -> str:
    """Sizes of tensors along one axis: int64 [tensors]."""
    shapes = [emit.source.shape(tensor) for tensor in tensors]
    sizes = [None if shape is None else shape[axis] for shape in shapes]
    if all(isinstance(size, int) for size in sizes):
        return emit.constant(np.array(sizes, np.int64))
    each = [emit.op("Shape", emit.saved(t), start=axis, end=axis + 1) for t in tensors]
    return emit.op("Concat", *each, axis=0)


def pad(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Pad by a constant: what it added is cut off, what it cut off becomes zero."""
    mode = node.attributes.get("mode", "constant")
    if mode != "constant":
        raise NoRule(f"its mode is {mode}, not constant")
    if node.input(2) and node.needs(2):
        raise NoRule("its padding value is computed at run time")
    if node.input(1):
        pads = emit.op("Neg", emit.saved(node.inputs[1]))
    else:
        pads = emit.constant(np.array([-p for p in node.ints("pads", [])], np.int64))
    axes = [emit.saved(node.inputs[3])] if node.input(3) else []
    return [emit.op("Pad", str(cotangents[0]), pads, *([""] if axes else []), *axes)]


def slice_(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Slice: zeros around the part, and between its values where it was taken in steps."""
    g, x = str(cotangents[0]), node.inputs[0]
    rank = emit.source.rank(x)
    starts, axes, steps = _slice_arguments(emit, node, rank)
    unit = [axis for axis, step in zip(axes, steps, strict=True) if step == 1]
    for axis, start, step in zip(axes, starts, steps, strict=True):
        if step != 1:
            g = _spaced(emit, g, node, axis, start, step)
    if unit:
        begins = [start for axis, start in zip(axes, starts, strict=True) if axis in unit]
        g = _surrounded(emit, g, node, unit, begins)
    return [g]


def _slice_arguments(
    emit: Emitter, node: Node, rank: int
) -> tuple[list[int], list[int], list[int]]:
    if node.input(1):
        starts = [int(v) for v in emit.source.known(node.inputs[1], "start")]
    else:
        starts = node.ints("starts", [])
    axes = node.ints("axes", range(len(starts)))
    steps = [1] * len(starts)
    if node.input(3):
        axes = [int(v) for v in emit.source.known(node.inputs[3], "list of axes")]
    if node.input(4):
        steps = [int(v) for v in emit.source.known(node.inputs[4], "step")]
    return starts, [axis % rank for axis in axes], steps


def _surrounded(emit: Emitter, g: str, node: Node, axes: list[int], starts: list[int]) -> str:
    """Zeros before and behind a part."""
    shape, out = (emit.source.shape(t) or () for t in (node.inputs[0], node.outputs[0]))
    static = all(isinstance(s[axis], int) for axis in axes for s in (shape, out))
    if static:
        sizes = [int(shape[axis] or 0) for axis in axes]
        parts = [int(out[axis] or 0) for axis in axes]
        before = [_first(start, size) for start, size in zip(starts, sizes, strict=True)]
        behind = [n - m - b for n, m, b in zip(sizes, parts, before, strict=True)]
        pads = emit.constant(np.array(before + behind, np.int64))
    else:
        places = emit.constant(np.array(axes, np.int64))
        target = emit.op("Gather", emit.shape_of(node.inputs[0]), places)
        now = emit.op("Gather", emit.op("Shape", g), places)
        given = emit.constant(np.array(starts, np.int64))
        counted = emit.op("Add", given, target)
        negative = emit.constant(np.array([start < 0 for start in starts]))
        first = emit.op("Where", negative, counted, given)
        first = emit.op("Max", emit.op("Min", first, target), emit.constant(np.int64(0)))
        rest = emit.op("Sub", emit.op("Sub", target, now), first)
        pads = emit.op("Concat", first, rest, axis=0)
    return emit.op("Pad", g, pads, "", emit.constant(np.array(axes, np.int64)))


def _first(start: int, size: int) -> int:
    return min(max(start + size if start < 0 else start, 0), size)


def _spaced(emit: Emitter, g: str, node: Node, axis: int, start: int, step: int) -> str:
    """Zeros between the values along one axis: each position takes its value or a zero."""
    sizes = (emit.source.shape(t) for t in (node.inputs[0], node.outputs[0]))
    size, count = ((shape or (None,) * (axis + 1))[axis] for shape in sizes)
    if not isinstance(size, int) or not isinstance(count, int):
        raise NoRule(f"it takes steps along axis {axis}, whose size is known at run time only")
    first = start + size if start < 0 else start
    first = min(max(first, 0), size - 1 if step < 0 else size)
    places = np.full(size, count, np.int64)
    places[first + step * np.arange(count)] = np.arange(count)
    one = emit.constant(np.array([0, 1], np.int64))
    padded = emit.op("Pad", g, one, "", emit.constant(np.array([axis], np.int64)))
    return emit.op("Gather", padded, emit.constant(places), axis=axis)


def gather(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Gather: cotangents are added up where they were read."""
    x, indices = node.inputs
    rank, index_rank = emit.source.rank(x), emit.source.rank(indices)
    axis = int(node.attributes.get("axis", 0)) % rank
    # The indexed axes first, as ScatterND wants them.
    total = rank - 1 + index_rank
    moved = list(range(axis, axis + index_rank))
    others = [place for place in range(total) if place not in moved]
    g = emit.op("Transpose", str(cotangents[0]), perm=moved + others)
    order = [axis, *(place for place in range(rank) if place != axis)]
    sizes = emit.op("Gather", emit.shape_of(x), emit.constant(np.array(order, np.int64)))
    zeros = emit.op("ConstantOfShape", sizes)
    at = emit.op("Unsqueeze", emit.saved(indices), emit.constant(np.array([-1], np.int64)))
    at = emit.op("Cast", at, to=7)
    summed = emit.op("ScatterND", zeros, at, g, reduction="add")
    return [emit.op("Transpose", summed, perm=[int(p) for p in np.argsort(order)])]


def depth_to_space(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """DepthToSpace."""
    g, block = str(cotangents[0]), int(node.attributes["blocksize"])
    if node.attributes.get("mode", "DCR") == "DCR":
        return [emit.op("SpaceToDepth", g, blocksize=block)]
    channels, height, width = emit.source.sizes(node.inputs[0], 1)
    split_up = np.array([-1, channels // block**2, height, block, width, block], np.int64)
    blocks = emit.op("Reshape", g, emit.constant(split_up))
    gathered = emit.op("Transpose", blocks, perm=[0, 1, 3, 5, 2, 4])
    return [emit.reshaped(gathered, node.inputs[0])]


def space_to_depth(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """SpaceToDepth."""
    block = int(node.attributes["blocksize"])
    return [emit.op("DepthToSpace", str(cotangents[0]), blocksize=block, mode="DCR")]
