"""Graph surgery shared by the passes: onnx-graphsurgeon with the metadata it drops restored."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
import onnx_graphsurgeon as gs

HAWX_DOMAIN = "ai.hawx"
ORIGIN_KEY = "hawx.origin"
# The place of `tables` among the inputs of the ai.hawx operators; `table_index` and, optional,
# `factors` come next.
TABLES_AT = {
    "ApproxQLinearConv": 9,
    "ApproxQLinearMatMul": 8,
    "ApproxConvInteger": 4,
    "ApproxMatMulInteger": 4,
}
# Operators that clamp; they commute with quantisation because rounding is monotone.
CLAMPING_OPS = frozenset({"Relu", "Clip"})


def to_graph(model: onnx.ModelProto) -> gs.Graph:
    """Opens a model for surgery; the model itself stays as it is."""
    # graphsurgeon logs to standard output, where commands print their one JSON document.
    gs.logger.G_LOGGER.severity = gs.logger.G_LOGGER.ERROR
    graph = gs.import_onnx(model)
    # Functions stay as they are (`keep_identity`): sorting them never ends where there are
    # subgraphs, too.
    graph.functions.clear()
    return graph


def remove_node(graph: gs.Graph, node: gs.Node) -> None:
    """Takes this very node out of a graph.

    ``graph.nodes.remove`` compares it with all nodes before it, attribute by attribute: minutes in
    graphs of thousands of nodes.
    """
    place = next(i for i, other in enumerate(graph.nodes) if other is node)
    del graph.nodes[place]


def to_model(graph: gs.Graph, like: onnx.ModelProto, *, minimum_ir: int = 0) -> onnx.ModelProto:
    """Closes a graph after surgery.

    Args:
        graph: The graph; unreachable nodes are removed and nodes sorted.
        like: The model it came from; its IR version, metadata, producer and doc string are kept.
        minimum_ir: Raise the IR version to this where it is lower.
    """
    graph.cleanup(remove_unused_graph_inputs=False).toposort()
    model: onnx.ModelProto = gs.export_onnx(graph, do_type_check=False)
    keep_identity(model, like)
    model.ir_version = max(like.ir_version, minimum_ir)
    return model


def keep_identity(model: onnx.ModelProto, like: onnx.ModelProto) -> None:
    """Gives a model that a tool wrote what the tool dropped: producer, metadata, functions.

    Args:
        model: The tool's result, edited in place.
        like: The model it came from.
    """
    model.ir_version = like.ir_version
    model.producer_name, model.producer_version = like.producer_name, like.producer_version
    model.domain, model.model_version = like.domain, like.model_version
    model.doc_string = like.doc_string
    del model.metadata_props[:]
    model.metadata_props.extend(like.metadata_props)
    if not model.functions:
        model.functions.extend(like.functions)


def default_opset(model: onnx.ModelProto) -> int:
    """Version of the default operator set that a model imports; 0 if it imports none."""
    return next((e.version for e in model.opset_import if e.domain in ("", "ai.onnx")), 0)


def metadata(model: onnx.ModelProto) -> dict[str, str]:
    """The model's metadata properties."""
    return {entry.key: entry.value for entry in model.metadata_props}


def table_index_of(node: onnx.NodeProto) -> str:
    """The tensor that chooses the tables of an ai.hawx node."""
    return str(node.input[TABLES_AT[node.op_type] + 1])


def factors_of(node: onnx.NodeProto) -> str:
    """The tensor of the factors of an ai.hawx node; empty if it has none."""
    place = TABLES_AT[node.op_type] + 2
    return str(node.input[place]) if place < len(node.input) else ""


def set_metadata(model: onnx.ModelProto, values: dict[str, str | None]) -> None:
    """Adds or replaces metadata properties of a model that the caller owns; None removes one."""
    merged = {**metadata(model), **values}
    del model.metadata_props[:]
    for key, value in merged.items():
        if value is not None:
            model.metadata_props.add(key=key, value=value)


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """A deep copy, for passes that edit."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def single_consumer(tensor: gs.Tensor, graph: gs.Graph) -> gs.Node | None:
    """The only node that reads a tensor; None if it is read twice or is a graph output."""
    if len(tensor.outputs) != 1 or any(tensor is output for output in graph.outputs):
        return None
    return tensor.outputs[0]


def producer(tensor: gs.Tensor) -> gs.Node | None:
    """The node that writes a tensor; None for inputs and constants."""
    return tensor.inputs[0] if tensor.inputs else None


def constant(tensor: gs.Tensor) -> np.ndarray | None:
    """Values of a constant tensor; None if it is computed at run time."""
    return np.asarray(tensor.values) if isinstance(tensor, gs.Constant) else None


def unique_name(base: str, taken: Iterable[str]) -> str:
    """``base``, or ``base_1``, ``base_2`` ... where it is taken."""
    names = set(taken)
    if base not in names:
        return base
    number = 1
    while f"{base}_{number}" in names:
        number += 1
    return f"{base}_{number}"


def initializers(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """The constants of a model's main graph by name."""
    return {tensor.name: tensor for tensor in model.graph.initializer}
