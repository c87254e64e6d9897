"""Find the nodes whose multiplications can be approximated, and say why the others cannot."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import onnx

from hawx_onnx.errors import ModelError
from hawx_onnx.hardware import LayerWorkload
from hawx_onnx.passes.approximate import EXACT_OP, exposed
from hawx_onnx.passes.base import Candidate, LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.graph import ORIGIN_KEY, metadata
from hawx_onnx.runtime.runner import Runner

FLOAT_OPS = frozenset({"Conv", "MatMul", "Gemm"})
INTEGER_OPS = {"QLinearConv": "Conv", "QLinearMatMul": "MatMul"}
OTHER_PRODUCT_OPS = frozenset(
    {"ConvInteger", "MatMulInteger", "ConvTranspose", "QGemm", "DynamicQuantizeMatMul"}
)
# Position of (activation, weight) among the inputs.
OPERANDS = {"QLinearConv": (0, 3), "QLinearMatMul": (0, 3), "Conv": (0, 1), "MatMul": (0, 1)}


@dataclass(frozen=True)
class _Product:
    """A node that multiplies, with the name that its multiplier inputs go by."""

    node: onnx.NodeProto
    kind: str
    op: str


class FindCandidates(Pass):
    """Lists the QLinearConv and QLinearMatMul nodes whose codes the multipliers take."""

    name = "find-candidates"

    def call(self, state: PassState) -> PassResult:
        """Checks each node that multiplies."""
        signed = state.multipliers[0].encoding.codes_signed if state.multipliers else True
        types = _element_types(state.model)
        good: list[_Product] = []
        left: list[LeftAlone] = []
        for product in products(state.model):
            reason = _why_not(product, types, np.dtype(np.int8 if signed else np.uint8))
            if reason:
                left.append(LeftAlone(product.node.name, product.op, reason))
            else:
                good.append(product)
        candidates = tuple(
            Candidate(p.node.name, p.op, p.kind, w.filters, w)
            for p, w in zip(good, measure_workloads(state.model, good), strict=True)
        )
        after = state.replace(candidates=candidates, left_exact=tuple(left))
        return PassResult(after, False, tuple(left))

    def ensures(self, before: PassState, after: PassState) -> None:
        """There is at least one candidate."""
        if after.candidates:
            return
        reasons = "; ".join(f"{n.node} ({n.op}): {n.reason}" for n in after.left_exact[:3])
        raise ModelError(
            "no node can be approximated" + (f": {reasons}" if reasons else ""),
            where="model",
            mend="it needs Conv, MatMul or Gemm nodes that can be quantised to 8 bits",
        )


def products(model: onnx.ModelProto) -> list[_Product]:
    """All nodes that multiply two tensors, in graph order."""
    origin = json.loads(metadata(model).get(ORIGIN_KEY, "{}"))
    found = []
    for node in model.graph.node:
        kind = EXACT_OP.get(node.op_type, node.op_type)
        op = INTEGER_OPS.get(kind, kind)
        if kind in INTEGER_OPS or kind in FLOAT_OPS or kind in OTHER_PRODUCT_OPS:
            found.append(_Product(node, kind, origin.get(node.name, op)))
    return found


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    types.update({tensor.name: tensor.data_type for tensor in graph.initializer})
    return types


def _why_not(product: _Product, types: dict[str, int], code: np.dtype) -> str:
    """Reason why a node is no candidate; empty if it is one."""
    if product.kind in FLOAT_OPS:
        return "it is not quantised: its operands or its output stay in floating point"
    if product.kind not in INTEGER_OPS:
        return f"{product.kind} has no approximate counterpart yet"
    if product.node.domain not in ("", "ai.onnx", "ai.hawx"):
        return f"it belongs to the domain {product.node.domain}"
    for what, position in zip(("activation", "weight"), OPERANDS[product.kind], strict=True):
        elem = types.get(product.node.input[position], 0)
        if not elem:
            return f"the type of its {what} codes is not known"
        if np.dtype(onnx.helper.tensor_dtype_to_np_dtype(elem)) != code:
            given = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(elem))
            return f"its {what} codes are {given}, the multipliers take {code}"
    return ""


def measure_workloads(model: onnx.ModelProto, found: list[_Product]) -> tuple[LayerWorkload, ...]:
    """Shapes of the products of one inference, read off a run on one all-zero sample.

    Raises:
        ModelError: The input has open dimensions besides the batch.
    """
    if not found:
        return ()
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    wanted: list[str] = []
    for product in found:
        wanted += [product.node.output[0], product.node.input[OPERANDS_ALL[product.kind][0]]]
        weight = product.node.input[OPERANDS_ALL[product.kind][1]]
        wanted += [] if weight in constants else [weight]
    shapes, batch = _shapes(model, wanted)
    shapes.update({name: tuple(tensor.dims) for name, tensor in constants.items()})
    return tuple(_workload(product, shapes, batch) for product in found)


OPERANDS_ALL = {**OPERANDS, "Gemm": (0, 1)}


def _shapes(model: onnx.ModelProto, tensors: list[str]) -> tuple[dict[str, tuple[int, ...]], int]:
    probe = exposed(model, [t for t in tensors if t not in {v.name for v in model.graph.input}])
    runner = Runner(probe)
    open_axes = [axis for axis, size in enumerate(runner.spec.shape) if axis and size is None]
    if open_axes:
        raise ModelError(
            f"its axes {open_axes} have no fixed size",
            where=f"input {runner.spec.name}",
            mend="export the model with fixed sizes besides the batch",
        )
    batch = (runner.spec.shape[0] or 1) if runner.spec.shape else 1
    sample = np.zeros((1, *(size or 1 for size in runner.spec.shape[1:])), runner.spec.dtype)
    names = list(dict.fromkeys(tensors))
    inputs = {runner.spec.name: (batch, *sample.shape[1:])}
    names = [name for name in names if name not in inputs]
    # Filler rows of a fixed batch are kept by asking for as many samples as it takes.
    values = next(iter(runner.stream(np.repeat(sample, batch, axis=0), names)))
    found = dict(zip(names, (value.shape for value in values), strict=True))
    return {**inputs, **found}, batch


def _workload(product: _Product, shapes: dict[str, tuple[int, ...]], batch: int) -> LayerWorkload:
    node = product.node
    out = shapes[node.output[0]]
    first, second = (shapes[node.input[i]] for i in OPERANDS_ALL[product.kind])
    if product.kind in ("QLinearConv", "Conv"):
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        positions, filters, window = int(np.prod(out[2:])), second[0], int(np.prod(second[1:]))
        return LayerWorkload(node.name, product.op, positions, filters, window, groups)
    transposed = next((a.i for a in node.attribute if a.name == "transA"), 0)
    window = first[0] if transposed else first[-1]
    rows = int(np.prod(out[:-1]))
    positions = rows // batch if rows % batch == 0 else rows
    return LayerWorkload(node.name, product.op, positions, int(out[-1]), int(window), 1)
