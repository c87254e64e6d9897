"""Gradient rule of Resize."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.node import Blocked, Node, NoRule

_FIRST_OPSET = 11  # before it, Resize knew no coordinate transformation


def resize(emit: Emitter, node: Node, cotangents: list[str | None]) -> list[str | Blocked | None]:
    """Resize by nearest, linear or cubic interpolation, which work axis by axis.

    Along an axis, Resize is a matrix [new size, size]. onnxruntime itself gives it, so that
    coordinates are rounded as in the forward run; the rule multiplies by its transpose.
    """
    if node.attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        raise NoRule("it crops (tf_crop_and_resize)")
    if node.opset < _FIRST_OPSET:
        raise NoRule(f"it is of opset {node.opset}, before {_FIRST_OPSET}")
    shape, new = (emit.source.shape(t) or () for t in (node.inputs[0], node.outputs[0]))
    g = str(cotangents[0])
    for axis, (size, count) in enumerate(zip(shape, new, strict=True)):
        if size == count and size is not None:
            continue
        if not isinstance(size, int) or not isinstance(count, int):
            raise NoRule(f"its size along axis {axis} is known at run time only")
        matrix = _matrix(emit, node, axis, len(shape), size, count)
        last = len(shape) - 1
        swap = [last if p == axis else axis if p == last else p for p in range(len(shape))]
        turned = g if axis == last else emit.op("Transpose", g, perm=swap)
        turned = emit.op("MatMul", turned, emit.constant(matrix))
        g = turned if axis == last else emit.op("Transpose", turned, perm=swap)
    return [g]


def _matrix(emit: Emitter, node: Node, axis: int, rank: int, size: int, count: int) -> np.ndarray:
    """What a Resize does along one axis: float32 [count, size]."""
    import onnxruntime as ort

    attributes: dict[str, Any] = {
        name: value for name, value in node.attributes.items() if name != "axes"
    }
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NoRule("it keeps the aspect ratio")
    scales = emit.source.constant(node.input(2)) if node.input(2) else None
    inputs, initializers = ["x", "", "", "sizes"], {"sizes": np.array([size, count], np.int64)}
    if scales is not None and scales.size:
        axes = [int(a) % rank for a in node.ints("axes", range(rank))]
        own = scales[axes.index(axis)]
        inputs, initializers = ["x", "", "scales"], {"scales": np.array([1, own], np.float32)}
    graph = helper.make_graph(
        [helper.make_node("Resize", inputs, ["y"], **attributes)],
        "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [size, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(v, name) for name, v in initializers.items()],
    )
    opsets = [helper.make_opsetid("", node.opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": np.eye(size, dtype=np.float32)})
    return np.ascontiguousarray(result.T)
