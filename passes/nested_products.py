"""The nodes that multiply where multipliers do not reach: bodies of If, Loop, Scan, functions."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

import onnx

from hawx_onnx.passes.base import LeftAlone
from hawx_onnx.passes.graph import HAWX_DOMAIN

_Functions = dict[tuple[str, str], onnx.FunctionProto]


def nested_products(model: onnx.ModelProto, ops: Container[str]) -> list[LeftAlone]:
    """Lists the products in subgraphs, and in functions that the graph calls, with the reason.

    Args:
        model: The model.
        ops: Operators that multiply.
    """
    functions = {(f.domain, f.name): f for f in model.functions if f.domain != HAWX_DOMAIN}
    left: list[LeftAlone] = []
    for outer in model.graph.node:
        if (outer.domain, outer.op_type) in functions:
            reason = f"it lies in the function {outer.op_type}, which is kept whole"
        else:
            reason = f"it lies in a subgraph of {outer.name} ({outer.op_type})"
        left += [
            LeftAlone(_name(outer, node, functions), node.op_type, reason)
            for node in _inside(outer, functions)
            if node.op_type in ops
        ]
    return left


def _name(outer: onnx.NodeProto, node: onnx.NodeProto, functions: _Functions) -> str:
    """A node's name; those of functions come once for each call, and many nodes have none."""
    own = node.name or next(iter(node.output), node.op_type)
    called = (outer.domain, outer.op_type) in functions
    return f"{outer.name}/{own}" if called or not node.name else own


def _inside(outer: onnx.NodeProto, functions: _Functions) -> Iterator[onnx.NodeProto]:
    """All nodes within a node, at any depth; functions do not call themselves."""
    for node in _body(outer, functions):
        yield node
        yield from _inside(node, functions)


def _body(node: onnx.NodeProto, functions: _Functions) -> Iterable[onnx.NodeProto]:
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            yield from graph.node
    function = functions.get((node.domain, node.op_type))
    if function is not None:
        yield from function.node
