"""Checks of single nodes and constants against what the standard says of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator

import networkx as nx
import numpy as np
import onnx
from onnx import checker, defs

from hawx_onnx.errors import ModelError
from hawx_onnx.frontend.external_data import all_tensors, is_external

_EXPORT = "export the model again, or run `python -m onnx.checker` on it"
_MOST_VERSION = 1 << 31
_DEFAULT = ("", "ai.onnx")
MOST_UNFOLDED = 50_000
"""Nodes that calls of model-local functions may stand for."""
# Our operators, with the number of inputs that none comes without.
_OWN_DOMAIN = "ai.hawx"
_OWN = {
    "ApproxQLinearConv": 11,
    "ApproxQLinearMatMul": 10,
    "ApproxConvInteger": 6,
    "ApproxMatMulInteger": 6,
}


def check_nodes(model: onnx.ModelProto) -> None:
    """Checks inputs, outputs and attributes of all nodes that the standard knows.

    Operators of other domains, of model-local functions and of newer standards than the installed
    onnx are left to onnxruntime.

    Raises:
        ModelError: A node is not what its operator's schema says, or two have one result.
    """
    context = _context(model)
    _check_functions(model)
    versions = context.opset_imports
    for index, node in enumerate(model.graph.node):
        title = f"node {(node.name or f'{index} ({node.op_type})')[:100]}"
        if node.domain in _DEFAULT and not versions.keys() & set(_DEFAULT):
            raise ModelError("the model names no opset for it", where=title, mend=_EXPORT)
        if node.domain == _OWN_DOMAIN:
            _check_own(node, title)
        if node.domain not in versions or not defs.has(node.op_type, node.domain):
            continue
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            continue  # the check cannot see tensors of the outer graph that a body reads
        try:
            checker.check_node(node, context)
        except (checker.ValidationError, ValueError, RuntimeError, TypeError) as error:
            reason = " ".join(str(error).split("==>")[0].split()) or type(error).__name__
            what = f"is no valid {node.op_type}: {reason[:200]}"
            raise ModelError(what, where=title, mend=_EXPORT) from error
    for name in _written_twice(model.graph):
        raise ModelError("is written twice", where=f"tensor {name}", mend=_EXPORT)


def _check_functions(model: onnx.ModelProto) -> None:
    """Checks that no model-local function calls itself, and that all unfold to a graph of a size.

    A kilobyte of functions that call each other ten times stands for millions of nodes.
    """
    bodies = {(one.domain, one.name): Counter(_called(one.node)) for one in model.functions}
    calls = nx.DiGraph((name, one) for name, body in bodies.items() for one in body)
    if not nx.is_directed_acyclic_graph(calls):
        (domain, name), _ = next(iter(nx.find_cycle(calls)))
        raise ModelError("calls itself", where=f"function {domain}.{name}", mend=_EXPORT)
    sizes: dict[tuple[str, str], int] = {}
    for name in reversed(list(nx.topological_sort(calls))):
        body = bodies.get(name, Counter())
        sizes[name] = sum(count * sizes[one] for one, count in body.items()) if body else 1
    unfolded = sum(sizes.get(one, 0) for one in _called(model.graph.node) if one in bodies)
    if unfolded > MOST_UNFOLDED:
        raise ModelError(
            f"the functions unfold to {unfolded:,} nodes, at most {MOST_UNFOLDED:,} are taken",
            where="functions of the model",
            mend="export the model without functions",
        )


def _called(nodes: Iterable[onnx.NodeProto]) -> Iterator[tuple[str, str]]:
    """Domain and operator of nodes and of those in their subgraphs."""
    for node in nodes:
        yield node.domain, node.op_type
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _called(graph.node)


def _check_own(node: onnx.NodeProto, title: str) -> None:
    """Checks what passes take for granted of a node of ours; the library checks the rest."""
    least = _OWN.get(node.op_type, 0)
    if len(node.input) < least or len(node.output) != 1:
        raise ModelError(
            f"is no valid {node.op_type}: it has {len(node.input)} inputs and {len(node.output)} "
            f"outputs, not at least {least} and one",
            where=title,
            mend="write the model again: `hawx-onnx apply`",
        )


def _context(model: onnx.ModelProto) -> checker.C.CheckerContext:
    versions = {one.domain: one.version for one in model.opset_import}
    for what, version in {"ir_version": model.ir_version, **versions}.items():
        if not 0 <= version < _MOST_VERSION:
            raise ModelError(
                f"is {version}",
                where=what if what == "ir_version" else f"opset of {what or 'ai.onnx'}",
                mend=_EXPORT,
            )
    context = checker.C.CheckerContext()
    context.ir_version = max(model.ir_version, 1)
    context.opset_imports = versions
    return context


def _written_twice(graph: onnx.GraphProto) -> Iterator[str]:
    seen: set[str] = set()
    for value in graph.input:
        if value.name in seen:
            yield value.name
        seen.add(value.name)
    for node in graph.node:
        for name in node.output:
            if name and name in seen:
                yield name
            seen.add(name)


def check_tensors(model: onnx.ModelProto) -> None:
    """Checks that constants hold as many numbers as their shapes say.

    Raises:
        ModelError: One does not, or has a type or shape that no tensor has.
    """
    for tensor in all_tensors(model):
        reason = "" if is_external(tensor) else _fault(tensor)
        if reason:
            raise ModelError(reason, where=f"tensor {tensor.name or '?'}", mend=_EXPORT)


def check_texts(model: onnx.ModelProto) -> None:
    """Checks that all names are UTF-8: protobuf reads others, too, but nothing can write them.

    Raises:
        ModelError: One is not.
    """
    graphs: list[tuple[str, onnx.GraphProto | onnx.FunctionProto]] = [("graph", model.graph)]
    graphs += [(f"function {one.name!r}", one) for one in model.functions]
    try:
        for where, graph in graphs:
            for text in _texts(graph):
                if not isinstance(text, str):
                    raise ModelError(f"the name {text!r} is not UTF-8", where=where, mend=_EXPORT)
                text.encode()
    except UnicodeError as error:
        raise ModelError("a name is not UTF-8", where=where, mend=_EXPORT) from error


def _texts(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[str]:
    """All names of a graph and of its subgraphs."""
    yield graph.name
    if isinstance(graph, onnx.GraphProto):
        for value in (*graph.input, *graph.output, *graph.value_info):
            yield value.name
        for tensor in graph.initializer:
            yield tensor.name
    else:
        yield from (graph.domain, *graph.input, *graph.output, *graph.attribute)
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield attribute.name
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _texts(inner)


def _fault(tensor: onnx.TensorProto) -> str:
    """What is wrong with a constant; empty where nothing is."""
    kind = tensor.data_type
    if kind not in onnx.TensorProto.DataType.values() or kind == onnx.TensorProto.UNDEFINED:
        return f"is of the unknown type {kind}"
    if any(size < 0 for size in tensor.dims):
        return f"has the shape {list(tensor.dims)}"
    count = math.prod(tensor.dims)
    if kind == onnx.TensorProto.STRING:
        given = len(tensor.string_data)
        return "" if given == count else f"holds {given} texts, its shape says {count}"
    if tensor.HasField("raw_data"):
        given = len(tensor.raw_data)
        bits = _bits(kind)
        needed = (count * bits + 7) // 8
        return "" if given == needed else f"holds {given} bytes, its shape says {needed}"
    return _typed_fault(tensor, count)


def _typed_fault(tensor: onnx.TensorProto, count: int) -> str:
    """The same of numbers that are kept in a field of their type."""
    field = getattr(tensor, onnx.helper.tensor_dtype_to_field(tensor.data_type))
    needed = count * (2 if tensor.data_type in _COMPLEX else 1)
    bits = _bits(tensor.data_type)
    if bits < 8:
        needed = (count * bits + 7) // 8
    return "" if len(field) == needed else f"holds {len(field)} numbers, its shape says {needed}"


_COMPLEX = (onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128)


def _bits(kind: int) -> int:
    name = onnx.TensorProto.DataType.Name(kind)
    if name.endswith(("INT4", "E2M1")):
        return 4
    if name.endswith("INT2"):
        return 2
    return int(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).itemsize) * 8
