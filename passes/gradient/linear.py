"""Gradient rules of matrix products."""

from __future__ import annotations

import numpy as np

from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.node import Blocked, Node, NoRule

Parts = list[str | Blocked | None]


def gemm(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """Gemm: alpha A B + beta C with either factor transposed."""
    a, b = node.inputs[:2]
    g = str(cotangents[0])
    trans_a, trans_b = (int(node.attributes.get(name, 0)) for name in ("transA", "transB"))
    scaled = {"alpha": float(node.attributes.get("alpha", 1.0))}
    parts: Parts = [None, None, None]
    if node.needs(0):
        factor = emit.real(b)
        parts[0] = (
            emit.op("Gemm", factor, g, transA=trans_b, transB=1, **scaled)
            if trans_a
            else emit.op("Gemm", g, factor, transB=1 - trans_b, **scaled)
        )
    if node.needs(1):
        factor = emit.real(a)
        parts[1] = (
            emit.op("Gemm", g, factor, transA=1, transB=trans_a, **scaled)
            if trans_b
            else emit.op("Gemm", factor, g, transA=1 - trans_a, **scaled)
        )
    if node.needs(2):
        beta = emit.constant(float(node.attributes.get("beta", 1.0)))
        parts[2] = emit.summed(emit.op("Mul", g, beta), node.inputs[2], node.outputs[0])
    return parts


def matmul(emit: Emitter, node: Node, cotangents: list[str | None]) -> Parts:
    """MatMul of matrices, stacks of them, and vectors."""
    a, b = node.inputs
    first = emit.real(a) if node.needs(1) else ""
    second = emit.real(b) if node.needs(0) else ""
    return product(emit, node, str(cotangents[0]), (a, first), (b, second))


def product(
    emit: Emitter, node: Node, cotangent: str, left: tuple[str, str], right: tuple[str, str]
) -> Parts:
    """Cotangents of both factors of a matrix product.

    Args:
        emit: The graph to write.
        node: The product; its first output is read.
        cotangent: Of the product.
        left: The first factor: tensor of the model, and the name of its real values in the
            backward graph; empty where the second factor's cotangent is not needed.
        right: The second factor likewise.

    Returns:
        Cotangents of the first and the second factor.
    """
    ranks = [emit.source.rank(tensor) for tensor, _ in (left, right)]
    # Vectors become matrices of one row or column, as the operator itself does.
    columns = emit.constant(np.array([-1], np.int64))
    rows = emit.constant(np.array([-2], np.int64))
    if ranks[1] == 1:
        cotangent = emit.op("Unsqueeze", cotangent, columns)
    if ranks[0] == 1:
        cotangent = emit.op("Unsqueeze", cotangent, rows)
    stack = max(*ranks, 2) - 2
    parts: Parts = [None, None]
    if right[1]:
        other = right[1] if ranks[1] > 1 else emit.op("Unsqueeze", right[1], columns)
        part = emit.op("MatMul", cotangent, turned(emit, other, max(ranks[1], 2)))
        parts[0] = _fit(emit, node, part, left[0], stack)
    if left[1]:
        other = left[1] if ranks[0] > 1 else emit.op("Unsqueeze", left[1], rows)
        part = emit.op("MatMul", turned(emit, other, max(ranks[0], 2)), cotangent)
        parts[1] = _fit(emit, node, part, right[0], stack)
    return parts


def turned(emit: Emitter, matrix: str, rank: int) -> str:
    """Matrices in the last two axes transposed."""
    return emit.op("Transpose", matrix, perm=[*range(rank - 2), rank - 1, rank - 2])


def _fit(emit: Emitter, node: Node, part: str, tensor: str, stack: int) -> str:
    """Sums a factor's cotangent over the stack along which the factor was repeated.

    Args:
        emit: The graph to write.
        node: The product.
        part: [stack of the product, rows, columns].
        tensor: The factor.
        stack: How many axes the product's stack has.
    """
    own, whole = emit.source.shape(tensor), emit.source.shape(node.outputs[0])
    if own is None or whole is None:
        raise NoRule(f"the rank of tensor {node.outputs[0]} is not known")
    if len(own) > 1:
        return emit.summed_from((*whole[:stack], *own[-2:]), part, tensor)
    if stack:
        part = emit.op("ReduceSum", part, emit.constant(np.arange(stack)), keepdims=0)
    return emit.op("Reshape", part, emit.constant(np.array([-1], np.int64)))
