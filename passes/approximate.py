"""Replace int8 nodes by their ai.hawx counterparts: the surgery behind rewriting and probing."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from hawx_onnx.passes.canonicalize import MINIMUM_IR
from hawx_onnx.passes.element_types import element_types
from hawx_onnx.passes.graph import HAWX_DOMAIN, default_opset, to_graph, to_model
from hawx_onnx.passes.integer_ops import INTEGER_OPS
from hawx_onnx.passes.moved_codes import MovedCodes
from hawx_onnx.passes.portable import add_portable_bodies, make_runnable

TABLES = "hawx.tables"
FACTORS = "hawx.factors"


def replace_node(
    node: gs.Node,
    table_index: gs.Tensor,
    shared: Sequence[gs.Tensor],
    moved: MovedCodes | None = None,
) -> None:
    """Turns a node on codes of an open graph into its ai.hawx counterpart, in place.

    Args:
        node: Of an operator among ``INTEGER_OPS``.
        table_index: int32 [output channels].
        shared: What ``_shared`` gives.
        moved: Brings the codes of operators that give accumulators to the multipliers' kind.
    """
    known = INTEGER_OPS[node.op]
    if known.dynamic:
        assert moved is not None
        inputs = moved.operands(node)
    else:
        inputs = list(node.inputs)
    if known.convolves:
        weights = inputs[known.weight]
        if not known.dynamic and (len(inputs) < 9 or inputs[8].is_empty()):
            bias = np.zeros(weights.shape[0], np.int32)
            inputs = [*inputs[:8], gs.Constant(f"{node.name}.bias", bias)]
        node.attrs = explicit_attributes(node.attrs, weights.shape[2:])
    node.op, node.domain = known.approximate, HAWX_DOMAIN
    node.inputs.clear()
    tables, *factors = shared
    node.inputs.extend([*inputs, tables, table_index, *factors])


def _moved(
    graph: gs.Graph, model: onnx.ModelProto, layers: Container[str], signed: bool | None
) -> MovedCodes | None:
    """What moves the codes of layers that give accumulators; None if there are none."""
    nodes = (node for node in model.graph.node if node.name in layers)
    if not any(INTEGER_OPS[node.op_type].dynamic for node in nodes):
        return None
    assert signed is not None
    return MovedCodes(graph, signed, element_types(model))


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
    signed: bool | None = None,
    portable: bool = True,
) -> onnx.ModelProto:
    """Rewrites nodes with fixed multipliers.

    Args:
        model: Int8 model.
        tables: int32 [T, 256, 256], written once and shared by all nodes.
        index: Node name -> int32 [output channels], which table each channel uses.
        factors: int32 [R, 514], ``stacked_factors`` of the multipliers of the tables.
        signed: Whether the multipliers take int8 codes; has to be told where nodes give
            accumulators, whose codes are moved. Those of QLinear nodes are of that kind already.
        portable: Add the model-local functions; without the library they are added anyway.
    """
    graph = to_graph(model)
    shared, moved = _shared(tables, factors), _moved(graph, model, index, signed)
    for node in list(graph.nodes):
        if node.name in index:
            own = gs.Constant(index_input(node.name), index[node.name].astype(np.int32))
            replace_node(node, own, shared, moved)
    return _close(graph, model, portable)


def with_index_inputs(
    model: onnx.ModelProto,
    tables: np.ndarray,
    channels: dict[str, int],
    *,
    factors: np.ndarray | None = None,
    signed: bool | None = None,
) -> onnx.ModelProto:
    """Rewrites nodes so that one session can run every assignment.

    Args:
        model: Int8 model.
        tables: int32 [T, 256, 256].
        channels: Node name -> output channels. Each of these nodes gets a graph input
            ``index_input(name)``, int32 [channels].
        factors: int32 [R, 514], ``stacked_factors`` of the multipliers of the tables.
        signed: Whether the multipliers take int8 codes; has to be told where nodes give
            accumulators, whose codes are moved. Those of QLinear nodes are of that kind already.
    """
    graph = to_graph(model)
    shared, moved = _shared(tables, factors), _moved(graph, model, channels, signed)
    for node in list(graph.nodes):
        if node.name in channels:
            own = gs.Variable(index_input(node.name), np.int32, [channels[node.name]])
            graph.inputs.append(own)
            replace_node(node, own, shared, moved)
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
