"""Take float16, bfloat16 and double graphs to float32, which quantisation works on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx.frontend.external_data import all_tensors
from hawx_onnx.passes.graph import copy_of

OTHER_FLOATS = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE})
# Attributes that name an element type.
_TYPES = frozenset({"to", "dtype", "output_dtype"})


def has_other_floats(model: onnx.ModelProto) -> bool:
    """Whether a model computes in floats of another width than 32 bits."""
    values = (*model.graph.input, *model.graph.output, *model.graph.value_info)
    return (
        any(value.type.tensor_type.elem_type in OTHER_FLOATS for value in values)
        or any(tensor.data_type in OTHER_FLOATS for tensor in all_tensors(model))
        or any(attribute.i in OTHER_FLOATS for attribute in _type_attributes(model))
    )


def widen_floats(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a copy that computes in float32.

    Inputs and outputs keep their types: a Cast stands behind each input and before each output.
    Weights keep their values; those of a double are rounded.
    """
    result = copy_of(model)
    for tensor in all_tensors(result):
        if tensor.data_type in OTHER_FLOATS:
            _widen(tensor)
    for attribute in _type_attributes(result):
        if attribute.i in OTHER_FLOATS:
            attribute.i = TensorProto.FLOAT
    _cast_borders(result.graph)
    del result.graph.value_info[:]
    for node in _nodes(result):
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                for value in (*graph.input, *graph.output, *graph.value_info):
                    _widen_value(value)
    for function in result.functions:
        for value in function.value_info:
            _widen_value(value)
    return result


def _widen(tensor: onnx.TensorProto) -> None:
    values = numpy_helper.to_array(tensor).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _widen_value(value: onnx.ValueInfoProto) -> None:
    if value.type.tensor_type.elem_type in OTHER_FLOATS:
        value.type.tensor_type.elem_type = TensorProto.FLOAT


def _cast_borders(graph: onnx.GraphProto) -> None:
    """Casts inputs after they come in and outputs before they go out."""
    constants = {tensor.name for tensor in graph.initializer}
    names: dict[str, str] = {}
    before, behind = [], []
    for value in graph.input:
        if value.name in constants:
            _widen_value(value)
        elif value.type.tensor_type.elem_type in OTHER_FLOATS:
            names[value.name] = f"hawx.{value.name}.float32"
            before.append(_cast(value.name, names[value.name], TensorProto.FLOAT))
    for value in graph.output:
        if value.type.tensor_type.elem_type in OTHER_FLOATS:
            own = names.setdefault(value.name, f"hawx.{value.name}.float32")
            behind.append(_cast(own, value.name, value.type.tensor_type.elem_type))
    _rename(graph, names)
    nodes = [*before, *graph.node, *behind]
    del graph.node[:]
    graph.node.extend(nodes)


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], f"hawx.{target}.cast", to=kind)


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Renames tensors wherever nodes read or write them, in nested graphs too."""
    for node in graph.node:
        for names_of in (node.input, node.output):
            for place, name in enumerate(names_of):
                names_of[place] = names.get(name, name)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, names)
                for value in inner.output:
                    value.name = names.get(value.name, value.name)


def _type_attributes(model: onnx.ModelProto) -> Iterator[onnx.AttributeProto]:
    for node in _nodes(model):
        for attribute in node.attribute:
            if attribute.name in _TYPES and attribute.type == onnx.AttributeProto.INT:
                yield attribute


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Nodes of the graph, of nested graphs and of functions."""
    todo = [*model.graph.node, *(node for f in model.functions for node in f.node)]
    while todo:
        node = todo.pop()
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                todo += graph.node
