"""Tensors whose values lie in files beside the model: checked before they are read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import onnx

from hawx_onnx.errors import ModelError

# Bytes of constants: protobuf messages hold up to 2**31, and nodes take their part.
LARGEST = 2**31 - 2**24
_NARROW = {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}


def load_external_data(model: onnx.ModelProto, folder: Path) -> None:
    """Reads the values of external tensors into a model that the caller owns.

    Args:
        model: The model, edited in place.
        folder: Where its file lies; paths are relative to it and stay within it.

    Raises:
        ModelError: A file is missing, too short, or outside the folder, or the model too large.
    """
    tensors = [tensor for tensor in all_tensors(model) if is_external(tensor)]
    for tensor in tensors:
        _check(tensor, folder)
    check_size(sum(map(_computed_bytes, all_tensors(model))))
    for tensor in tensors:
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except Exception as error:
            raise ModelError(
                f"its external data cannot be read: {str(error).splitlines()[0][:200]}",
                where=f"tensor {tensor.name}",
                mend="check the rights of the file, or export the model again",
            ) from error
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def check_size(size: int) -> None:
    """Checks that a model can be held as one message, as every tool of onnxruntime's takes it.

    Args:
        size: Bytes of its constants.

    Raises:
        ModelError: It cannot.
    """
    if size <= LARGEST:
        return
    size = min(size, 10**18)  # what a damaged shape says may be no number of a float
    raise ModelError(
        f"its constants take {size / 1e9:.1f} GB, at most {LARGEST / 1e9:.1f} GB can be treated",
        where="model",
        mend="split the model and treat its parts one by one",
    )


def _computed_bytes(tensor: onnx.TensorProto) -> int:
    """Bytes of a tensor as it is computed with: narrow floats become float32."""
    size: int = math.prod(tensor.dims)
    if tensor.data_type in _NARROW:
        return 4 * size
    try:
        return size * int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except KeyError:  # a type that is not known is refused where it is read
        return size


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether a tensor's values lie in a file of their own."""
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """The constants of a model: of its graph, of nested graphs, of nodes and functions."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _of_node(node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _of_graph(graph)


def _check(tensor: onnx.TensorProto, folder: Path) -> None:
    """Checks where the values of a tensor are said to be."""
    given = {entry.key: entry.value for entry in tensor.external_data}
    location, where = given.get("location", ""), f"tensor {tensor.name}"
    root = folder.resolve()
    file = (root / location).resolve()
    if not location or Path(location).is_absolute() or not file.is_relative_to(root):
        raise ModelError(
            f"its external data lies outside the model's folder ({location or 'no location'})",
            where=where,
            mend="put the file beside the model, and export the model with that relative path",
        )
    if not file.is_file():
        raise ModelError(
            f"its external data {location} is missing",
            where=where,
            mend=f"copy the file into {folder}, beside the model",
        )
    try:
        offset, length = int(given.get("offset") or 0), int(given.get("length") or 0)
    except ValueError as error:
        raise ModelError(
            "the place of its external data is no number", where=where, mend="export it again"
        ) from error
    size = file.stat().st_size
    if offset < 0 or length < 0 or offset + length > size:
        raise ModelError(
            f"its external data ends at byte {offset + length} of {location}, which has {size}",
            where=where,
            mend="the file is cut off: export or copy it again",
        )
