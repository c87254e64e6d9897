"""Networks of thousands of nodes, of several shapes, with seeded random weights.

``python tests/load/deep_graphs.py NAME NODES FILE`` writes one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CHANNELS, CLASSES = 8, 8, 10


class Graph:
    """Nodes and weights that grow together."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._rng = np.random.default_rng(7)

    def add(self, op: str, *inputs: str, **attributes: object) -> str:
        """A node; gives the name of its output."""
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def weight(self, *shape: int, spread: float = 1.0) -> str:
        """Values that keep the variance of what they are multiplied with."""
        name = f"weight{len(self.weights)}"
        deviation = spread / np.sqrt(max(1, np.prod(shape[1:])))
        values = (self._rng.standard_normal(shape) * deviation).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def convolution(self, x: str, spread: float = 1.0, size: int = 3) -> str:
        """One of as many channels out as in."""
        weight = self.weight(CHANNELS, CHANNELS, size, size, spread=spread)
        return self.add("Conv", x, weight, pads=[size // 2] * 4)

    def normalised(self, x: str) -> str:
        """A batch normalisation that changes nothing, to be folded away."""
        names = []
        for make in (np.ones, np.zeros, np.zeros, np.ones):
            names.append(f"weight{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(make(CHANNELS, np.float32), names[-1]))
        return self.add("BatchNormalization", x, *names)

    def model(self, x: str) -> onnx.ModelProto:
        """The whole network: behind a convolution of the image, before a classifier."""
        flat = self.add("Flatten", self.add("GlobalAveragePool", x))
        scores = self.add("Gemm", flat, self.weight(CHANNELS, CLASSES, spread=3))
        graph = helper.make_graph(
            self.nodes,
            "deep",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", CHANNELS, SIDE, SIDE])],
            [helper.make_tensor_value_info(scores, TensorProto.FLOAT, ["n", CLASSES])],
            self.weights,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def residual(nodes: int) -> onnx.ModelProto:
    """A chain of blocks of two convolutions each, normalised, and a sum around them."""
    graph, x = Graph(), "x"
    while len(graph.nodes) + 10 <= nodes:
        inner = graph.add("Relu", graph.normalised(graph.convolution(x)))
        inner = graph.normalised(graph.convolution(inner, spread=0.05))
        x = graph.add("Relu", graph.add("Add", x, inner))
    return graph.model(x)


def branches(nodes: int) -> onnx.ModelProto:
    """Blocks of fifty branches beside each other, which are added up in pairs."""
    graph, x = Graph(), "x"
    while len(graph.nodes) + 153 <= nodes:
        ends = [graph.add("Relu", graph.convolution(x, spread=0.01, size=1)) for _ in range(50)]
        while len(ends) > 1:
            pairs = zip(ends[::2], ends[1::2], strict=False)
            ends = [graph.add("Add", a, b) for a, b in pairs] + ends[len(ends) & ~1 :]
        x = graph.add("Add", x, ends[0])
    return graph.model(x)


def small_convolutions(nodes: int) -> onnx.ModelProto:
    """A chain in which each fifth node is a convolution of one element."""
    graph, x = Graph(), "x"
    while len(graph.nodes) + 8 <= nodes:
        inner = graph.normalised(graph.convolution(x, spread=0.03, size=1))
        inner = graph.add("MaxPool", graph.add("Relu", inner), kernel_shape=[3, 3], pads=[1] * 4)
        x = graph.add("Add", x, inner)
    return graph.model(x)


def elementwise(nodes: int) -> onnx.ModelProto:
    """Few products among many nodes that are none, as exporters take functions apart."""
    graph, x = Graph(), "x"
    while len(graph.nodes) + 53 <= nodes:
        y = graph.convolution(x)
        for op in ("Tanh", "Neg", "Softsign", "Abs", "Exp", "Sigmoid", "Log") * 7:
            y = graph.add(op, y)
        x = graph.add("Add", x, y)
    return graph.model(x)


TOPOLOGIES = {
    "residual": residual,
    "branches": branches,
    "small-convolutions": small_convolutions,
    "elementwise": elementwise,
}

if __name__ == "__main__":
    name, count, path = sys.argv[1:]
    Path(path).write_bytes(TOPOLOGIES[name](int(count)).SerializeToString())
