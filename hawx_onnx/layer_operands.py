"""The codes that a layer of a model multiplies for one sample, and the accumulators of them."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from hawx_onnx.components import Multiplier
from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.frontend.copies import exposed
from hawx_onnx.hardware.rtl import LayerOperands
from hawx_onnx.names import close_names
from hawx_onnx.passes.graph import HAWX_DOMAIN, ORIGIN_KEY, TABLES_AT, metadata, table_index_of
from hawx_onnx.passes.integer_ops import as_codes, integer_op, known_op
from hawx_onnx.passes.portable import make_runnable
from hawx_onnx.passes.windows import chosen_windows
from hawx_onnx.passes.windows import windows as windows_of
from hawx_onnx.runtime.library import create_session
from hawx_onnx.runtime.runner import Runner, run

Array = npt.NDArray[Any]


def find_layer(model: onnx.ModelProto, name: str | None) -> onnx.NodeProto:
    """Returns an int8 layer.

    Args:
        model: An int8 model with QLinear or ai.hawx operators.
        name: The layer; by default the first convolution, or the first product without one.

    Raises:
        ConfigError: There is no such layer on int8 codes.
        ModelError: There is no layer on int8 codes at all.
    """
    layers: dict[str, onnx.NodeProto] = {
        node.name: node for node in model.graph.node if integer_op(node.op_type) is not None
    }
    if not layers:
        raise ModelError("no layer works on 8-bit codes", where="model", mend="give another model")
    if name is None:
        origin = json.loads(metadata(model).get(ORIGIN_KEY, "{}"))
        convolutions = (
            n for n in layers if origin.get(n, "Conv") == "Conv" and _is_conv(layers[n])
        )
        return layers[next(convolutions, next(iter(layers)))]
    if name not in layers:
        raise ConfigError(
            f"no layer on 8-bit codes is named {name!r}",
            where="--layer",
            mend=close_names(name, list(layers)),
        )
    return layers[name]


def _is_conv(node: onnx.NodeProto) -> bool:
    known = integer_op(node.op_type)
    return known is not None and known.convolves


def layer_operands(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    sample: Array,
    multipliers: Sequence[Multiplier],
    told: str,
    threads: int = 1,
) -> LayerOperands:
    """Runs a model on a sample and returns what one of its layers multiplies.

    Of a grouped convolution it is the first group, of a batched product the first one. The
    accumulators are those of ApproxConvInteger or ApproxMatMulInteger, run by onnxruntime with the
    layer's own operands, zero points and padding.

    Args:
        model: An int8 model with QLinear or ai.hawx operators.
        node: The layer.
        sample: One sample, with the axis that counts samples.
        multipliers: That of each output channel.
        told: Where the sample is from.
        threads: Threads of onnxruntime.

    Raises:
        ModelError: The node gates padded products, or holds other tables than the multipliers'.
    """
    tables = _tables(model, node, multipliers)
    found = _tensors(model, node, sample, threads)
    known = known_op(node.op_type)
    signed = multipliers[0].encoding.codes_signed
    x, w, zx, zw = (as_codes(found[node.input[place]], signed) for place in known.places)
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if attributes.get("skip_padding"):
        raise ModelError(
            "leaves padded products out, which the array does not",
            where=f"node {node.name}",
            mend="choose another layer",
        )
    op = known.sums
    if _is_conv(node):
        groups = int(attributes.get("group", 1))
        filters = len(w) // groups
        weights = w[:filters].reshape(filters, -1)
        windows = windows_of(x[0, : w.shape[1]], int(zx.reshape(-1)[0]), w.shape[2:], attributes)
        sums = _execute(op, x, w, zx, zw, tables, attributes, threads)
        accumulators = sums[0, :filters].reshape(filters, -1).T
    else:
        x, w = x.reshape(-1, *x.shape[-2:])[0], w.reshape(-1, *w.shape[-2:])[0]
        weights, windows = w.T, x
        accumulators = _execute(op, x, w, zx, zw, tables, {}, threads)
    zeros = np.broadcast_to(zw.astype(np.int64).reshape(-1), (len(multipliers),))
    return LayerOperands(
        layer=node.name,
        windows=functools.partial(_chosen, windows),
        positions=len(accumulators),
        weights=_patterns(weights),
        types=tuple(multiplier.name for multiplier in multipliers[: len(weights)]),
        codes_signed=w.dtype == np.int8,
        activation_zero=int(zx.reshape(-1)[0]),
        weight_zeros=zeros[: len(weights)],
        accumulators=accumulators,
        told=told,
    )


def _patterns(codes: Array) -> Array:
    """Codes as bit patterns."""
    return np.ascontiguousarray(codes).view(np.uint8)


def _chosen(windows: Array, positions: Array) -> Array:
    """The codes of some positions: uint8 [positions, K].

    Args:
        windows: [P, K], or views [out..., C, kernel...] with as many axes behind C as before it.
        positions: Their numbers.
    """
    if windows.ndim == 2:
        return _patterns(windows[positions])
    return _patterns(chosen_windows(windows, positions))


def _tables(
    model: onnx.ModelProto, node: onnx.NodeProto, multipliers: Sequence[Multiplier]
) -> tuple[Array, Array]:
    """Tables of the multipliers and the index of each channel, held against those of the node."""
    distinct = list({multiplier.name: multiplier for multiplier in multipliers}.values())
    number = {multiplier.name: index for index, multiplier in enumerate(distinct)}
    tables = np.stack([multiplier.table for multiplier in distinct]).astype(np.int32)
    index = np.array([number[multiplier.name] for multiplier in multipliers], np.int32)
    if node.domain == HAWX_DOMAIN:
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        held = numpy_helper.to_array(constants[node.input[TABLES_AT[node.op_type]]])
        own = numpy_helper.to_array(constants[table_index_of(node)])
        if any(
            not np.array_equal(held[theirs], tables[ours])
            for theirs, ours in set(zip(own.tolist(), index.tolist(), strict=True))
        ):
            raise ModelError(
                "holds other truth tables than the multipliers that its assignment names",
                where=f"node {node.name}",
                mend="give the library that the model was made with, or rewrite the model anew",
            )
    return tables, index


def _tensors(
    model: onnx.ModelProto, node: onnx.NodeProto, sample: Array, threads: int
) -> dict[str, Array]:
    """Values of the layer's operands and zero points; the first sample of what is computed."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    known = known_op(node.op_type)
    names = [node.input[place] for place in known.places]
    found = {n: numpy_helper.to_array(constants[n]) for n in names if n in constants}
    wanted = [name for name in dict.fromkeys(names) if name not in constants]
    runner = Runner(exposed(model, wanted), threads=threads)
    values = next(iter(runner.stream(sample[:1], wanted)))
    return {**found, **dict(zip(wanted, values, strict=True))}


def _execute(
    op: str,
    x: Array,
    w: Array,
    zx: Array,
    zw: Array,
    tables: tuple[Array, Array],
    attributes: dict[str, Any],
    threads: int,
) -> Array:
    """Runs one node over constants but its activations; int32 accumulators."""
    constants = dict(
        zip(("w", "zx", "zw", "tables", "index"), (w, zx.reshape(()), zw, *tables), strict=True)
    )
    node = helper.make_node(op, ["x", *constants], ["y"], "layer", domain=HAWX_DOMAIN, **attributes)
    code = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", code, x.shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.INT32, None)],
        [numpy_helper.from_array(np.ascontiguousarray(v), n) for n, v in constants.items()],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(HAWX_DOMAIN, 1)]
    model = make_runnable(helper.make_model(graph, opset_imports=imports, ir_version=8))
    session = create_session(model.SerializeToString(), threads=threads)
    (result,) = run(session, ["y"], {"x": np.ascontiguousarray(x)})
    return np.asarray(result)
