"""Load, check and save models, and feed them batch by batch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from hawx_onnx.errors import ModelError
from hawx_onnx.frontend.data_types import InputSpec, describe_shape
from hawx_onnx.frontend.external_data import check_size, load_external_data
from hawx_onnx.frontend.graph_checks import check_graph
from hawx_onnx.frontend.node_checks import check_nodes, check_ranks, check_tensors, check_texts

DEFAULT_BATCH = 64
MOST_INPUT_BYTES = 1 << 30
"""Bytes that one batch of a model may take, where its size is fixed."""

_EXPORT = "export the model again"


def load_model(path: str | Path) -> onnx.ModelProto:
    """Reads and checks an ONNX file.

    Args:
        path: The file.

    Returns:
        The model, with external data if it has any.

    Raises:
        ModelError: Missing, unreadable, truncated, no ONNX model, without nodes, with a cycle or a
            tensor that nothing writes, or with external data that is missing or elsewhere.
    """
    file = Path(path)
    where = str(path)
    if not file.exists():
        raise ModelError("no such file", where=where, mend="check the path of the model")
    if file.is_dir():
        raise ModelError("is a folder", where=where, mend="name the .onnx file in it")
    try:
        check_size(file.stat().st_size)
    except ModelError as error:
        raise ModelError(error.what, where=where, mend=error.mend) from error
    try:
        model = onnx.load(file, load_external_data=False)
    except OSError as error:
        raise ModelError(
            f"cannot be read: {error}", where=where, mend="check its rights"
        ) from error
    except Exception as error:
        raise ModelError(
            "is no ONNX model or is truncated: its protobuf cannot be parsed",
            where=where,
            mend="export or copy it again",
        ) from error
    if not model.graph.node:
        raise ModelError(
            "holds no graph, or a graph without nodes", where=where, mend="export it again"
        )
    try:
        check_texts(model)
        check_ranks(model)
        load_external_data(model, file.parent)
        check_tensors(model)
        check_graph(model)
        check_nodes(model)
    except ModelError as error:
        raise ModelError(error.what, where=f"{where}, {error.where}", mend=error.mend) from error
    return model


def file_hash(path: str | Path) -> str:
    """Hex sha256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def model_input(model: onnx.ModelProto) -> InputSpec:
    """The input that takes data, or all of them together.

    Raises:
        ModelError: There is none, one is no tensor, or several do not share a batch axis.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if not inputs:
        raise ModelError(
            "has no input that takes data", where="model", mend="export it with an input"
        )
    found = tuple(map(input_spec, inputs))
    if len(found) == 1:
        return found[0]
    if not all(spec.shape for spec in found) or len({spec.shape[0] for spec in found}) > 1:
        shapes = ", ".join(f"{spec.name} {describe_shape(spec.shape)}" for spec in found)
        raise ModelError(
            f"has {len(found)} inputs whose first axes are not one batch ({shapes})",
            where="model",
            mend="export it with a batch axis on every input, or fold the others as constants",
        )
    return InputSpec.joined(found)


def input_spec(value: onnx.ValueInfoProto) -> InputSpec:
    """What an input takes.

    Raises:
        ModelError: Its type is unknown, or one sample would not fit into memory.
    """
    tensor, where = value.type.tensor_type, f"input {value.name}"
    if not tensor.elem_type:
        raise ModelError("is no tensor", where=where, mend="export it with a tensor input")
    if tensor.elem_type not in onnx.TensorProto.DataType.values():
        raise ModelError(f"is of the unknown type {tensor.elem_type}", where=where, mend=_EXPORT)
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    shape = tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
        for dim in tensor.shape.dim
    )
    size = math.prod(extent or 1 for extent in shape) * dtype.itemsize
    if size > MOST_INPUT_BYTES:
        raise ModelError(
            f"takes {size:,} bytes at once, more than {MOST_INPUT_BYTES:,}",
            where=where,
            mend="export the model for smaller samples or batches",
        )
    return InputSpec(value.name, dtype, shape)


def batches(
    x: np.ndarray, spec: InputSpec, batch: int = DEFAULT_BATCH
) -> Iterator[tuple[np.ndarray, int]]:
    """Cuts samples into batches that the model's input takes.

    Args:
        x: Samples, axis 0 counts them.
        spec: The model's input; a fixed batch size in it wins over ``batch``.
        batch: Batch size where the model leaves it open.

    Yields:
        The batch and how many of its first rows are samples; the last batch of a model with a
        fixed batch size is filled up by repeating its last sample.
    """
    size = spec.shape[0] if spec.shape and spec.shape[0] else batch
    for start in range(0, len(x), size):
        rows = x[start : start + size]
        count = len(rows)
        if spec.shape and spec.shape[0] and count < size:
            rows = np.concatenate([rows, np.repeat(rows[-1:], size - count, axis=0)])
        yield np.ascontiguousarray(rows), count
