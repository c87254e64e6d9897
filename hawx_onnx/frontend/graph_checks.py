"""Checks of how a graph hangs together, before any tool looks at it."""

from __future__ import annotations

from collections import defaultdict

import onnx

from hawx_onnx.errors import ModelError

_EXPORT = "export the model again, or run `python -m onnx.checker` on it"
_SHOWN = 4  # nodes of a cycle that an error names


def tensors_read(node: onnx.NodeProto) -> list[str]:
    """Tensors that a node reads, those of its subgraphs included."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            written = {name for inner in graph.node for name in inner.output}
            written |= {value.name for value in graph.input}
            written |= {tensor.name for tensor in graph.initializer}
            for inner in graph.node:
                names += [name for name in tensors_read(inner) if name not in written]
            # A body may hand out a tensor of the outer graph as it is.
            names += [value.name for value in graph.output if value.name not in written]
    return names


def check_graph(model: onnx.ModelProto) -> None:
    """Checks that every tensor is written by something, an output too, and nothing by itself.

    Raises:
        ModelError: The text names the tensor, or the nodes of the cycle.
    """
    graph = model.graph
    known = {value.name for value in graph.input}
    known |= {tensor.name for tensor in graph.initializer}
    known |= {tensor.values.name for tensor in graph.sparse_initializer}
    written = known | {name for node in graph.node for name in node.output}
    for index, node in enumerate(graph.node):
        for name in tensors_read(node):
            if name not in written:
                raise ModelError(
                    f"reads the tensor {name}, which nothing writes",
                    where=f"node {_title(node, index)}",
                    mend=_EXPORT,
                )
    if not graph.output:
        raise ModelError("has no output", where="graph", mend=_EXPORT)
    for value in graph.output:
        if value.name not in written:
            raise ModelError("nothing writes it", where=f"output {value.name}", mend=_EXPORT)
    cycle = _cycle(graph, known)
    if cycle:
        named = ", ".join(cycle[:_SHOWN]) + (", ..." if len(cycle) > _SHOWN else "")
        raise ModelError(
            f"the graph has a cycle: {named} wait for each other's results",
            where=f"node {cycle[0]}",
            mend=_EXPORT,
        )


def _cycle(graph: onnx.GraphProto, known: set[str]) -> list[str]:
    """Nodes of a cycle, in the order that they read each other; none in a sound graph."""
    makers = {name: i for i, node in enumerate(graph.node) for name in node.output}
    before = [
        {makers[name] for name in tensors_read(node) if name in makers and name not in known}
        for node in graph.node
    ]
    readers: dict[int, list[int]] = defaultdict(list)
    for index, sources in enumerate(before):
        for source in sources:
            readers[source].append(index)
    waiting = [len(sources) for sources in before]
    ready = [index for index, count in enumerate(waiting) if not count]
    while ready:
        for reader in readers[ready.pop()]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    stuck = {index for index, count in enumerate(waiting) if count}
    if not stuck:
        return []
    path: list[int] = []
    index = min(stuck)
    while index not in path:
        path.append(index)
        index = min(before[index] & stuck)
    return [_title(graph.node[i], i) for i in path[path.index(index) :]]


def _title(node: onnx.NodeProto, index: int) -> str:
    return node.name or f"{index} ({node.op_type})"


def check_output_depends(model: onnx.ModelProto, inputs: set[str], output: str) -> None:
    """Checks that an output depends on the data.

    Args:
        model: A sound model.
        inputs: Names of the inputs that take data.
        output: Name of the output that is scored.

    Raises:
        ModelError: It does not.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    todo, seen = [output], set[str]()
    while todo:
        name = todo.pop()
        if name in inputs:
            return
        if name in makers and name not in seen:
            todo += tensors_read(makers[name])
        seen.add(name)
    raise ModelError(
        f"does not depend on the input {', '.join(sorted(inputs))}: the graph is not connected",
        where=f"output {output}",
        mend="choose another output with --output-name, or export the model again",
    )
