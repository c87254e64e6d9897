"""Cut a graph at a node: the part from there to the outputs, fed by cached activations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from hawx_onnx.frontend.graph_checks import tensors_read


@dataclass(frozen=True, eq=False)
class Suffix:
    """The part of a graph that depends on one node.

    Attributes:
        model: The node and everything behind it; its inputs have no types yet.
        inputs: Tensors that it reads from the part before, its graph inputs.
    """

    model: onnx.ModelProto
    inputs: tuple[str, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Outputs of the whole model that depend on the node."""
        return tuple(value.name for value in self.model.graph.output)


@dataclass(frozen=True, eq=False)
class Part:
    """The network from one layer or tensor on."""

    model: onnx.ModelProto
    inputs: tuple[str, ...]
    session: Any


class Suffixes:
    """Cuts a model; what its nodes read and write is looked up once for all cuts.

    Args:
        model: A model whose nodes are sorted, as the ONNX standard demands. It must not change.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self._model, self._nodes = model, tuple(graph.node)
        self._read = [tensors_read(node) for node in self._nodes]
        self._written = [[name for name in node.output if name] for node in self._nodes]
        self._places = {node.name: place for place, node in enumerate(self._nodes)}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._dequantizers = {
            node.output[0]: place
            for place, node in enumerate(self._nodes)
            if node.op_type == "DequantizeLinear"
        }
        self._readers: dict[str, list[int]] = {}
        for place, names in enumerate(self._read):
            for name in names:
                self._readers.setdefault(name, []).append(place)

    def from_node(self, name: str) -> Suffix:
        """Cuts out a node and all nodes that depend on it.

        Where the cut would run behind a DequantizeLinear, as on a skip connection, that node is
        taken in: codes take a quarter of the memory, and the op behind them is run as in the whole
        graph.

        Args:
            name: The node to start at.

        Returns:
            The part; its outputs are those outputs of the model that depend on the node.
        """
        return self._cut({self._places[name]}, set(), name)

    def behind(self, tensor: str) -> Suffix:
        """Cuts out all nodes that depend on a tensor, which becomes one of the part's inputs.

        Args:
            tensor: What some node writes.
        """
        return self._cut(set(self._readers.get(tensor, ())), {tensor}, tensor)

    def _cut(self, first: set[int], given: set[str], name: str) -> Suffix:
        """The part behind nodes, named after what it starts at."""
        keep, ahead = set(first), list(first)
        while ahead:
            for tensor in self._written[ahead.pop()]:
                new = [place for place in self._readers.get(tensor, ()) if place not in keep]
                keep.update(new)
                ahead += new
        reached = given.union(*(self._written[place] for place in keep))
        read = {tensor for place in keep for tensor in self._read[place]}
        taken = (self._dequantizers.get(tensor) for tensor in read - reached)
        keep.update(place for place in taken if place is not None)
        kept = sorted(keep)
        written = {tensor for place in kept for tensor in self._written[place]}
        all_read = dict.fromkeys(tensor for place in kept for tensor in self._read[place])
        cut = tuple(t for t in all_read if t not in written and t not in self._constants)
        return Suffix(self._model_of(kept, all_read, cut, reached - given, name), cut)

    def _model_of(
        self,
        kept: Sequence[int],
        read: Iterable[str],
        cut: Sequence[str],
        behind: Collection[str],
        name: str,
    ) -> onnx.ModelProto:
        """The nodes in places, with the constants that they read."""
        model, graph = self._model, self._model.graph
        result = onnx.ModelProto(ir_version=model.ir_version)
        result.opset_import.extend(model.opset_import)
        result.functions.extend(model.functions)
        part = result.graph
        part.name = f"{graph.name}.from.{name}"
        part.node.extend(self._nodes[place] for place in kept)
        found = (self._constants.get(tensor) for tensor in read)
        part.initializer.extend(tensor for tensor in found if tensor is not None)
        part.input.extend(onnx.ValueInfoProto(name=tensor) for tensor in cut)
        part.output.extend(value for value in graph.output if value.name in behind)
        return result


def dependents(model: onnx.ModelProto, names: Iterable[str]) -> dict[str, set[str]]:
    """Tensors that depend on nodes, their own outputs included: node -> tensors."""
    found: dict[str, set[str]] = {name: set() for name in names}
    sources: dict[str, set[str]] = {}  # tensor -> those of the nodes that it depends on
    for node in model.graph.node:
        own = {node.name} if node.name in found else set()
        own = own.union(*(sources.get(name, ()) for name in tensors_read(node)))
        for name in filter(None, node.output):
            sources[name] = own
            for source in own:
                found[source].add(name)
    return found
