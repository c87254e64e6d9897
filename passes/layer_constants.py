"""Constants of quantised layers: weights, their scales and biases, read and replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from hawx_onnx.frontend.graph_checks import tensors_read
from hawx_onnx.passes.graph import copy_of, unique_name
from hawx_onnx.passes.integer_ops import known_op

# Places among the inputs of QLinearConv and QLinearMatMul, and of their ai.hawx counterparts. The
# constants of operators that give accumulators go by the same numbers.
X_SCALE, X_ZERO, WEIGHTS, W_SCALE, W_ZERO, Y_SCALE, Y_ZERO, BIAS = range(1, 9)
_NAMES = {WEIGHTS: "weights", W_SCALE: "weight_scales", W_ZERO: "weight_zeros", BIAS: "bias"}


@dataclass(frozen=True, eq=False)
class LayerConstants:
    """What a quantised layer holds; arrays are not to be written to.

    Attributes:
        kind: Operator, of ``INTEGER_OPS`` or its ai.hawx counterpart.
        channels: Output channels.
        values: Place among the inputs of a QLinear operator -> constant. A place whose
            input is computed at run time or left out does not appear.
    """

    kind: str
    channels: int
    values: Mapping[int, np.ndarray]

    @property
    def weights(self) -> np.ndarray | None:
        """Weight codes; None if they are computed at run time."""
        return self.values.get(WEIGHTS)

    @property
    def takes_bias(self) -> bool:
        """Whether the operator has a bias input, used or not."""
        return known_op(self.kind).convolves and not known_op(self.kind).dynamic

    @property
    def bias(self) -> np.ndarray:
        """int32 [channels]; zeros where the layer has none."""
        return self.values.get(BIAS, np.zeros(self.channels, np.int32))

    @property
    def channel_scales(self) -> np.ndarray | None:
        """Scales of the weights, float32 [channels].

        None if they differ along a stack, or if the operator gives accumulators.
        """
        if W_SCALE not in self.values:
            return None
        scale = self.values[W_SCALE].reshape(-1)
        fits = scale.size in (1, self.channels)
        return np.broadcast_to(scale, (self.channels,)) if fits else None

    @property
    def steps(self) -> np.ndarray | None:
        """Output codes for one unit of the accumulator, float64 [channels]; None as above."""
        scales = self.channel_scales
        if scales is None:
            return None
        x, y = (float(self.values[place].reshape(-1)[0]) for place in (X_SCALE, Y_SCALE))
        return x * scales.astype(np.float64) / y

    def per_channel_scales(self, scales: np.ndarray) -> dict[int, np.ndarray]:
        """The constants to replace for one weight scale for each channel.

        Zero points get the same shape, as the standard demands.
        """
        zeros = np.broadcast_to(self.values[W_ZERO].reshape(-1), (self.channels,))
        return {W_SCALE: scales.astype(np.float32), W_ZERO: np.ascontiguousarray(zeros)}


def layer_constants(
    model: onnx.ModelProto, channels: Mapping[str, int]
) -> dict[str, LayerConstants]:
    """Reads the constants of layers, in the order of the graph.

    Args:
        model: Int8 model.
        channels: Name of a node on codes -> its output channels.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        if node.name in channels:
            values = {
                place: onnx.numpy_helper.to_array(tensors[name])
                for place, name in zip(_places(node.op_type), node.input, strict=False)
                if name in tensors
            }
            found[node.name] = LayerConstants(node.op_type, channels[node.name], values)
    return found


def _places(kind: str) -> tuple[int, ...]:
    """What the inputs of an operator are, as places among those of a QLinear operator."""
    return (0, WEIGHTS, X_ZERO, W_ZERO) if known_op(kind).dynamic else tuple(range(BIAS + 1))


Changes = Mapping[str, Mapping[int, np.ndarray]]


def with_constants(model: onnx.ModelProto, changes: Changes) -> onnx.ModelProto:
    """A copy of a model in which layers have other constants.

    A constant that several nodes share is replaced for the named layer alone.

    Args:
        model: Int8 model.
        changes: Layer -> place among its inputs -> new values.
    """
    result = copy_of(model)
    taken = {tensor.name for tensor in result.graph.initializer}
    for node in result.graph.node:
        for place, values in changes.get(node.name, {}).items():
            node.input.extend([""] * (place + 1 - len(node.input)))
            name = unique_name(f"{node.name}.{_NAMES[place]}", taken)
            taken.add(name)
            node.input[place] = name
            tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(values), name)
            result.graph.initializer.append(tensor)
    drop_unused(result.graph)
    return result


def drop_unused(graph: onnx.GraphProto) -> None:
    """Drops the constants that nothing reads, in place."""
    read = {name for node in graph.node for name in tensors_read(node)}
    read |= {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
