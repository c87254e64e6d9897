"""Turn QDQ groups into the integer operators that the standard has for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_graphsurgeon as gs

from hawx_onnx.passes.base import LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.graph import (
    CLAMPING_OPS,
    constant,
    producer,
    single_consumer,
    to_graph,
    to_model,
)

# Operators that only move codes: the int8 form is the same operator on codes.
MOVING_OPS = frozenset(
    {"MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Identity"}
)


class Reason(Exception):
    """Why a group was not lowered."""


class LowerQdq(Pass):
    """Lowers DequantizeLinear -> op -> QuantizeLinear groups to integer arithmetic.

    Conv becomes QLinearConv, MatMul becomes QLinearMatMul, Relu and Clip clamp codes, and ops that
    only move values work on codes directly. What stays in QDQ form (Add, pooling by average ...)
    is run by onnxruntime as before. After this pass the int8 semantics of every candidate node is
    fixed by the ONNX standard and no longer depends on which fusions a runtime applies.
    """

    name = "lower-qdq"

    def call(self, state: PassState) -> PassResult:
        """Lowers group by group until nothing changes."""
        graph = to_graph(state.model)
        _drop_requantization_before_clamp(graph)
        left: list[LeftAlone] = []
        changed = False
        # Clamps first: each moves the QuantizeLinear behind it to its convolution.
        for node in sorted(graph.nodes, key=lambda node: node.op not in CLAMPING_OPS):
            rule = RULES.get(node.op)
            if rule is None or node.domain not in (None, "", "ai.onnx"):
                continue
            try:
                rule(graph, node)
                changed = True
            except Reason as reason:
                left.append(LeftAlone(node.name, node.op, str(reason)))
        model = to_model(graph, state.model)
        return PassResult(state.replace(model=model), changed, tuple(left))


def _dequantized(tensor: gs.Tensor, what: str) -> list[gs.Tensor]:
    """[codes, scale, zero point] of a tensor that a DequantizeLinear writes."""
    node = producer(tensor)
    if node is None or node.op != "DequantizeLinear":
        raise Reason(f"its {what} is not quantised")
    if len(node.inputs) < 3 or node.inputs[2].is_empty():
        raise Reason(f"its {what} has no zero point")
    if not isinstance(node.inputs[1], gs.Constant) or not isinstance(node.inputs[2], gs.Constant):
        raise Reason(f"the scale or zero point of its {what} is computed at run time")
    if np.dtype(node.inputs[2].dtype) not in (np.dtype(np.int8), np.dtype(np.uint8)):
        raise Reason(f"its {what} is quantised to {np.dtype(node.inputs[2].dtype)}, not to 8 bits")
    return list(node.inputs[:3])


def _quantizer(tensor: gs.Tensor, graph: gs.Graph) -> gs.Node:
    """The QuantizeLinear that alone reads a tensor."""
    node = single_consumer(tensor, graph)
    if node is None:
        raise Reason("its float output is read more than once")
    if node.op != "QuantizeLinear":
        raise Reason(f"its output is not quantised ({node.op} follows)")
    if len(node.inputs) < 3 or node.inputs[2].is_empty():
        raise Reason("its output has no zero point")
    return node


def _scalar(tensor: gs.Tensor, what: str) -> gs.Constant:
    """A scale or zero point that holds for the whole tensor, brought to rank 0."""
    values = constant(tensor)
    if values is None or values.size != 1:
        raise Reason(f"{what} is quantised per channel")
    tensor.values = values.reshape(())
    return tensor


def _replace(
    graph: gs.Graph, node: gs.Node, quantizer: gs.Node, op: str, inputs: list[gs.Tensor]
) -> None:
    """Puts an integer op in the place of ``node`` and of the QuantizeLinear behind it."""
    result = quantizer.outputs[0]
    attrs, name = ({} if op == "Clip" else dict(node.attrs)), node.name
    quantizer.outputs.clear()
    node.outputs.clear()
    node.inputs.clear()
    graph.nodes.remove(node)
    graph.nodes.append(gs.Node(op, name, attrs, inputs, [result]))


def _lower_conv(graph: gs.Graph, node: gs.Node) -> None:
    quantizer = _quantizer(node.outputs[0], graph)
    x, x_scale, x_zero = _dequantized(node.inputs[0], "input")
    w, w_scale, w_zero = _weights(node.inputs[1], axis=0)
    inputs = [x, _scalar(x_scale, "its input"), _scalar(x_zero, "its input"), w, w_scale, w_zero]
    inputs += [_scalar(t, "its output") for t in quantizer.inputs[1:3]]
    if len(node.inputs) > 2 and not node.inputs[2].is_empty():
        inputs.append(_bias(node, inputs[1], w_scale))
    _replace(graph, node, quantizer, "QLinearConv", inputs)


def _lower_matmul(graph: gs.Graph, node: gs.Node) -> None:
    quantizer = _quantizer(node.outputs[0], graph)
    a, a_scale, a_zero = _dequantized(node.inputs[0], "first operand")
    source = producer(node.inputs[1])
    if (
        source is not None
        and source.op == "DequantizeLinear"
        and constant(source.inputs[0]) is None
    ):
        b, b_scale, b_zero = _dequantized(node.inputs[1], "second operand")
        b_scale, b_zero = (_scalar(t, "its second operand") for t in (b_scale, b_zero))
    else:
        b, b_scale, b_zero = _weights(node.inputs[1], axis=-1)
    inputs = [a, _scalar(a_scale, "its first operand"), _scalar(a_zero, "its first operand")]
    inputs += [b, b_scale, b_zero]
    inputs += [_scalar(t, "its output") for t in quantizer.inputs[1:3]]
    _replace(graph, node, quantizer, "QLinearMatMul", inputs)


def _weights(tensor: gs.Tensor, axis: int) -> list[gs.Tensor]:
    """[codes, scale, zero point] of constant weights, quantised per tensor or along ``axis``."""
    codes, scale, zero = _dequantized(tensor, "weight")
    values, scales = constant(codes), constant(scale)
    if values is None or scales is None:
        raise Reason("its weights are computed at run time")
    given = producer(tensor)
    assert given is not None
    along = given.attrs.get("axis", 1) % max(values.ndim, 1)
    if scales.size > 1 and along != axis % values.ndim:
        raise Reason(f"its weights are quantised along axis {along}")
    if scales.size == 1:
        scale, zero = _scalar(scale, "its weight"), _scalar(zero, "its weight")
    return [codes, scale, zero]


def _bias(node: gs.Node, x_scale: gs.Constant, w_scale: gs.Tensor) -> gs.Constant:
    """The int32 bias of QLinearConv, whose scale is x_scale * w_scale by definition."""
    scale = np.asarray(x_scale.values, np.float32) * np.asarray(constant(w_scale), np.float32)
    given = producer(node.inputs[2])
    if given is not None and given.op == "DequantizeLinear":
        codes, own = constant(given.inputs[0]), constant(given.inputs[1])
        if codes is None or own is None:
            raise Reason("its bias is computed at run time")
        if codes.dtype == np.int32 and np.allclose(own, scale, rtol=1e-5, atol=0):
            return gs.Constant(f"{node.name}.bias_codes", codes.reshape(-1))
        values = codes.astype(np.float64) * own.astype(np.float64)
    else:
        raw = constant(node.inputs[2])
        if raw is None:
            raise Reason("its bias is computed at run time")
        values = raw.astype(np.float64)
    codes = np.rint(values.reshape(-1) / scale)
    if np.abs(codes).max(initial=0) >= 2**31:
        raise Reason("its bias does not fit 32 bits at the scale of the accumulator")
    return gs.Constant(f"{node.name}.bias_codes", codes.astype(np.int32))


def _same_codes(first: list[gs.Tensor], second: list[gs.Tensor]) -> bool:
    pairs = [(constant(a), constant(b)) for a, b in zip(first, second, strict=True)]
    return all(a is not None and b is not None and np.array_equal(a, b) for a, b in pairs)


def _lower_moving(graph: gs.Graph, node: gs.Node) -> None:
    quantizer = _quantizer(node.outputs[0], graph)
    codes, scale, zero = _dequantized(node.inputs[0], "input")
    if len(node.outputs) != 1:
        raise Reason("it has several outputs")
    if not _same_codes([scale, zero], list(quantizer.inputs[1:3])):
        raise Reason("its output has another scale than its input")
    _replace(graph, node, quantizer, node.op, [codes, *node.inputs[1:]])


def _lower_clamp(graph: gs.Graph, node: gs.Node) -> None:
    """A clamp after an integer op: the op writes codes of the clamp's output, which are clamped."""
    quantizer = _quantizer(node.outputs[0], graph)
    before = producer(node.inputs[0])
    scale, zero = (_scalar(t, "its output") for t in quantizer.inputs[1:3])
    low, high = _clamp_codes(node, scale, zero)
    if before is not None and before.op == "DequantizeLinear":
        codes, in_scale, in_zero = _dequantized(node.inputs[0], "input")
        if not _same_codes([in_scale, in_zero], list(quantizer.inputs[1:3])):
            raise Reason("its output has another scale than its input")
        _replace(graph, node, quantizer, "Clip", [codes, low, high])
        return
    if before is None or before.op not in ("Conv", "MatMul"):
        raise Reason("no quantised operator writes its input")
    if single_consumer(node.inputs[0], graph) is None:
        raise Reason("its input is read more than once")
    if _whole_range(low, high):
        quantizer.inputs[0] = node.inputs[0]
        node.outputs.clear()
        return
    inner = gs.Variable(f"{node.name}.codes", np.dtype(zero.dtype))
    between = gs.Node("QuantizeLinear", f"{node.name}.quantize", {}, [], [inner])
    between.inputs.extend([node.inputs[0], scale, zero])
    graph.nodes.append(between)
    _replace(graph, node, quantizer, "Clip", [inner, low, high])


def _clamp_codes(
    node: gs.Node, scale: gs.Constant, zero: gs.Constant
) -> tuple[gs.Constant, gs.Constant]:
    """Bounds of a Relu or Clip as codes of its output."""
    dtype = np.dtype(zero.dtype)
    limits = np.iinfo(dtype)
    bounds: list[float] = [0.0, np.inf] if node.op == "Relu" else [-np.inf, np.inf]
    for index, tensor in enumerate(node.inputs[1:3]):
        if tensor.is_empty():
            continue
        values = constant(tensor)
        if values is None and producer(tensor) is not None:
            given = producer(tensor)
            assert given is not None
            raise Reason(f"its bound is computed at run time by {given.op}")
        if values is None:
            raise Reason("its bound is a graph input")
        bounds[index] = float(values)
    with np.errstate(over="ignore"):
        raw = np.asarray(bounds, np.float32) / np.asarray(scale.values, np.float32)
    shifted = np.clip(np.rint(raw) + float(zero.values), limits.min, limits.max)
    low, high = (np.asarray(value, dtype) for value in shifted)
    return gs.Constant(f"{node.name}.low", low), gs.Constant(f"{node.name}.high", high)


def _whole_range(low: gs.Constant, high: gs.Constant) -> bool:
    """Whether saturation to the code type clamps already."""
    limits = np.iinfo(np.dtype(low.dtype))
    return bool(low.values == limits.min and high.values == limits.max)


def _drop_requantization_before_clamp(graph: gs.Graph) -> None:
    """Removes Q -> DQ pairs between Conv or MatMul and the clamp that alone reads it.

    The symmetric quantiser keeps the Relu and quantises both sides of it; the pair before it costs
    half of the code range and would hide the clamp from the group of its convolution.
    """
    for clamp in list(graph.nodes):
        if clamp.op not in CLAMPING_OPS:
            continue
        dequantize = producer(clamp.inputs[0])
        if dequantize is None or dequantize.op != "DequantizeLinear":
            continue
        quantize = producer(dequantize.inputs[0])
        if quantize is None or quantize.op != "QuantizeLinear":
            continue
        source = producer(quantize.inputs[0])
        alone = (
            source is not None
            and source.op in ("Conv", "MatMul")
            and single_consumer(dequantize.outputs[0], graph) is clamp
            and single_consumer(quantize.outputs[0], graph) is dequantize
            and single_consumer(quantize.inputs[0], graph) is quantize
        )
        after = single_consumer(clamp.outputs[0], graph)
        if alone and after is not None and after.op == "QuantizeLinear":
            clamp.inputs[0] = quantize.inputs[0]
            quantize.inputs.clear()


RULES: dict[str, Callable[[gs.Graph, gs.Node], None]] = {
    "Conv": _lower_conv,
    "MatMul": _lower_matmul,
    **dict.fromkeys(sorted(MOVING_OPS), _lower_moving),
    **dict.fromkeys(sorted(CLAMPING_OPS), _lower_clamp),
}
