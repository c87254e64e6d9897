"""Turn QDQ groups into the integer operators that the standard has for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_graphsurgeon as gs

from hawx_onnx.passes.base import LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.graph import CLAMPING_OPS, constant, producer, to_graph, to_model
from hawx_onnx.passes.lower_clamp import lower_clamp
from hawx_onnx.passes.lower_qgemm import lower_qgemm
from hawx_onnx.passes.qdq import (
    Reason,
    bias_of,
    check_types,
    dequantized,
    quantizer_of,
    replace_group,
    same_codes,
    scalar,
    weights_of,
)
from hawx_onnx.passes.unfuse import transposed

# Operators that only move codes: the int8 form is the same operator on codes.
MOVING_OPS = frozenset(
    {"MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Identity"}
)


class LowerQdq(Pass):
    """Lowers DequantizeLinear -> op -> QuantizeLinear groups to integer arithmetic.

    Conv becomes QLinearConv, Gemm a QLinearConv over one position, MatMul becomes QLinearMatMul,
    Relu and Clip clamp codes, and ops that only move values work on codes directly. What stays in
    QDQ form (Add, pooling by average ...) is run by onnxruntime as before. After this pass the int8
    semantics of every candidate node is fixed by the ONNX standard and no longer depends on which
    fusions a runtime applies.
    """

    name = "lower-qdq"

    def call(self, state: PassState) -> PassResult:
        """Lowers group by group: each node once."""
        graph = to_graph(state.model)
        left: list[LeftAlone] = []
        changed = False
        # Clamps first: each moves the QuantizeLinear behind it to its convolution.
        for node in sorted(graph.nodes, key=lambda node: node.op not in CLAMPING_OPS):
            rule = _rule_of(node)
            if rule is None or _moves_codes(node):
                continue
            try:
                rule(graph, node)
                changed = True
            except Reason as reason:
                left.append(LeftAlone(node.name, node.op, str(reason)))
        model = to_model(graph, state.model)
        return PassResult(state.replace(model=model), changed, tuple(left))


def _rule_of(node: gs.Node) -> Callable[[gs.Graph, gs.Node], None] | None:
    if node.domain == "com.microsoft":
        return lower_qgemm if node.op == "QGemm" else None
    return RULES.get(node.op) if node.domain in (None, "", "ai.onnx") else None


def _moves_codes(node: gs.Node) -> bool:
    """Whether a node that moves values works on codes already."""
    readers = [reader for tensor in node.outputs for reader in tensor.outputs]
    before = producer(node.inputs[0]) if node.inputs else None
    on_codes = before is not None and before.op == "QuantizeLinear"
    return node.op in MOVING_OPS and (
        on_codes or any(reader.op == "DequantizeLinear" for reader in readers)
    )


def _lower_conv(graph: gs.Graph, node: gs.Node) -> None:
    quantizer = quantizer_of(node.outputs[0], graph)
    inputs = _quantized_operands(node, quantizer, *weights_of(node.inputs[1], axis=0))
    if len(node.inputs) > 2 and not node.inputs[2].is_empty():
        inputs.append(bias_of(node, inputs[1], inputs[4], inputs[3].shape[0]))
    replace_group(graph, node, quantizer, "QLinearConv", inputs)


def _quantized_operands(
    node: gs.Node, quantizer: gs.Node, w: gs.Tensor, w_scale: gs.Tensor, w_zero: gs.Tensor
) -> list[gs.Tensor]:
    """The first eight inputs of the integer op."""
    x, x_scale, x_zero = dequantized(node.inputs[0], "input")
    x_scale, x_zero = scalar(x_scale, "its input"), scalar(x_zero, "its input")
    y_scale, y_zero = (scalar(t, "its output") for t in quantizer.inputs[1:3])
    check_types(x_zero, w_zero, y_zero)
    return [x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero]


def _lower_gemm(graph: gs.Graph, node: gs.Node) -> None:
    """Gemm has no integer op that keeps the bias in the accumulator: a 1x1 convolution does."""
    quantizer = quantizer_of(node.outputs[0], graph)
    columns = bool(node.attrs.get("transB", 0))
    w, w_scale, w_zero = weights_of(node.inputs[1], axis=0 if columns else 1)
    if node.attrs.get("alpha", 1.0) != 1.0 or node.attrs.get("beta", 1.0) != 1.0:
        raise Reason("it scales its operands (alpha, beta)")
    own = f"hawx.{node.name}"
    codes = constant(w)
    assert codes is not None
    rows = np.ascontiguousarray(codes if columns else codes.T)[:, :, None, None]
    kernel = gs.Constant(f"{own}.weight_codes", rows)
    inputs = _quantized_operands(node, quantizer, kernel, w_scale, w_zero)
    if len(node.inputs) > 2 and not node.inputs[2].is_empty():
        inputs.append(bias_of(node, inputs[1], w_scale, len(rows)))
    axes = gs.Constant(f"{own}.spatial_axes", np.array([2, 3], np.int64))
    expanded = gs.Variable(f"{own}.expanded", inputs[2].dtype)
    product = gs.Variable(f"{own}.product", inputs[7].dtype)
    source = inputs[0]
    if node.attrs.get("transA", 0):
        source = transposed(graph, node, source, "rows")
    expand = gs.Node("Unsqueeze", f"{node.name}.expand", {}, [source, axes], [expanded])
    node.attrs = {"kernel_shape": [1, 1]}
    made = replace_group(graph, node, quantizer, "QLinearConv", [expanded, *inputs[1:]])
    result = made.outputs[0]
    made.outputs[0] = product
    squeeze = gs.Node("Squeeze", f"{made.name}.squeeze", {}, [product, axes], [result])
    graph.nodes.extend([expand, squeeze])


def _lower_matmul(graph: gs.Graph, node: gs.Node) -> None:
    quantizer = quantizer_of(node.outputs[0], graph)
    source = producer(node.inputs[1])
    if (
        source is not None
        and source.op == "DequantizeLinear"
        and constant(source.inputs[0]) is None
    ):
        b, b_scale, b_zero = dequantized(node.inputs[1], "second operand")
        b_scale, b_zero = (scalar(t, "its second operand") for t in (b_scale, b_zero))
    else:
        b, b_scale, b_zero = weights_of(node.inputs[1], axis=-1)
    inputs = _quantized_operands(node, quantizer, b, b_scale, b_zero)
    replace_group(graph, node, quantizer, "QLinearMatMul", inputs)


def _lower_moving(graph: gs.Graph, node: gs.Node) -> None:
    quantizer = quantizer_of(node.outputs[0], graph)
    codes, scale, zero = dequantized(node.inputs[0], "input")
    if len(node.outputs) != 1:
        raise Reason("it has several outputs")
    if not same_codes([scale, zero], list(quantizer.inputs[1:3])):
        raise Reason("its output has another scale than its input")
    replace_group(graph, node, quantizer, node.op, [codes, *node.inputs[1:]])


RULES: dict[str, Callable[[gs.Graph, gs.Node], None]] = {
    "Conv": _lower_conv,
    "Gemm": _lower_gemm,
    "MatMul": _lower_matmul,
    **dict.fromkeys(sorted(MOVING_OPS), _lower_moving),
    **dict.fromkeys(sorted(CLAMPING_OPS), lower_clamp),
}
