"""Take dynamic and weight-only quantisation back to floats, for static quantisation to follow."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from hawx_onnx.frontend.external_data import keeps_codes
from hawx_onnx.passes.base import LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.dynamic_form import DYNAMIC_OPS, FUSED, split_fused, write_zero_points
from hawx_onnx.passes.element_types import element_types
from hawx_onnx.passes.graph import (
    constant,
    producer,
    remove_node,
    single_consumer,
    to_graph,
    to_model,
)
from hawx_onnx.passes.qdq import Reason

FLOAT_OP = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}
_STATIC = frozenset({"QuantizeLinear"})


class StaticForm(Pass):
    """Dynamically quantised products become float ones on the same weights.

    DynamicQuantizeLinear -> MatMulInteger or ConvInteger -> Cast -> Mul is a product of floats
    whose weights are codes times scales. As floats, ranges for its activations are found on
    calibration samples like those of any float network; an accelerator with fixed scales needs
    them. In a graph without any quantised activation, DequantizeLinear of constants is computed,
    unless the weights are too large for that.

    Args:
        keep_dynamic: Leave the products their dynamic ranges; a fused one is split into the
            operators of the standard.
    """

    name = "static-form"

    def __init__(self, keep_dynamic: bool = False) -> None:
        self.keep_dynamic = keep_dynamic

    def call(self, state: PassState) -> PassResult:
        """Replaces each group, and weights that stand alone."""
        if not needs_static_form(state.model):
            return PassResult(state, False)
        graph = to_graph(state.model)
        left: list[LeftAlone] = []
        changed, computes = False, _computes_weights(state.model)
        types = element_types(state.model) if self.keep_dynamic else {}
        for node in list(graph.nodes):
            try:
                if node.op in FLOAT_OP and self.keep_dynamic:
                    changed |= write_zero_points(node, types)
                    continue
                if node.op in FLOAT_OP:
                    _to_float(graph, node)
                elif node.op == FUSED:
                    (split_fused if self.keep_dynamic else _fused_to_float)(graph, node)
                elif node.op == "DequantizeLinear" and computes:
                    if not self.keep_dynamic:
                        _dequantize_before_gather(graph, node)
                    _compute(node)
                else:
                    continue
                changed = True
            except Reason as reason:
                left.append(LeftAlone(node.name, node.op, str(reason)))
        if not changed:
            return PassResult(state, False, tuple(left))
        return PassResult(state.replace(model=to_model(graph, state.model)), True, tuple(left))


def needs_static_form(model: onnx.ModelProto) -> bool:
    """Whether a model has products with dynamic ranges, or quantised weights alone."""
    ops = {node.op_type for node in model.graph.node}
    return bool(ops & DYNAMIC_OPS) or _computes_weights(model)


def _computes_weights(model: onnx.ModelProto) -> bool:
    """Whether weights are quantised alone, and fit as floats."""
    alone = any(node.op_type == "DequantizeLinear" for node in model.graph.node)
    return alone and not _is_static(model) and not keeps_codes(model)


def _is_static(model: onnx.ModelProto) -> bool:
    return any(
        node.op_type in _STATIC or node.op_type.startswith("QLinear") for node in model.graph.node
    )


def _to_float(graph: gs.Graph, node: gs.Node) -> None:
    """MatMulInteger or ConvInteger, the Cast and the Mul behind it."""
    quantize = producer(node.inputs[0])
    if quantize is None or quantize.op != "DynamicQuantizeLinear":
        raise Reason("its activations come from no DynamicQuantizeLinear")
    cast = single_consumer(node.outputs[0], graph)
    scaled = None if cast is None or cast.op != "Cast" else single_consumer(cast.outputs[0], graph)
    if cast is None or scaled is None or scaled.op != "Mul":
        raise Reason("its sums are not scaled by a Mul behind a Cast")
    factor = next((t for t in scaled.inputs if t is not cast.outputs[0]), None)
    scale = _weight_scale(factor, quantize.outputs[1])
    weights = _integers(node)
    if node.op == "ConvInteger":
        values = weights * _per_filter(scale, weights)
    else:
        values = weights * _per_column(scale, weights)
    kernel = gs.Constant(f"hawx.{node.name}.weights", values.astype(np.float32))
    result = scaled.outputs[0]
    scaled.outputs.clear()
    graph.nodes.append(
        gs.Node(FLOAT_OP[node.op], node.name, node.attrs, [quantize.inputs[0], kernel], [result])
    )
    node.outputs.clear()
    node.inputs.clear()
    remove_node(graph, node)


def _weight_scale(factor: gs.Tensor | None, own: gs.Tensor) -> np.ndarray:
    """The weights' part of the factor that is theirs times the activations'."""
    maker = None if factor is None else producer(factor)
    if maker is None or maker.op != "Mul" or not any(t is own for t in maker.inputs):
        raise Reason("its sums are not scaled by activation scale times weight scale")
    values = [constant(tensor) for tensor in maker.inputs if tensor is not own]
    if len(values) != 1 or values[0] is None:
        raise Reason("the scale of its weights is computed at run time")
    return values[0]


def _integers(node: gs.Node) -> np.ndarray:
    """Weights less their zero points."""
    codes = constant(node.inputs[1])
    if codes is None:
        raise Reason("its second operand is computed at run time")
    zero: np.ndarray = np.zeros(1, np.int32)
    if len(node.inputs) > 3 and not node.inputs[3].is_empty():
        given = constant(node.inputs[3])
        if given is None:
            raise Reason("the zero point of its weights is computed at run time")
        zero = given.astype(np.int32)
    if zero.size > 1 and node.op == "ConvInteger":
        zero = zero.reshape(-1, *[1] * (codes.ndim - 1))
    return np.asarray(codes.astype(np.int32) - zero)


def _per_column(scale: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if scale.size not in (1, weights.shape[-1]):
        raise Reason("the scales of its weights are not one for each column")
    return scale.reshape(-1) if scale.size > 1 else scale.reshape(())


def _per_filter(scale: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if scale.size not in (1, weights.shape[0]):
        raise Reason("the scales of its weights are not one for each filter")
    return scale.reshape(-1, *[1] * (weights.ndim - 1))


def _fused_to_float(graph: gs.Graph, node: gs.Node) -> None:
    """DynamicQuantizeMatMul of com.microsoft: A, B, scale, zero point, bias."""
    codes, scale = constant(node.inputs[1]), constant(node.inputs[2])
    if codes is None or scale is None:
        raise Reason("its weights are computed at run time")
    optional = [t if not t.is_empty() else None for t in node.inputs[3:5]] + [None, None]
    zero = np.zeros(1, np.int32) if optional[0] is None else constant(optional[0])
    if zero is None:
        raise Reason("the zero point of its weights is computed at run time")
    weights = codes.astype(np.int32) - zero.astype(np.int32)
    values = weights * _per_column(scale, weights)
    kernel = gs.Constant(f"hawx.{node.name}.weights", values.astype(np.float32))
    result, source = node.outputs[0], node.inputs[0]
    node.outputs.clear()
    node.inputs.clear()
    remove_node(graph, node)
    target = result
    if optional[1] is not None:
        target = gs.Variable(f"hawx.{node.name}.product", np.float32)
        add = gs.Node("Add", f"{node.name}.bias", {}, [target, optional[1]], [result])
        graph.nodes.append(add)
    graph.nodes.append(gs.Node("MatMul", node.name, {}, [source, kernel], [target]))


def _dequantize_before_gather(graph: gs.Graph, node: gs.Node) -> None:
    """Codes that a Gather picks, as of embeddings, are dequantised before they are picked."""
    gather = producer(node.inputs[0])
    scale = constant(node.inputs[1])
    if gather is None or gather.op != "Gather" or scale is None or scale.size != 1:
        return
    values = gs.Variable(f"hawx.{node.name}.values", np.float32)
    result, inputs = node.outputs[0], [gather.inputs[0], *node.inputs[1:]]
    picked = gs.Node("Gather", f"{node.name}.pick", gather.attrs, [values, gather.inputs[1]])
    node.inputs.clear()
    node.outputs.clear()
    node.inputs.extend(inputs)
    node.outputs.append(values)
    picked.outputs.append(result)
    graph.nodes.append(picked)


def _compute(node: gs.Node) -> None:
    """DequantizeLinear of constants: int4, blocks and axes as the standard defines them."""
    from onnx.reference import ReferenceEvaluator

    values = [None if t.is_empty() else constant(t) for t in node.inputs]
    if any(v is None and not t.is_empty() for v, t in zip(values, node.inputs, strict=True)):
        raise Reason("it dequantises codes that are computed at run time")
    names = [f"i{place}" if v is not None else "" for place, v in enumerate(values)]
    proto = onnx.helper.make_node("DequantizeLinear", names, ["y"], **node.attrs)
    feeds = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    types = {
        name: onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in feeds.items()
    }
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph([proto], "weights", list(types.values()), [out])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)])
    (weights,) = ReferenceEvaluator(model).run(None, feeds)
    result = node.outputs[0]
    own = gs.Constant(f"hawx.{result.name}.weights", np.asarray(weights, np.float32))
    for reader in list(result.outputs):
        for place, tensor in enumerate(reader.inputs):
            if tensor is result:
                reader.inputs[place] = own
