"""Writes a trained LeNet-5 as ONNX, node by node.

The graph is built with onnx.helper and not by torch's exporters, whose node names and extra nodes
change between versions; the exported file is the same for the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx.report.files import atomic_write_bytes

OPSET = 17
IR_VERSION = 8

Weights = Mapping[str, npt.NDArray[np.float32]]


def build_model(weights: Weights) -> onnx.ModelProto:
    """Returns the network as ONNX, with a symbolic batch axis and the weights as initializers.

    Args:
        weights: Parameters by their names in ``LeNet5.state_dict()``, float32.
    """
    nodes: list[onnx.NodeProto] = []
    tensor = "input"
    for name in ("conv1", "conv2"):
        inputs = [tensor, f"{name}.weight", f"{name}.bias"]
        nodes.append(_node("Conv", inputs, name, kernel_shape=[5, 5]))
        nodes.append(_node("Relu", [name], f"{name}_relu"))
        tensor = f"{name}_pool"
        nodes.append(
            _node("MaxPool", [f"{name}_relu"], tensor, kernel_shape=[2, 2], strides=[2, 2])
        )
    nodes.append(_node("Flatten", [tensor], "flatten", axis=1))
    tensor = "flatten"
    for name in ("fc1", "fc2", "fc3"):
        inputs = [tensor, f"{name}.weight", f"{name}.bias"]
        output = "logits" if name == "fc3" else name
        nodes.append(_node("Gemm", inputs, output, name=name, transB=1))
        if name != "fc3":
            tensor = f"{name}_relu"
            nodes.append(_node("Relu", [name], tensor))
    graph = helper.make_graph(
        nodes,
        "lenet5",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, 32, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(
        graph,
        producer_name="hawx-onnx",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, {"hawx.reference": "lenet5", "hawx.dataset": "digits"})
    onnx.checker.check_model(model, full_check=True)
    return model


def save_model(weights: Weights, path: Path) -> None:
    """Writes the network to one file, without external data."""
    atomic_write_bytes(path, build_model(weights).SerializeToString(deterministic=True))


def _node(
    op: str, inputs: list[str], output: str, *, name: str = "", **attributes: int | list[int]
) -> onnx.NodeProto:
    """Returns a node named after its output unless a name is given."""
    node = helper.make_node(op, inputs, [output], name=name or output)
    node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
    return node
