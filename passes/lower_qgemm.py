"""QGemm of com.microsoft, which onnxruntime's quantiser writes, as the standard's QLinearConv."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from hawx_onnx.passes.graph import constant, remove_node
from hawx_onnx.passes.qdq import Reason, check_types, scalar
from hawx_onnx.passes.unfuse import transposed

# Inputs: A, scale, zero point; B, scale, zero point; C; scale and zero point of the result.
_A, _B, _B_SCALE, _B_ZERO, _C, _Y_SCALE, _Y_ZERO = 0, 3, 4, 5, 6, 7, 8


def lower_qgemm(graph: gs.Graph, node: gs.Node) -> None:
    """Puts a convolution over one position in the place of a QGemm that gives codes."""
    inputs = [*node.inputs, *[gs.Variable.empty()] * (9 - len(node.inputs))]
    if inputs[_Y_SCALE].is_empty() or inputs[_Y_ZERO].is_empty():
        raise Reason("its output is not quantised")
    if node.attrs.get("alpha", 1.0) != 1.0:
        raise Reason("it scales its operands (alpha)")
    codes = constant(inputs[_B])
    if codes is None:
        raise Reason("its weights are computed at run time")
    own = f"hawx.{node.name}"
    rows = codes if node.attrs.get("transB", 0) else codes.T
    kernel = gs.Constant(f"{own}.weight_codes", np.ascontiguousarray(rows)[:, :, None, None])
    operands = [*(scalar(t, "its input") for t in inputs[1:3]), kernel]
    operands += [inputs[_B_SCALE], inputs[_B_ZERO]]
    if inputs[_B_SCALE].values.size == 1:
        operands[3:] = [scalar(t, "its weight") for t in operands[3:]]
    operands += [scalar(t, "its output") for t in (inputs[_Y_SCALE], inputs[_Y_ZERO])]
    check_types(operands[1], operands[4], operands[6])
    if not inputs[_C].is_empty():
        operands.append(_bias(inputs[_C], len(rows), own))
    axes = gs.Constant(f"{own}.spatial_axes", np.array([2, 3], np.int64))
    expanded = gs.Variable(f"{own}.expanded", operands[1].dtype)
    product = gs.Variable(f"{own}.product", operands[6].dtype)
    source, result, name = inputs[_A], node.outputs[0], node.name
    if node.attrs.get("transA", 0):
        source = transposed(graph, node, source, "rows")
    node.inputs.clear()
    node.outputs.clear()
    remove_node(graph, node)
    shape = {"kernel_shape": [1, 1]}
    graph.nodes.extend(
        [
            gs.Node("Unsqueeze", f"{name}.expand", {}, [source, axes], [expanded]),
            gs.Node("QLinearConv", name, shape, [expanded, *operands], [product]),
            gs.Node("Squeeze", f"{name}.squeeze", {}, [product, axes], [result]),
        ]
    )


def _bias(tensor: gs.Tensor, filters: int, own: str) -> gs.Constant:
    """The int32 bias, of the scale that QLinearConv has for it too."""
    values = constant(tensor)
    if values is None:
        raise Reason("its bias is computed at run time")
    if values.size not in (1, filters) or int(np.prod(values.shape[:-1])) not in (0, 1):
        raise Reason("its bias differs from row to row")
    return gs.Constant(f"{own}.bias_codes", np.broadcast_to(values.reshape(-1), filters).copy())
