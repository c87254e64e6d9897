"""Lower Relu and Clip: a clamp of real values becomes a clamp of codes, as rounding is monotone."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from hawx_onnx.passes.graph import (
    CLAMPING_OPS,
    constant,
    producer,
    remove_node,
    single_consumer,
    to_graph,
    to_model,
)
from hawx_onnx.passes.qdq import (
    Reason,
    dequantized,
    quantizer_of,
    replace_group,
    same_codes,
    scalar,
)

PRODUCT_OPS = frozenset({"Conv", "Gemm", "MatMul"})


def lower_clamp(graph: gs.Graph, node: gs.Node) -> None:
    """A clamp after an integer op: the op writes codes of the clamp's output, which are clamped."""
    quantizer = quantizer_of(node.outputs[0], graph)
    before = producer(node.inputs[0])
    scale, zero = (scalar(t, "its output") for t in quantizer.inputs[1:3])
    low, high = _clamp_codes(node, scale, zero)
    if before is not None and before.op == "DequantizeLinear":
        codes, in_scale, in_zero = dequantized(node.inputs[0], "input")
        if not same_codes([in_scale, in_zero], list(quantizer.inputs[1:3])):
            raise Reason("its output has another scale than its input")
        replace_group(graph, node, quantizer, "Clip", [codes, low, high])
        return
    if before is None or before.op not in PRODUCT_OPS:
        raise Reason("no quantised operator writes its input")
    if single_consumer(node.inputs[0], graph) is None:
        raise Reason("its input is read more than once")
    if _whole_range(low, high):
        quantizer.inputs[0] = node.inputs[0]
        node.inputs.clear()
        node.outputs.clear()
        remove_node(graph, node)
        return
    inner = gs.Variable(f"hawx.{node.name}.codes", np.dtype(zero.dtype))
    between = gs.Node("QuantizeLinear", f"{node.name}.quantize", {}, [], [inner])
    between.inputs.extend([node.inputs[0], scale, zero])
    graph.nodes.append(between)
    replace_group(graph, node, quantizer, "Clip", [inner, low, high])


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
    own = f"hawx.{node.name}"
    return gs.Constant(f"{own}.low", low), gs.Constant(f"{own}.high", high)


def _whole_range(low: gs.Constant, high: gs.Constant) -> bool:
    """Whether saturation to the code type clamps already."""
    limits = np.iinfo(np.dtype(low.dtype))
    return bool(low.values == limits.min and high.values == limits.max)


def drop_requantization_before_clamp(model: onnx.ModelProto) -> onnx.ModelProto:
    """Removes Q -> DQ pairs between a product and the clamp that alone reads it.

    The symmetric quantiser keeps the Relu and quantises both sides of it; the pair before it costs
    half of the code range and would hide the clamp from the group of its convolution. Done on
    graphs of our own quantiser alone: in a user's graph the pair is part of what it computes.
    """
    graph = to_graph(model)
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
            and source.op in PRODUCT_OPS
            and single_consumer(dequantize.outputs[0], graph) is clamp
            and single_consumer(quantize.outputs[0], graph) is dequantize
            and single_consumer(quantize.inputs[0], graph) is quantize
        )
        after = single_consumer(clamp.outputs[0], graph)
        if alone and after is not None and after.op == "QuantizeLinear":
            clamp.inputs[0] = quantize.inputs[0]
            quantize.inputs.clear()
    return to_model(graph, model)
