"""Cut a graph at a node: the part from there to the outputs, fed by cached activations."""

from __future__ import annotations

from collections.abc import Iterable
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


def suffix_from(model: onnx.ModelProto, node_name: str) -> Suffix:
    """Cuts out a node and all nodes that depend on it.

    Where the cut would run behind a DequantizeLinear, as on a skip connection, that node is taken
    in: codes take a quarter of the memory, and the op behind them is run as in the whole graph.

    Args:
        model: A model whose nodes are sorted, as the ONNX standard demands.
        node_name: The node to start at.

    Returns:
        The part; its outputs are those outputs of the model that depend on the node.
    """
    return _suffix(model, node_name, set(), node_name)


def suffix_behind(model: onnx.ModelProto, tensor: str) -> Suffix:
    """Cuts out all nodes that depend on a tensor, which becomes one of the part's inputs.

    Args:
        model: As of :func:`suffix_from`.
        tensor: What some node writes.
    """
    return _suffix(model, None, {tensor}, tensor)


def _suffix(model: onnx.ModelProto, first: str | None, reached: set[str], name: str) -> Suffix:
    """The part behind a node or behind tensors, named after what it starts at."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    read_by = [tensors_read(node) for node in graph.node]
    given = set(reached)
    keep: set[int] = set()
    for index, (node, names) in enumerate(zip(graph.node, read_by, strict=True)):
        if node.name == first or not reached.isdisjoint(names):
            keep.add(index)
            reached.update(name for name in node.output if name)
    read = {name for index in keep for name in read_by[index]}
    for index, node in enumerate(graph.node):
        if node.op_type == "DequantizeLinear" and node.output[0] in read - reached:
            keep.add(index)
    kept = sorted(keep)
    written = {name for index in kept for name in graph.node[index].output}
    all_read = dict.fromkeys(name for index in kept for name in read_by[index])
    cut = tuple(name for name in all_read if name not in written and name not in constants)
    result = onnx.ModelProto(ir_version=model.ir_version)
    result.opset_import.extend(model.opset_import)
    result.functions.extend(model.functions)
    part = result.graph
    part.name = f"{graph.name}.from.{name}"
    part.node.extend(graph.node[index] for index in kept)
    part.initializer.extend(t for t in graph.initializer if t.name in all_read)
    part.input.extend(onnx.ValueInfoProto(name=name) for name in cut)
    behind = reached - given
    part.output.extend(value for value in graph.output if value.name in behind)
    return Suffix(result, cut)


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
