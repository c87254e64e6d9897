"""Find the nodes whose multiplications can be approximated, and say why the others cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx

from hawx_onnx.errors import ModelError
from hawx_onnx.hardware import LayerWorkload
from hawx_onnx.passes.base import Candidate, LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.element_types import element_types
from hawx_onnx.passes.graph import HAWX_DOMAIN, ORIGIN_KEY, metadata
from hawx_onnx.passes.integer_ops import EXACT_OP, INTEGER_OPS
from hawx_onnx.passes.lower_qdq import LowerQdq
from hawx_onnx.passes.nested_products import nested_products
from hawx_onnx.passes.quantize import Quantize
from hawx_onnx.passes.workloads import layer_sources, workload_of
from hawx_onnx.runtime.runner import Runner

_DOMAINS = ("", "ai.onnx", HAWX_DOMAIN)
FLOAT_OPS = frozenset({"Conv", "MatMul", "Gemm"})
OTHER_PRODUCT_OPS = frozenset(
    {
        *("ConvTranspose", "DeformConv", "Einsum", "RNN", "LSTM", "GRU", "Attention"),
        # Of com.microsoft, as onnxruntime writes them.
        *("QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulNBits", "NhwcConv"),
        *("FusedConv", "FusedGemm", "FusedMatMul", "QAttention", "MultiHeadAttention"),
        *("GroupQueryAttention", "DynamicQuantizeLSTM"),
    }
)
# Places of (activation, weight) among the inputs.
OPERANDS = {
    **{kind: known.operands for kind, known in INTEGER_OPS.items()},
    **dict.fromkeys(sorted(FLOAT_OPS), (0, 1)),
}
# Places of all scales and zero points of QLinear operators, and of those of a whole tensor.
QUANTIZATION = (1, 2, 4, 5, 6, 7)
PER_TENSOR = (1, 2, 6, 7)


@dataclass(frozen=True)
class _Product:
    """A node that multiplies, with the name that its multiplier inputs go by."""

    node: onnx.NodeProto
    kind: str
    op: str


class FindCandidates(Pass):
    """Lists the nodes on 8-bit codes whose products the multipliers take."""

    name = "find-candidates"

    def call(self, state: PassState) -> PassResult:
        """Checks each node that multiplies."""
        signed = state.multipliers[0].encoding.codes_signed if state.multipliers else True
        code = np.dtype(np.int8 if signed else np.uint8)
        types = element_types(state.model)
        constants = {tensor.name: tuple(tensor.dims) for tensor in state.model.graph.initializer}
        found = products(state.model)
        told = {
            note.node: note.reason
            for record in reversed(state.records)
            if record.name in (LowerQdq.name, Quantize.name)
            for note in record.left_alone
        }
        reasons = [
            _why_not(product, types, code, told) or _why_not_operands(product, constants)
            for product in found
        ]
        shapes, batch = _measured(
            state.model,
            [p for p, reason in zip(found, reasons, strict=True) if not reason],
            None if state.dataset is None else state.dataset.calibration.x[:1],
        )
        chosen: list[_Product] = []
        left: list[LeftAlone] = []
        for product, reason in zip(found, reasons, strict=True):
            why = reason or _why_not_shapes(product, shapes)
            if why:
                left.append(LeftAlone(product.node.name, product.op, why))
                continue
            chosen.append(product)
        candidates = tuple(
            Candidate(work.name, work.op, product.kind, work.filters, work)
            for product, work in zip(
                chosen, _workloads(state.model, chosen, shapes, batch), strict=True
            )
        )
        left += nested_products(state.model, FLOAT_OPS | OTHER_PRODUCT_OPS | set(INTEGER_OPS))
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
        op = INTEGER_OPS[kind].op if kind in INTEGER_OPS else kind
        ours = node.domain in _DOMAINS and (kind in INTEGER_OPS or kind in FLOAT_OPS)
        if ours or kind in OTHER_PRODUCT_OPS:
            found.append(_Product(node, kind, origin.get(node.name, op)))
    return found


def _why_not(
    product: _Product,
    types: Mapping[str, np.dtype[np.generic]],
    code: np.dtype[np.generic],
    told: Mapping[str, str],
) -> str:
    """Reason that lies in the operator or its codes, given what lowering told; else empty."""
    if product.kind in FLOAT_OPS:
        why = told.get(product.node.name, "its operands or its output stay in floating point")
        return f"it is not quantised: {why}"
    if product.kind not in INTEGER_OPS:
        return f"{product.kind} has no approximate counterpart yet"
    if product.node.domain not in ("", "ai.onnx", "ai.hawx"):
        return f"it belongs to the domain {product.node.domain}"
    known = INTEGER_OPS[product.kind]
    for what, (place, zero) in zip(("activation", "weight"), known.codes, strict=True):
        # Of what operators of other domains write, the zero point alone tells the type.
        names = [*product.node.input, "", ""]
        given = types.get(names[place], types.get(names[zero]))
        if given is None:
            return f"the type of its {what} codes is not known"
        if given != code and not known.dynamic:
            return f"its {what} codes are {given}, the multipliers take {code}"
    return ""


def _why_not_operands(product: _Product, constants: dict[str, tuple[int, ...]]) -> str:
    """Reason that lies in which inputs are constants, and of which size; empty if none does."""
    names = product.node.input
    activation, weight = (names[i] for i in OPERANDS[product.kind])
    if activation in constants:
        return "its first operand is a constant: the truth tables take the activations first"
    if INTEGER_OPS[product.kind].convolves and weight not in constants:
        return "its weights are computed at run time"
    if INTEGER_OPS[product.kind].dynamic:
        return "" if len(names) == 4 and all(names) else "it leaves zero points out"
    if any(names[i] not in constants for i in QUANTIZATION):
        return "its scales or zero points are computed at run time"
    if any(int(np.prod(constants[names[i]])) != 1 for i in PER_TENSOR):
        return "its activations are quantised per row or per channel"
    return ""


def _why_not_shapes(product: _Product, shapes: dict[str, tuple[int, ...]]) -> str:
    """Reason that lies in the ranks of the operands; empty if none does."""
    ranks = [len(shapes[product.node.input[i]]) for i in OPERANDS[product.kind]]
    if not INTEGER_OPS[product.kind].convolves and min(ranks) < 2:
        return "one of its operands is a vector"
    return ""


def measure_workloads(model: onnx.ModelProto, found: list[_Product]) -> tuple[LayerWorkload, ...]:
    """Shapes of the products of one inference, read off a run on one all-zero sample.

    Raises:
        ModelError: The input has open dimensions besides the batch.
    """
    shapes, batch = _measured(model, found)
    return _workloads(model, found, shapes, batch)


def _measured(
    model: onnx.ModelProto, found: list[_Product], sample: np.ndarray | None = None
) -> tuple[dict[str, tuple[int, ...]], int]:
    """Shapes of all operands and results, and the batch size that they were measured at."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for node in model.graph.node:
        # Weights that are codes have their shape: they need not be computed.
        if node.op_type == "DequantizeLinear" and node.input[0] in shapes:
            shapes[node.output[0]] = shapes[node.input[0]]
    wanted = [
        name
        for product in found
        for name in (
            product.node.output[0],
            *(product.node.input[i] for i in OPERANDS[product.kind]),
        )
        if name not in shapes
    ]
    if not wanted:
        return shapes, 1
    measured, batch = _shapes(model, wanted, sample)
    return {**shapes, **measured}, batch


def _shapes(
    model: onnx.ModelProto, tensors: list[str], given: np.ndarray | None = None
) -> tuple[dict[str, tuple[int, ...]], int]:
    """Shapes of tensors for a sample [1, ...], or for a zero one of the model's sizes."""
    inputs = {value.name for value in model.graph.input}
    runner = Runner(model, expose=[t for t in tensors if t not in inputs])
    for spec in runner.spec.inputs if given is None else ():
        open_axes = [axis for axis, size in enumerate(spec.shape) if axis and size is None]
        if open_axes:
            raise ModelError(
                f"its axes {open_axes} have no fixed size",
                where=f"input {spec.name}",
                mend="export the model with fixed sizes besides the batch",
            )
    batch = (runner.spec.shape[0] or 1) if runner.spec.shape else 1
    sample = given
    if sample is None or not len(sample):
        sizes = (size or 1 for size in runner.spec.shape[1:])
        sample = np.zeros((1, *sizes), runner.spec.dtype)
    names = list(dict.fromkeys(tensors))
    feeds = runner.spec.feeds(sample)
    given_shapes = {name: (batch, *array.shape[1:]) for name, array in feeds.items()}
    names = [name for name in names if name not in given_shapes]
    # Filler rows of a fixed batch are kept by asking for as many samples as it takes.
    values = next(iter(runner.stream(np.repeat(sample, batch, axis=0), names)))
    found = dict(zip(names, (value.shape for value in values), strict=True))
    return {**given_shapes, **found}, batch


def _workloads(
    model: onnx.ModelProto, found: list[_Product], shapes: dict[str, tuple[int, ...]], batch: int
) -> tuple[LayerWorkload, ...]:
    """Workloads of products whose shapes are known, with the layers that each reads."""
    sources = layer_sources(model.graph, {product.node.name for product in found})
    return tuple(
        replace(
            workload_of(product.node, product.op, OPERANDS[product.kind], shapes, batch),
            sources=sources[product.node.name],
        )
        for product in found
    )
