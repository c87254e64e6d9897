"""Products whose activations get their ranges at run time, as the standard writes them.

DynamicQuantizeLinear -> ConvInteger or MatMulInteger -> Cast -> Mul by the scales. Ranges are those
of the whole batch, so that a sample's result depends on the samples beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from hawx_onnx.passes.graph import constant, initializers, remove_node
from hawx_onnx.passes.integer_ops import INTEGER_OPS
from hawx_onnx.passes.qdq import Reason

# Operators that multiply codes whose ranges are found at run time.
FUSED = "DynamicQuantizeMatMul"
DYNAMIC_OPS = frozenset({*(kind for kind, known in INTEGER_OPS.items() if known.dynamic), FUSED})


def split_fused(graph: gs.Graph, node: gs.Node) -> None:
    """DynamicQuantizeMatMul of com.microsoft (A, B, scale, zero point, bias) as standard operators.

    Raises:
        Reason: Its weights are computed at run time.
    """
    codes = constant(node.inputs[1])
    if codes is None:
        raise Reason("its weights are computed at run time")
    optional = list(node.inputs[3:5]) + [gs.Variable.empty()] * (5 - len(node.inputs))
    own = f"hawx.{node.name}"
    zero = optional[0]
    if zero.is_empty():
        zero = gs.Constant(f"{own}.weight_zero", np.zeros((), codes.dtype))
    x, x_scale, x_zero = (
        gs.Variable(f"{own}.{what}", dtype)
        for what, dtype in (("x", np.uint8), ("x_scale", np.float32), ("x_zero", np.uint8))
    )
    sums, numbers = gs.Variable(f"{own}.sums", np.int32), gs.Variable(f"{own}.numbers", np.float32)
    scale = gs.Variable(f"{own}.scale", np.float32)
    result, source, weights = node.outputs[0], node.inputs[0], node.inputs[1]
    factors = [x_scale, node.inputs[2]]
    node.outputs.clear()
    node.inputs.clear()
    remove_node(graph, node)
    target = result if optional[1].is_empty() else gs.Variable(f"{own}.product", np.float32)
    graph.nodes += [
        gs.Node("DynamicQuantizeLinear", f"{own}.quantize", {}, [source], [x, x_scale, x_zero]),
        gs.Node("MatMulInteger", node.name, {}, [x, weights, x_zero, zero], [sums]),
        gs.Node("Cast", f"{own}.cast", {"to": int(onnx.TensorProto.FLOAT)}, [sums], [numbers]),
        gs.Node("Mul", f"{own}.scales", {}, factors, [scale]),
        gs.Node("Mul", f"{own}.scaled", {}, [numbers, scale], [target]),
    ]
    if target is not result:
        graph.nodes.append(gs.Node("Add", f"{own}.bias", {}, [target, optional[1]], [result]))


def write_zero_points(node: gs.Node, types: Mapping[str, np.dtype[np.generic]]) -> bool:
    """Gives an operator zero points of 0 where it leaves them out, in place.

    Args:
        node: ConvInteger or MatMulInteger of an open graph.
        types: Tensor -> its type.

    Returns:
        Whether there were any to give.
    """
    written = False
    for place, zero in INTEGER_OPS[node.op].codes:
        code = types.get(node.inputs[place].name)
        if code is None or (zero < len(node.inputs) and not node.inputs[zero].is_empty()):
            continue
        node.inputs.extend([gs.Variable.empty()] * (zero + 1 - len(node.inputs)))
        node.inputs[zero] = gs.Constant(f"hawx.{node.name}.zero.{zero}", np.zeros((), code))
        written = True
    return written


def weight_scale(model: onnx.ModelProto, node: onnx.NodeProto) -> np.ndarray | None:
    """Scales of the weights of a product with run-time ranges.

    Args:
        model: The model.
        node: ConvInteger or MatMulInteger, or its ai.hawx counterpart.

    Returns:
        The constant that the scale of the activations is multiplied with, in the Mul behind the
        Cast of the sums; None where the graph looks otherwise.
    """
    readers: dict[str, list[onnx.NodeProto]] = {}
    makers = {name: one for one in model.graph.node for name in one.output}
    for one in model.graph.node:
        for name in one.input:
            readers.setdefault(name, []).append(one)
    constants, tensor = initializers(model), node.output[0]
    for op in ("Cast", "Mul"):
        found = readers.get(tensor, [])
        if len(found) != 1 or found[0].op_type != op:
            return None
        before, tensor = tensor, found[0].output[0]
    (factor,) = [name for name in found[0].input if name != before] or [""]
    maker = makers.get(factor)
    if maker is None or maker.op_type != "Mul":
        return None
    scales = [constants[name] for name in maker.input if name in constants]
    return onnx.numpy_helper.to_array(scales[0]) if len(scales) == 1 else None
