"""Make biases and weight scales of ai.hawx nodes inputs of the graph, chosen run by run."""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np
import onnx

from hawx_onnx.passes.layer_constants import BIAS, W_SCALE
from hawx_onnx.runtime.runner import CHOSEN_SUFFIXES

OPEN = {
    "ApproxQLinearConv": (W_SCALE, BIAS),
    "ApproxQLinearMatMul": (W_SCALE,),
    "ApproxConvInteger": (),
    "ApproxMatMulInteger": (),
}
SUFFIXES = dict(zip((W_SCALE, BIAS), CHOSEN_SUFFIXES[1:], strict=True))


def open_input(layer: str, place: int) -> str:
    """Name of the graph input that stands for a constant of a layer."""
    return f"{layer}{SUFFIXES[place]}"


def open_constants(model: onnx.ModelProto, layers: Container[str]) -> dict[str, np.ndarray]:
    """Makes bias and weight scales of layers graph inputs.

    Args:
        model: A model with ai.hawx nodes, edited in place.
        layers: Names of such nodes.

    Returns:
        Name of the input -> the value that the model had there.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    values = {}
    for node in model.graph.node:
        if node.name not in layers:
            continue
        for place in OPEN[node.op_type]:
            name, tensor = open_input(node.name, place), constants[node.input[place]]
            values[name] = onnx.numpy_helper.to_array(tensor)
            node.input[place] = name
            # Without a shape: one scale for all channels may become one for each.
            info = onnx.helper.make_tensor_value_info(name, tensor.data_type, None)
            model.graph.input.append(info)
    return values


def open_bias(model: onnx.ModelProto, layer: str) -> None:
    """Makes the bias of one layer a graph input, in place."""
    (node,) = (node for node in model.graph.node if node.name == layer)
    node.input[BIAS] = open_input(layer, BIAS)
    info = onnx.helper.make_tensor_value_info(node.input[BIAS], onnx.TensorProto.INT32, None)
    model.graph.input.append(info)


def bias_feeds(
    biases: Mapping[str, np.ndarray], layer: str, index: np.ndarray
) -> dict[str, np.ndarray]:
    """What the bias of a layer, made an input, is fed.

    Args:
        biases: Layer -> int32 [T, channels], one row for each multiplier; layers that are not
            among them have no such input.
        layer: The layer.
        index: Which multiplier each channel uses, int32 [channels].
    """
    if layer not in biases:
        return {}
    return {open_input(layer, BIAS): biases[layer][index, np.arange(len(index))]}


def close_constants(model: onnx.ModelProto, values: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """Makes such inputs constants again, in place."""
    kept = [value for value in model.graph.input if value.name not in values]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in values.items()
    )
    return model


def chosen_inputs(
    changes: Mapping[str, Mapping[int, np.ndarray]], known: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Changed constants of layers as feeds, as far as they are inputs.

    Args:
        changes: Layer -> place among its inputs -> values.
        known: The inputs that there are; their values do not matter.
    """
    pairs = (
        (open_input(layer, place), values)
        for layer, places in changes.items()
        for place, values in places.items()
        if place in SUFFIXES
    )
    return {name: values for name, values in pairs if name in known}
