"""Bring any float graph into the form that the later passes work on."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from hawx_onnx.errors import ModelError
from hawx_onnx.passes.base import Pass, PassResult, PassState
from hawx_onnx.passes.graph import (
    CLAMPING_OPS,
    ORIGIN_KEY,
    default_opset,
    keep_identity,
    metadata,
    producer,
    remove_node,
    set_metadata,
    single_consumer,
    to_graph,
    to_model,
    unique_name,
)
from hawx_onnx.passes.kept_functions import INLINE, KEEP, set_aside
from hawx_onnx.passes.unfuse import plain_gemm, scaled_bias, unfuse
from hawx_onnx.passes.widen_floats import has_other_floats, widen_floats
from hawx_onnx.runtime.model_session import source_of
from hawx_onnx.scratch import scratch_folder

# Per-channel QuantizeLinear / DequantizeLinear exist from opset 13 on.
MINIMUM_OPSET = 13
# Model-local functions, which carry the portable bodies, need IR version 8.
MINIMUM_IR = 8
# Most nodes that onnxruntime merges into one Gemm: MatMul, Reshape, Add, BatchNormalization.
_FUSED_NODES = 4
# Where onnxruntime writes the weights of what it simplified.
_OPTIMIZED = "session.optimized_model_external_initializers"


class Canonicalize(Pass):
    """Folds constants and batch normalisation, names every node, turns Gemm into a 1x1 Conv.

    A Gemm with a bias has no integer counterpart in the ONNX standard that keeps the bias in the
    accumulator; a 1x1 convolution does. The new node keeps the Gemm's name; the operator it came
    from is kept in the model's ``hawx.origin`` metadata. Opset and IR version are raised only
    where a later pass needs it.

    Args:
        functions: Whether the nodes of model-local functions join the graph, ``inline``, or calls
            of them stay, ``keep``.
    """

    name = "canonicalize"

    def __init__(self, functions: str = INLINE) -> None:
        self.functions = functions

    def requires(self, state: PassState) -> None:
        """The model has a graph with outputs."""
        if not state.model.graph.output:
            raise ModelError("the graph has no outputs", where="model", mend="export it again")

    def call(self, state: PassState) -> PassResult:
        """Simplifies, names, and rewrites Gemm."""
        raised = raise_opset(state.model)
        if has_other_floats(raised):
            raised = widen_floats(raised)
        if self.functions == KEEP:
            aside = set_aside(raised)
            simple = aside.put_back(simplify(aside.model))
        else:
            simple = simplify(raised)
        graph = to_graph(simple)
        unfuse(graph)
        gemms = [node for node in graph.nodes if node.op == "Gemm"]
        ops = _name_fused(gemms, raised)
        name_nodes(graph)
        # What a model says of itself that was canonical before still holds.
        origin = _known_origin(raised, {node.name for node in graph.nodes})
        origin |= {node.name: op for node, op in zip(gemms, ops, strict=True)}
        for node in gemms:
            _gemm_to_conv(node, graph)
        origin |= {node.name: "Gemm" for node in graph.nodes if node.op == "QGemm"}
        model = to_model(graph, raised, minimum_ir=MINIMUM_IR)
        set_metadata(model, {ORIGIN_KEY: json.dumps(origin, sort_keys=True)})
        # Sizes first: they cost no copies of a large model.
        changed = model.ByteSize() != state.model.ByteSize() or (
            model.SerializeToString() != state.model.SerializeToString()
        )
        return PassResult(state.replace(model=model), changed)


def _known_origin(model: onnx.ModelProto, names: set[str]) -> dict[str, str]:
    """Operators that nodes of these names were once, as a model's metadata tell them."""
    try:
        known = json.loads(metadata(model).get(ORIGIN_KEY, "{}"))
    except (ValueError, RecursionError):
        return {}
    return {name: str(known[name]) for name in known if name in names}


def raise_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """Converts a model to opset 13 where it is older; a newer one is returned as it is."""
    if default_opset(model) >= MINIMUM_OPSET:
        return model
    from onnx import version_converter

    try:
        return version_converter.convert_version(model, MINIMUM_OPSET)
    except Exception as error:
        raise ModelError(
            f"opset {default_opset(model)} cannot be converted to {MINIMUM_OPSET}: "
            f"{str(error).splitlines()[0]}",
            where="model",
            mend=f"export the model with opset {MINIMUM_OPSET} or newer",
        ) from error


def simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    """Applies onnxruntime's basic optimisations: constant folding, identities, BatchNormalization.

    They are the ones that keep standard ops only; opset imports that they add are dropped again.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    options.add_session_config_entry("session.disable_prepacking", "1")  # nothing is run
    with scratch_folder() as folder:
        target = folder / "simplified.onnx"
        options.optimized_model_filepath = str(target)
        try:
            with source_of(model) as source:
                if isinstance(source, str):  # a large model: its weights are written one by one
                    options.add_session_config_entry(f"{_OPTIMIZED}_file_name", "simplified.bin")
                    options.add_session_config_entry(f"{_OPTIMIZED}_min_size_in_bytes", "4096")
                ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(
                f"onnxruntime cannot load it: {str(error).splitlines()[0][:300]}",
                where="model",
                mend="run `python -m onnx.checker` on it, or export it again; operators of other "
                "domains need a model-local function to run",
            ) from error
        result = onnx.load(target)
    _drop_unused_imports(result)
    keep_identity(result, model)
    return result


def _drop_unused_imports(model: onnx.ModelProto) -> None:
    used = {node.domain for node in model.graph.node} | {""}
    used |= {function.domain for function in model.functions}
    keep = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(keep)


def name_nodes(graph: gs.Graph) -> None:
    """Gives every node a unique name; the first to bear a name keeps it."""
    seen: set[str] = set()
    nameless = []
    for index, node in enumerate(graph.nodes):
        if not node.name or node.name in seen:
            nameless.append((index, node))
        seen.add(node.name)
    for index, node in nameless:
        node.name = unique_name(node.name or f"{node.op}_{index}", seen)
        seen.add(node.name)


def _name_fused(gemms: list[gs.Node], source: onnx.ModelProto) -> list[str]:
    """Gives each Gemm that stands for a MatMul and its Add the MatMul's name back.

    Returns:
        The operator that each of them was in the user's model.
    """
    makers = {name: node for node in source.graph.node for name in node.output}
    given = {node.name: node.op_type for node in source.graph.node if node.name}
    ops = []
    for node in gemms:
        op = given.get(node.name)
        if op is None and (maker := _fused_product(node.outputs[0].name, makers)) is not None:
            node.name, op = maker.name, maker.op_type
        ops.append(op or "Gemm")
    return ops


def _fused_product(tensor: str, makers: dict[str, onnx.NodeProto]) -> onnx.NodeProto | None:
    """The MatMul or Gemm next before a tensor; fusions keep the name of what they write."""
    tensors = [tensor]
    for _ in range(_FUSED_NODES):
        nodes = [makers[name] for name in tensors if name in makers]
        for node in nodes:
            if node.op_type in ("MatMul", "Gemm"):
                return node
        tensors = [name for node in nodes for name in node.input]
    return None


def _gemm_to_conv(node: gs.Node, graph: gs.Graph) -> None:
    """Replaces one Gemm with constant weights by Unsqueeze -> 1x1 Conv -> Squeeze.

    One of two activations becomes a MatMul.
    """
    given = producer(node.inputs[1])
    if given is not None and given.op == "DequantizeLinear":
        return  # a quantised graph: lowering takes the codes
    plain_gemm(graph, node)
    if node.op != "Gemm":
        return  # of two activations: a MatMul now
    bias = node.inputs[2] if len(node.inputs) > 2 and not node.inputs[2].is_empty() else None
    weights = np.asarray(node.inputs[1].values) * np.float32(node.attrs.get("alpha", 1.0))
    if not node.attrs.get("transB", 0):
        weights = weights.T
    filters = weights.shape[0]
    values = np.zeros(filters, np.float32)
    if bias is not None and _is_row(bias, filters):
        raw = np.asarray(bias.values, np.float32) * np.float32(node.attrs.get("beta", 1.0))
        values = values + raw.reshape(-1)
    elif bias is not None:
        _split_sum(graph, node, scaled_bias(graph, node, bias))
    _insert_pointwise(graph, node, np.ascontiguousarray(weights, np.float32), values)


def _is_row(bias: gs.Tensor, filters: int) -> bool:
    """Whether a bias is a constant that all rows share."""
    if not isinstance(bias, gs.Constant):
        return False
    shape = np.asarray(bias.values).shape
    return int(np.prod(shape)) in (1, filters) and int(np.prod(shape[:-1])) == 1


def _split_sum(graph: gs.Graph, node: gs.Node, bias: gs.Tensor) -> None:
    """Takes a bias out of a Gemm: a MatMul and the Add behind it arrive as one Gemm."""
    result = node.outputs[0]
    product = gs.Variable(f"hawx.{node.name}.unbiased", np.float32)
    node.outputs[0] = product
    graph.nodes.append(gs.Node("Add", f"{node.name}.add", {}, [product, bias], [result]))


def _insert_pointwise(
    graph: gs.Graph, node: gs.Node, weights: np.ndarray, bias: np.ndarray
) -> None:
    name, source, result = node.name, node.inputs[0], node.outputs[0]
    # Exporters name tensors after nodes ("fc.weight"): a prefix of our own keeps them apart.
    own = f"hawx.{name}"
    axes = gs.Constant(f"{own}.spatial_axes", np.array([2, 3], np.int64))
    expanded = gs.Variable(f"{own}.expanded", np.float32)
    product = gs.Variable(f"{own}.product", np.float32)
    kernel = gs.Constant(f"{own}.weight", weights[:, :, None, None])
    constants = gs.Constant(f"{own}.bias", bias)
    shape = {"kernel_shape": [1, 1]}
    node.outputs.clear()
    node.inputs.clear()
    remove_node(graph, node)
    squeezed = product
    clamp = single_consumer(result, graph)
    if clamp is not None and clamp.op in CLAMPING_OPS:
        # The clamp stays next to its convolution, where quantisation can merge the two.
        clamp.inputs[0] = product
        result, squeezed = clamp.outputs[0], gs.Variable(f"{own}.clamped", np.float32)
        clamp.outputs[0] = squeezed
    graph.nodes.extend(
        [
            gs.Node("Unsqueeze", f"{name}.expand", {}, [source, axes], [expanded]),
            gs.Node("Conv", name, shape, [expanded, kernel, constants], [product]),
            gs.Node("Squeeze", f"{name}.squeeze", {}, [squeezed, axes], [result]),
        ]
    )
