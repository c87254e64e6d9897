"""Split what onnxruntime fuses when it saves an optimised model, and Gemms of other forms."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from hawx_onnx.passes.graph import producer, remove_node

FUSED = {"FusedConv": "Conv", "FusedGemm": "Gemm"}
# Activations of FusedConv -> names of their parameters, in order.
_PARAMETERS = {
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
}


def unfuse(graph: gs.Graph) -> None:
    """Splits FusedConv and FusedGemm into the product, a sum, and the activation, in place."""
    for node in list(graph.nodes):
        if node.op in FUSED and node.domain == "com.microsoft":
            _split(graph, node)


def _split(graph: gs.Graph, node: gs.Node) -> None:
    activation = node.attrs.get("activation", "")
    if activation and activation not in (*_PARAMETERS, "Clip"):
        return  # it runs as it is, and is listed with its reason
    attrs = {k: v for k, v in node.attrs.items() if not k.startswith("activation")}
    given = list(node.attrs.get("activation_params", ()))
    if node.op == "FusedGemm":
        parts = (node.attrs.get(f"activation_{word}") for word in ("alpha", "beta"))
        given = [value for value in parts if value is not None]
    result, own = node.outputs[0], f"hawx.{node.name}"
    added = node.inputs[3] if node.op == "FusedConv" and len(node.inputs) > 3 else None
    inputs = list(node.inputs[:3])
    op = FUSED[node.op]
    node.inputs.clear()
    node.outputs.clear()
    remove_node(graph, node)
    last = result
    if activation:
        before = gs.Variable(f"{own}.before", np.float32)
        graph.nodes.append(_activation(node.name, activation, given, before, last))
        last = before
    if added is not None:
        product = gs.Variable(f"{own}.product", np.float32)
        graph.nodes.append(gs.Node("Add", f"{node.name}.add", {}, [product, added], [last]))
        last = product
    graph.nodes.append(gs.Node(op, node.name, attrs, inputs, [last]))


def _activation(
    name: str, op: str, given: list[float], source: gs.Tensor, target: gs.Tensor
) -> gs.Node:
    if op == "Clip":
        bounds = [
            gs.Constant(f"hawx.{name}.bound_{i}", np.asarray(value, np.float32))
            for i, value in enumerate(given)
        ]
        return gs.Node("Clip", f"{name}.clip", {}, [source, *bounds], [target])
    attrs = dict(zip(_PARAMETERS[op], given, strict=False))
    return gs.Node(op, f"{name}.{op.lower()}", attrs, [source], [target])


def plain_gemm(graph: gs.Graph, node: gs.Node) -> None:
    """Brings a float Gemm into a form whose activations are not transposed, in place.

    One of two activations becomes a MatMul with its sum and factors behind it; of one with constant
    weights, transposed activations are transposed before it.
    """
    if node.attrs.get("transA", 0):
        node.inputs[0] = transposed(graph, node, node.inputs[0], "rows")
        node.attrs.pop("transA")
    given = producer(node.inputs[1])
    constant = isinstance(node.inputs[1], gs.Constant)
    if constant or (given is not None and given.op == "DequantizeLinear"):
        return
    second = node.inputs[1]
    if node.attrs.get("transB", 0):
        second = transposed(graph, node, second, "columns")
    bias = node.inputs[2] if len(node.inputs) > 2 and not node.inputs[2].is_empty() else None
    result = node.outputs[0]
    if bias is not None:
        bias = scaled_bias(graph, node, bias)
        product = gs.Variable(f"hawx.{node.name}.sum", np.float32)
        graph.nodes.append(gs.Node("Add", f"{node.name}.add", {}, [product, bias], [result]))
        result = product
    if node.attrs.get("alpha", 1.0) != 1.0:
        product = gs.Variable(f"hawx.{node.name}.product", np.float32)
        factor = _number(node, "alpha")
        graph.nodes.append(gs.Node("Mul", f"{node.name}.scale", {}, [product, factor], [result]))
        result = product
    node.op, node.attrs = "MatMul", {}
    first = node.inputs[0]
    node.inputs.clear()
    node.outputs.clear()
    node.inputs.extend([first, second])
    node.outputs.append(result)


def transposed(graph: gs.Graph, node: gs.Node, tensor: gs.Tensor, what: str) -> gs.Tensor:
    """The transpose of a matrix, by a node of its own."""
    turned = gs.Variable(f"hawx.{node.name}.{what}", tensor.dtype)
    name = f"{node.name}.transpose_{what}"
    graph.nodes.append(gs.Node("Transpose", name, {"perm": [1, 0]}, [tensor], [turned]))
    return turned


def _number(node: gs.Node, key: str) -> gs.Constant:
    values = np.asarray(node.attrs[key], np.float32).reshape(())
    return gs.Constant(f"hawx.{node.name}.{key}", values)


def scaled_bias(graph: gs.Graph, node: gs.Node, bias: gs.Tensor) -> gs.Tensor:
    """The bias of a Gemm times beta."""
    if node.attrs.get("beta", 1.0) == 1.0:
        return bias
    scaled = gs.Variable(f"hawx.{node.name}.scaled_bias", np.float32)
    inputs = [bias, _number(node, "beta")]
    graph.nodes.append(gs.Node("Mul", f"{node.name}.beta", {}, inputs, [scaled]))
    return scaled
