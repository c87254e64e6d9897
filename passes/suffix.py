"""Cut a graph at a node: the part from there to the outputs, fed by cached activations."""

from __future__ import annotations

from dataclasses import dataclass

import onnx


@dataclass(frozen=True, eq=False)
class Suffix:
    """The part of a graph that depends on one node.

    Attributes:
        model: The node and everything behind it.
        inputs: Tensors that it reads from the part before, its graph inputs.
    """

    model: onnx.ModelProto
    inputs: tuple[str, ...]


def suffix_from(model: onnx.ModelProto, node_name: str) -> Suffix:
    """Cuts out a node and all nodes that depend on it.

    Args:
        model: A model whose nodes are sorted, as the ONNX standard demands.
        node_name: The node to start at.

    Returns:
        The part; its outputs are those outputs of the model that depend on the node.
    """
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    reached: set[str] = set()
    keep: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.name == node_name or any(name in reached for name in _reads(node)):
            keep.append(node)
            reached.update(name for name in node.output if name)
    read = dict.fromkeys(name for node in keep for name in _reads(node))
    cut = tuple(name for name in read if name not in reached and name not in constants)
    known = {value.name: value for value in (*graph.value_info, *graph.input)}
    part = onnx.GraphProto(name=f"{graph.name}.from.{node_name}")
    part.node.extend(keep)
    part.initializer.extend(t for t in graph.initializer if t.name in read)
    part.input.extend(known[name] for name in cut)
    part.output.extend(value for value in graph.output if value.name in reached)
    result = onnx.ModelProto()
    result.CopyFrom(model)
    result.graph.CopyFrom(part)
    return Suffix(result, cut)


def _reads(node: onnx.NodeProto) -> list[str]:
    """Tensors that a node reads, those of its subgraphs included."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            written = {name for inner in graph.node for name in inner.output}
            written |= {value.name for value in graph.input}
            for inner in graph.node:
                names += [name for name in _reads(inner) if name not in written]
    return names


def infer_types(model: onnx.ModelProto) -> onnx.ModelProto:
    """Adds the type of every tensor, which the inputs of a suffix need."""
    return onnx.shape_inference.infer_shapes(model)
