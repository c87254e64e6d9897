"""Weights of a model that is too large for one message, read as the int8 codes that they become.

A float network of more than two gigabytes fits once its weights are codes: a quarter of the size.
They are read one by one, in blocks of rows, and never all as floats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx.errors import ModelError

NARROWED_KEY = "hawx.narrowed_weights"
_FLOATS = frozenset(
    {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
)
_BLOCK = 2**24  # values that are held as floats at a time
_LIMIT = 127  # int8 codes are symmetric, as static quantisation makes those of weights
# DequantizeLinear takes one scale for each channel from this version on.
_MINIMUM_OPSET = 13


def narrow_weights(model: onnx.ModelProto, folder: Path) -> None:
    """Puts DequantizeLinear of int8 codes in the place of the weights of products.

    One scale for each output channel, of stacks of matrices one for all: the codes are those that
    quantisation would give the weights later on. What other nodes read too stays as it is.

    Args:
        model: A model whose external tensors were checked and not read; edited in place.
        folder: Where its file lies.

    Raises:
        ModelError: A weight is NaN or infinite, or the operator set is too old.
    """
    axes = _weights(model.graph)
    tensors = [t for t in model.graph.initializer if t.name in axes and t.data_type in _FLOATS]
    if not tensors:
        return
    version = max((e.version for e in model.opset_import if e.domain in ("", "ai.onnx")), default=0)
    if version < _MINIMUM_OPSET:
        raise ModelError(
            f"is too large for one message and of operator set {version}: its weights cannot be "
            "read as int8 codes",
            where="model",
            mend=f"export it with operator set {_MINIMUM_OPSET} or newer",
        )
    made: list[onnx.NodeProto] = []
    for tensor in tensors:
        name, kind = tensor.name, tensor.data_type
        codes, scale = _narrowed(_values(tensor, folder), axes[name], name)
        _store(model.graph, tensor, codes, scale)
        target = name if kind == TensorProto.FLOAT else f"{name}.wide"
        parts = [f"{name}.{part}" for part in ("codes", "scale", "zero")]
        node = helper.make_node("DequantizeLinear", parts, [target], f"{name}.dequantize")
        axis = axes[name]
        if axis is not None:
            node.attribute.append(helper.make_attribute("axis", axis))
        made.append(node)
        if target != name:
            made.append(helper.make_node("Cast", [target], [name], f"{name}.narrow", to=kind))
    nodes = [*made, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.metadata_props.add(key=NARROWED_KEY, value=str(len(tensors)))


def _weights(graph: onnx.GraphProto) -> dict[str, int | None]:
    """Constants that only products read, as weights -> axis of output channels; None for all."""
    ranks = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    axes: dict[str, set[int | None]] = {}
    others = {value.name for value in graph.output}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if place == 1 and name in ranks and node.op_type in ("Conv", "Gemm", "MatMul"):
                axes.setdefault(name, set()).add(_axis(node, ranks[name]))
            else:
                others.add(name)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                others.update(_read(inner))
    return {
        name: next(iter(found))
        for name, found in axes.items()
        if len(found) == 1 and name not in others and ranks[name] > 1
    }


def _axis(node: onnx.NodeProto, rank: int) -> int | None:
    if node.op_type == "Conv":
        return 0
    if node.op_type == "Gemm":
        return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
    return 1 if rank == 2 else None


def _read(graph: onnx.GraphProto) -> Iterator[str]:
    """Tensors that the nodes of a body read, of bodies in it too."""
    yield from (value.name for value in graph.output)
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _read(inner)


def _values(tensor: onnx.TensorProto, folder: Path) -> np.ndarray:
    """The tensor's values: a view of its file, where they lie in one."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return np.asarray(numpy_helper.to_array(tensor))
    given = {entry.key: entry.value for entry in tensor.external_data}
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    offset = int(given.get("offset") or 0)
    size = (folder / given["location"]).stat().st_size
    if offset + math.prod(tensor.dims) * dtype.itemsize > size:
        raise ModelError(
            f"its external data {given['location']} is too short for {list(tensor.dims)}",
            where=f"tensor {tensor.name}",
            mend="the file is cut off: export or copy it again",
        )
    return np.memmap(folder / given["location"], dtype, "r", offset, tuple(tensor.dims))


def _narrowed(values: np.ndarray, axis: int | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales of weights; the scale is a scalar where there is one for all."""
    rest = tuple(i for i in range(values.ndim) if axis is None or i != axis % values.ndim)
    peaks = [np.abs(block).max(axis=rest, keepdims=True) for block in _blocks(values)]
    peak = np.concatenate(peaks) if axis == 0 else np.max(np.stack(peaks), axis=0)
    if not np.isfinite(peak).all():
        raise ModelError(
            "holds values that are NaN or infinite",
            where=f"tensor {name}",
            mend="export the model again from sound weights",
        )
    scale = np.where(peak > 0, peak / np.float32(_LIMIT), np.float32(1)).astype(np.float32)
    codes = np.empty(values.shape, np.int8)
    start = 0
    for block in _blocks(values):
        rows = slice(start, start + len(block))
        own = scale[rows] if axis == 0 else scale
        codes[rows] = np.clip(np.rint(block / own), -_LIMIT, _LIMIT)
        start = rows.stop
    return codes, scale.reshape(() if axis is None else -1)


def _blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    """The values as float32, some rows at a time."""
    rows = max(1, _BLOCK // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), rows):
        yield np.asarray(values[start : start + rows]).astype(np.float32, copy=False)


def _store(
    graph: onnx.GraphProto, tensor: onnx.TensorProto, codes: np.ndarray, scale: np.ndarray
) -> None:
    """Replaces an initializer by its codes, scale and zero point."""
    name = tensor.name
    for value in [value for value in graph.input if value.name == name]:
        graph.input.remove(value)
    graph.initializer.add().CopyFrom(numpy_helper.from_array(scale, f"{name}.scale"))
    zero = np.zeros(scale.shape, np.int8)
    graph.initializer.add().CopyFrom(numpy_helper.from_array(zero, f"{name}.zero"))
    tensor.Clear()
    tensor.name, tensor.data_type = f"{name}.codes", TensorProto.INT8
    tensor.dims.extend(codes.shape)
    tensor.raw_data = codes.tobytes()
