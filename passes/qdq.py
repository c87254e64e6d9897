"""Reading DequantizeLinear -> op -> QuantizeLinear groups, for the rules that lower them."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from hawx_onnx.passes.graph import constant, producer, remove_node, single_consumer

CODE_TYPES = (np.dtype(np.int8), np.dtype(np.uint8))


class Reason(Exception):
    """Why a group was not lowered."""


def dequantized(tensor: gs.Tensor, what: str) -> list[gs.Tensor]:
    """[codes, scale, zero point] of a tensor that a DequantizeLinear writes."""
    node = producer(tensor)
    if node is None or node.op != "DequantizeLinear":
        raise Reason(f"its {what} is not quantised")
    if len(node.inputs) < 3 or node.inputs[2].is_empty():
        raise Reason(f"its {what} has no zero point")
    if not isinstance(node.inputs[1], gs.Constant) or not isinstance(node.inputs[2], gs.Constant):
        raise Reason(f"the scale or zero point of its {what} is computed at run time")
    _check_codes(node.inputs[2], what)
    return list(node.inputs[:3])


def _check_codes(zero: gs.Tensor, what: str) -> None:
    if np.dtype(zero.dtype) not in CODE_TYPES:
        raise Reason(f"its {what} is quantised to {np.dtype(zero.dtype)}, not to 8 bits")


def quantizer_of(tensor: gs.Tensor, graph: gs.Graph) -> gs.Node:
    """The QuantizeLinear that alone reads a tensor."""
    node = single_consumer(tensor, graph)
    if any(tensor is output for output in graph.outputs):
        raise Reason("its float output is an output of the graph")
    if node is None:
        raise Reason(f"its float output has {len(tensor.outputs)} readers")
    if node.op != "QuantizeLinear":
        raise Reason(f"its output is not quantised ({node.op} follows)")
    if len(node.inputs) < 3 or node.inputs[2].is_empty():
        raise Reason("its output has no zero point")
    if not isinstance(node.inputs[1], gs.Constant) or not isinstance(node.inputs[2], gs.Constant):
        raise Reason("the scale or zero point of its output is computed at run time")
    _check_codes(node.inputs[2], "output")
    return node


def scalar(tensor: gs.Tensor, what: str) -> gs.Constant:
    """A scale or zero point that holds for the whole tensor, brought to rank 0."""
    values = constant(tensor)
    if values is None or values.size != 1:
        raise Reason(f"{what} is quantised per channel")
    tensor.values = values.reshape(())
    return tensor


def same_codes(first: list[gs.Tensor], second: list[gs.Tensor]) -> bool:
    """Whether two pairs of scale and zero point are constants of one value and type."""
    for a, b in zip(map(constant, first), map(constant, second), strict=True):
        if a is None or b is None or a.dtype != b.dtype or not np.array_equal(a, b):
            return False
    return True


def weights_of(tensor: gs.Tensor, axis: int) -> list[gs.Tensor]:
    """[codes, scale, zero point] of constant weights, quantised per tensor or along ``axis``."""
    codes, scale, zero = dequantized(tensor, "weight")
    values, scales = constant(codes), constant(scale)
    if values is None or scales is None:
        raise Reason("its weights are computed at run time")
    given = producer(tensor)
    assert given is not None
    along = given.attrs.get("axis", 1) % max(values.ndim, 1)
    if scales.size > 1 and along != axis % values.ndim:
        raise Reason(f"its weights are quantised along axis {along}")
    if scales.size > 1 and axis < 0 and values.ndim > 2:
        raise Reason("its weights are a stack of matrices, quantised per column")
    if scales.size == 1:
        scale, zero = scalar(scale, "its weight"), scalar(zero, "its weight")
    return [codes, scale, zero]


def check_types(x_zero: gs.Constant, w_zero: gs.Constant, y_zero: gs.Constant) -> None:
    """Raises Reason where the standard's integer op has no kernel for a mix of code types."""
    x, w, y = (np.dtype(zero.dtype) for zero in (x_zero, w_zero, y_zero))
    if x != y:
        raise Reason(f"its input codes are {x}, its output codes {y}")
    if x == np.int8 and w != np.int8:
        raise Reason(f"its input codes are {x}, its weight codes {w}")


def bias_of(node: gs.Node, x_scale: gs.Constant, w_scale: gs.Tensor, channels: int) -> gs.Constant:
    """The int32 bias of QLinearConv, whose scale is x_scale * w_scale by definition."""
    scale = np.asarray(x_scale.values, np.float32) * np.asarray(constant(w_scale), np.float32)
    given = producer(node.inputs[2])
    if given is not None and given.op == "DequantizeLinear":
        parts = [constant(tensor) for tensor in given.inputs if not tensor.is_empty()]
        if any(part is None for part in parts):
            raise Reason("its bias is computed at run time")
        codes, own, *zero = (part for part in parts if part is not None)
        shifted = codes.astype(np.int64) - (zero[0] if zero else 0)
        if codes.dtype == np.int32 and np.allclose(own, scale, rtol=1e-5, atol=0):
            values = shifted.astype(np.float64) * scale
        else:
            values = shifted * own.astype(np.float64)
    else:
        raw = constant(node.inputs[2])
        if raw is None:
            raise Reason("its bias is computed at run time")
        values = raw.astype(np.float64)
    if values.size not in (1, channels):
        raise Reason("its bias differs from row to row")
    bias = np.rint(np.broadcast_to(values.reshape(-1), channels) / scale)
    if not np.abs(bias).max(initial=0) < 2**31:
        raise Reason("its bias does not fit 32 bits at the scale of the accumulator")
    return gs.Constant(f"hawx.{node.name}.bias_codes", bias.astype(np.int32))


def replace_group(
    graph: gs.Graph, node: gs.Node, quantizer: gs.Node, op: str, inputs: list[gs.Tensor]
) -> gs.Node:
    """Puts an integer op in the place of ``node`` and of the QuantizeLinear behind it."""
    result = quantizer.outputs[0]
    attrs, name = ({} if op == "Clip" else dict(node.attrs)), node.name
    quantizer.outputs.clear()
    node.outputs.clear()
    node.inputs.clear()
    remove_node(graph, node)
    made = gs.Node(op, name, attrs, inputs, [result])
    graph.nodes.append(made)
    return made
