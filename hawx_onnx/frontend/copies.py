"""Copies of models for runs: with further outputs, or without large constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx


def exposed(model: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """A copy of a model that has further tensors among its outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    there = {value.name for value in copy.graph.output}
    for name in dict.fromkeys(tensors):
        if name not in there:
            copy.graph.output.append(onnx.ValueInfoProto(name=name))
    return copy


def without_weights(model: onnx.ModelProto, least: int) -> onnx.ModelProto:
    """A copy whose large constants have type and shape, but no values.

    Args:
        model: The model, which is not copied in between.
        least: Bytes from which on a constant counts as large.
    """
    light = onnx.ModelProto()
    _copy_fields(model, light, "graph")
    _copy_fields(model.graph, light.graph, "initializer")
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) < least:
            light.graph.initializer.append(tensor)
            continue
        own = light.graph.initializer.add(name=tensor.name, data_type=tensor.data_type)
        own.dims.extend(tensor.dims)
        own.data_location = onnx.TensorProto.EXTERNAL
        own.external_data.add(key="location", value="none")
    return light


def _copy_fields(source: Any, target: Any, but: str) -> None:  # noqa: ANN401 - protobuf messages
    """Copies all fields of a message but one."""
    for field, value in source.ListFields():
        if field.name == but:
            continue
        if isinstance(value, (int, str)):
            setattr(target, field.name, value)
        else:
            getattr(target, field.name).extend(value)
