"""Replace int8 nodes by their ai.hawx counterparts: the surgery behind rewriting and probing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from hawx_onnx.passes.canonicalize import MINIMUM_IR
from hawx_onnx.passes.graph import HAWX_DOMAIN, default_opset, to_graph, to_model
from hawx_onnx.passes.portable import add_portable_bodies, make_runnable

APPROXIMATE_OP = {
    "QLinearConv": "ApproxQLinearConv",
    "QLinearMatMul": "ApproxQLinearMatMul",
}
EXACT_OP = {approximate: exact for exact, approximate in APPROXIMATE_OP.items()}
TABLES = "hawx.tables"
FACTORS = "hawx.factors"


def replace_node(node: gs.Node, table_index: gs.Tensor, shared: Sequence[gs.Tensor]) -> None:
    """Turns a QLinear node of an open graph into its ai.hawx counterpart, in place.

    Args:
        node: QLinearConv or QLinearMatMul.
        table_index: int32 [output channels].
        shared: What ``_shared`` gives.
    """
    inputs = list(node.inputs)
    if node.op == "QLinearConv":
        filters = inputs[3].shape[0]
        if len(inputs) < 9 or inputs[8].is_empty():
            inputs = [*inputs[:8], gs.Constant(f"{node.name}.bias", np.zeros(filters, np.int32))]
        node.attrs = explicit_attributes(node.attrs, inputs[3].shape[2:])
    node.op, node.domain = APPROXIMATE_OP[node.op], HAWX_DOMAIN
    node.inputs.clear()
    tables, *factors = shared
    node.inputs.extend([*inputs, tables, table_index, *factors])


def _shared(tables: np.ndarray, factors: np.ndarray | None) -> list[gs.Tensor]:
    """The constants that all nodes of a model share: tables and, if there are any, factors."""
    arrays = {TABLES: tables}
    if factors is not None and len(factors):
        arrays[FACTORS] = factors
    return [gs.Constant(name, np.ascontiguousarray(a, np.int32)) for name, a in arrays.items()]


def explicit_attributes(given: Mapping[str, object], kernel: Sequence[int]) -> dict[str, object]:
    """All attributes of a convolution: a function body cannot see the operator's defaults.

    Args:
        given: The attributes that the node has.
        kernel: The sizes of its kernel.
    """
    dimensions = len(kernel)
    attrs: dict[str, object] = {
        "auto_pad": "NOTSET",
        "dilations": [1] * dimensions,
        "group": 1,
        "strides": [1] * dimensions,
        "kernel_shape": list(kernel),
        **given,
        "skip_padding": 0,
    }
    if attrs["auto_pad"] == "NOTSET":
        attrs.setdefault("pads", [0] * (2 * dimensions))
    else:
        attrs.pop("pads", None)
    return attrs


def with_tables(
    model: onnx.ModelProto,
    tables: np.ndarray,
    index: dict[str, np.ndarray],
    *,
    factors: np.ndarray | None = None,
    portable: bool = True,
) -> onnx.ModelProto:
    """Rewrites nodes with fixed multipliers.

    Args:
        model: Int8 model with QLinear nodes.
        tables: int32 [T, 256, 256], written once and shared by all nodes.
        index: Node name -> int32 [output channels], which table each channel uses.
        factors: int32 [R, 514], ``stacked_factors`` of the multipliers of the tables.
        portable: Add the model-local functions; without the library they are added anyway.
    """
    graph = to_graph(model)
    shared = _shared(tables, factors)
    for node in graph.nodes:
        if node.name in index:
            own = gs.Constant(index_input(node.name), index[node.name].astype(np.int32))
            replace_node(node, own, shared)
    return _close(graph, model, portable)


def with_index_inputs(
    model: onnx.ModelProto,
    tables: np.ndarray,
    channels: dict[str, int],
    *,
    factors: np.ndarray | None = None,
) -> onnx.ModelProto:
    """Rewrites nodes so that one session can run every assignment.

    Args:
        model: Int8 model with QLinear nodes.
        tables: int32 [T, 256, 256].
        channels: Node name -> output channels. Each of these nodes gets a graph input
            ``index_input(name)``, int32 [channels].
        factors: int32 [R, 514], ``stacked_factors`` of the multipliers of the tables.
    """
    graph = to_graph(model)
    shared = _shared(tables, factors)
    for node in graph.nodes:
        if node.name in channels:
            own = gs.Variable(index_input(node.name), np.int32, [channels[node.name]])
            graph.inputs.append(own)
            replace_node(node, own, shared)
    return _close(graph, model, portable=False)


def with_open_index(model: onnx.ModelProto, node: str) -> onnx.ModelProto:
    """Makes the tables of one rewritten node a graph input, ``index_input(node)``.

    Args:
        model: Of ``with_tables``; edited in place.
        node: Name of a node that it rewrote.

    Returns:
        The same model.
    """
    name = index_input(node)
    (constant,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    value = onnx.helper.make_tensor_value_info(name, constant.data_type, list(constant.dims))
    model.graph.initializer.remove(constant)
    model.graph.input.append(value)
    return model


def index_input(node: str) -> str:
    """Name of the input that chooses the tables of a node."""
    return f"{node}.table_index"


def _close(graph: gs.Graph, model: onnx.ModelProto, portable: bool) -> onnx.ModelProto:
    graph.import_domains = _imports(model)
    result = to_model(graph, model, minimum_ir=MINIMUM_IR)
    if portable:
        add_portable_bodies(result, default_opset(model))
    return make_runnable(result)


def _imports(model: onnx.ModelProto) -> list[onnx.OperatorSetIdProto]:
    own = onnx.helper.make_opsetid(HAWX_DOMAIN, 1)
    return [entry for entry in model.opset_import if entry.domain != HAWX_DOMAIN] + [own]
