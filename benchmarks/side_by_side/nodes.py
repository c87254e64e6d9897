"""Layers as models of one node: onnxruntime's exact operator, and the approximate one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from hawx_onnx.runtime.library import DOMAIN, create_session
from side_by_side.cases import Case
from side_by_side.shapes import Shape

CONV = ("x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero")


@dataclass(frozen=True, eq=False)
class Layer:
    """The constants of a layer, in the codes of a symmetric int8 network.

    Attributes:
        shape: Its sizes.
        weights: int8 [filters, channels / groups, window, window], or [channels, filters].
        w_scale: float32 [filters].
        y_scale: float32, such that outputs fill most of their range and few saturate.
        bias: int32 [filters]; None for products.
    """

    shape: Shape
    weights: np.ndarray
    w_scale: np.ndarray
    y_scale: np.float32
    bias: np.ndarray | None


def layer_of(shape: Shape) -> Layer:
    """A layer with random weights, all codes but -128 alike."""
    rng = np.random.default_rng(1)
    conv = shape.op == "conv"
    sizes = (shape.filters, shape.channels // shape.groups, shape.window, shape.window)
    dims = sizes if conv else (shape.channels, shape.filters)
    return Layer(
        shape,
        rng.integers(-127, 128, dims, np.int8),
        rng.uniform(0.5, 1.5, shape.filters).astype(np.float32),
        np.float32(135 * shape.depth**0.5),
        rng.integers(-9999, 9999, shape.filters, np.int32) if conv else None,
    )


def activations(shape: Shape, batch: int, codes: tuple[int, int]) -> np.ndarray:
    """Random int8 codes: [batch, channels, size, size], or [batch, channels]."""
    conv = shape.op == "conv"
    dims = (batch, shape.channels, shape.size, shape.size) if conv else (batch, shape.channels)
    return np.random.default_rng(2).integers(codes[0], codes[1] + 1, dims, np.int8)


def exact_model(layer: Layer) -> onnx.ModelProto:
    """QLinearConv or QLinearMatMul with uint8 activations and int8 weights, the fast path.

    It computes what a symmetric int8 layer does, in codes moved by 128.
    """
    return _model(layer, np.uint8(128), {})


def approximate_model(layer: Layer, case: Case) -> onnx.ModelProto:
    """ApproxQLinearConv or ApproxQLinearMatMul with int8 activations and weights."""
    extra = {
        "tables": case.table[None],
        "table_index": np.zeros(layer.shape.filters, np.int32),
    }
    if len(case.factors):
        extra["factors"] = case.factors
    return _model(layer, np.int8(0), extra)


def _model(layer: Layer, zero: np.generic, extra: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The node; `zero` is the zero point of activations and outputs and tells their type."""
    shape = layer.shape
    constants: dict[str, np.ndarray | np.generic] = {
        "x_scale": np.float32(1),
        "x_zero": zero,
        "w": layer.weights,
        "w_scale": layer.w_scale,
        "w_zero": np.zeros(shape.filters, np.int8),
        "y_scale": layer.y_scale,
        "y_zero": zero,
    }
    if layer.bias is not None:
        constants["bias"] = layer.bias
    constants.update(extra)
    attributes = {"group": shape.groups, "pads": [shape.pad] * 4} if shape.op == "conv" else {}
    stock = "QLinearConv" if shape.op == "conv" else "QLinearMatMul"
    node = helper.make_node(
        f"Approx{stock}" if extra else stock,
        ["x", *constants],
        ["y"],
        "layer",
        domain=DOMAIN if extra else "",
        **attributes,
    )
    kind = helper.np_dtype_to_tensor_dtype(np.asarray(zero).dtype)
    rank = 4 if shape.op == "conv" else 2
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", kind, [None] * rank)],
        [helper.make_tensor_value_info("y", kind, [None] * rank)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def bound_run(
    model: onnx.ModelProto, feed: np.ndarray, threads: int
) -> tuple[Callable[[], object], np.ndarray]:
    """Makes a session whose input and output stand in memory already.

    Args:
        model: A model of one input.
        feed: Its input.
        threads: Threads within an operator.

    Returns:
        What runs it once, and the output.
    """
    session = create_session(model.SerializeToString(), threads=threads, use_library=True)
    name = session.get_inputs()[0].name
    (output,) = session.run(None, {name: feed})
    binding = session.io_binding()
    binding.bind_cpu_input(name, feed)
    held = onnxruntime.OrtValue.ortvalue_from_numpy(output)
    binding.bind_ortvalue_output(session.get_outputs()[0].name, held)
    return lambda: session.run_with_iobinding(binding), output
