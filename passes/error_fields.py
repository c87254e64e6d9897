"""Error fields: what each multiplier changes at a node's output, on exact inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from hawx_onnx.passes.approximate import index_input, with_open_index
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.graph import initializers
from hawx_onnx.passes.open_constants import bias_feeds, open_bias
from hawx_onnx.runtime.library import create_session
from hawx_onnx.runtime.runner import run


class ErrorFields:
    """All candidates in one graph, each fed by cached activations and not by another candidate.

    One run evaluates one multiplier in every candidate at once, so that all error fields of T
    multipliers take T runs, each as long as the candidates in a forward pass.

    Args:
        model: Of ``with_tables``: the candidates are ai.hawx operators.
        candidates: The nodes.
        types: Type and shape of the activations that they read.
        threads: Threads within an operator.
        biases: Layer -> int32 [T, channels], its biases under each multiplier; layers that are
            not among them keep their own.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        types: Mapping[str, onnx.ValueInfoProto],
        threads: int = 0,
        biases: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._candidates, self._biases = tuple(candidates), dict(biases or {})
        part = _candidates_alone(model, candidates, types)
        #: Activations that candidates read.
        self.inputs = tuple(value.name for value in part.graph.input)
        for candidate in candidates:
            part = with_open_index(part, candidate.name)
            if candidate.name in self._biases:
                open_bias(part, candidate.name)
        self._outputs = [value.name for value in part.graph.output]
        self._session = create_session(part.SerializeToString(), threads=threads)

    def codes(self, cached: Mapping[str, np.ndarray], multiplier: int) -> dict[str, np.ndarray]:
        """Output codes of every candidate under one multiplier: candidate -> int8 or uint8.

        Args:
            cached: Exact activations by tensor.
            multiplier: Index of the table.
        """
        feeds = {name: cached[name] for name in self.inputs}
        for candidate in self._candidates:
            index = np.full(candidate.channels, multiplier, np.int32)
            feeds[index_input(candidate.name)] = index
            feeds.update(bias_feeds(self._biases, candidate.name, index))
        values = run(self._session, self._outputs, feeds)
        return {c.name: value for c, value in zip(self._candidates, values, strict=True)}


def _candidates_alone(
    model: onnx.ModelProto,
    candidates: Sequence[Candidate],
    types: Mapping[str, onnx.ValueInfoProto],
) -> onnx.ModelProto:
    """The candidates without all other nodes; what they read and is no constant is an input."""
    constants = initializers(model)
    by_name = {node.name: node for node in model.graph.node}
    nodes = [by_name[candidate.name] for candidate in candidates]
    read = dict.fromkeys(name for node in nodes for name in node.input if name)
    part = onnx.ModelProto()
    part.CopyFrom(model)
    part.graph.Clear()
    part.graph.name = f"{model.graph.name}.candidates"
    for name in read:
        if name in constants:
            part.graph.initializer.append(constants[name])
        else:
            part.graph.input.append(types[name])
    for node in nodes:
        copy = part.graph.node.add()
        copy.CopyFrom(node)
        # A candidate that another one reads gets an output of its own: inputs are cached.
        copy.output[0] = f"{node.name}.approximate"
        part.graph.output.append(onnx.ValueInfoProto(name=copy.output[0]))
    return part
