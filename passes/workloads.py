"""What a node that multiplies asks of an accelerator: its shapes, and which layers it reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import onnx

from hawx_onnx.hardware import Geometry, LayerWorkload
from hawx_onnx.passes.integer_ops import CONV, integer_op

Shapes = Mapping[str, tuple[int, ...]]


def workload_of(
    node: onnx.NodeProto, op: str, operands: tuple[int, int], shapes: Shapes, batch: int
) -> LayerWorkload:
    """Returns the workload of one node.

    Args:
        node: A convolution or a product.
        op: ``Conv``, ``MatMul`` or ``Gemm``, as the network had it before quantisation.
        operands: Positions of activation and weight among its inputs.
        shapes: Shapes of its operands and of its result.
        batch: Samples that the shapes were measured with.
    """
    first, second = (shapes[node.input[position]] for position in operands)
    out = shapes[node.output[0]]
    known = integer_op(node.op_type)
    if node.op_type == CONV or (known is not None and known.convolves):
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        positions, filters, window = int(np.prod(out[2:])), second[0], int(np.prod(second[1:]))
        images = _geometry(node, first, second, out) if op == "Conv" else None
        return LayerWorkload(node.name, op, positions, filters, window, groups, geometry=images)
    transposed = next((a.i for a in node.attribute if a.name == "transA"), 0)
    window = first[0] if transposed else first[-1]
    filters = int(out[-1]) if len(second) > 1 else 1
    rows = int(np.prod(out)) // filters
    positions = rows // batch if rows % batch == 0 else rows
    matrices = int(np.prod(second[:-2]))
    batches = matrices // batch if matrices % batch == 0 else matrices
    if positions % batches:
        batches = 1
    return LayerWorkload(node.name, op, positions, filters, int(window), 1, batches=batches)


def _geometry(
    node: onnx.NodeProto, first: Sequence[int], second: Sequence[int], out: Sequence[int]
) -> Geometry | None:
    """Returns the images of a convolution over two axes."""
    if len(first) != 4:
        return None
    given = next((list(a.ints) for a in node.attribute if a.name == "dilations"), [1, 1])
    tall, wide = ((size - 1) * step + 1 for size, step in zip(second[2:], given, strict=True))
    return Geometry(*(int(size) for size in (*first[1:], out[2], tall, wide)))


def layer_sources(graph: onnx.GraphProto, layers: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Returns the layers whose results each layer reads, through whatever lies between.

    Args:
        graph: The network, in topological order.
        layers: Names of the nodes that are layers; others are passed through.

    Returns:
        Layer -> names in the order of the graph; empty for a layer that reads the input.
    """
    reaching: dict[str, tuple[str, ...]] = {}
    sources: dict[str, tuple[str, ...]] = {}
    for node in graph.node:
        found = dict.fromkeys(name for tensor in node.input for name in reaching.get(tensor, ()))
        if node.name in layers:
            order = list(sources)
            sources[node.name] = tuple(sorted(found, key=order.index))
            found = {node.name: None}
        reaching.update(dict.fromkeys(node.output, tuple(found)))
    return sources
