"""Codes as int8 and as uint8: the same 256 numbers, 128 apart, on codes and zero points alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from hawx_onnx.passes.graph import constant
from hawx_onnx.passes.integer_ops import INTEGER_OPS, as_codes

Code = np.dtype[np.generic]
# What the rewrite moves begins with this; the pairs of MatchCodes are part of the int8 model.
REWRITTEN = "hawx.recoded."


def other_code(code: Code) -> Code:
    """uint8 for int8, and the other way round."""
    return np.dtype(np.uint8 if code == np.int8 else np.int8)


def shifted(tensor: gs.Constant, code: Code, name: str) -> gs.Constant:
    """A constant of codes of the other kind, as a new one, since others may read the first."""
    values = np.asarray(tensor.values)
    return gs.Constant(name, as_codes(values, code == np.int8))


def add_pair(
    graph: gs.Graph, source: gs.Tensor, target: gs.Tensor, wanted: Code, name: str
) -> None:
    """Adds nodes that move codes between int8 and uint8, exact for all 256 of them.

    Args:
        graph: An open graph.
        source: Codes of the other kind.
        target: What the nodes write.
        wanted: The kind of ``target``.
        name: What the names of the nodes begin with.
    """
    one = gs.Constant(f"{name}.scale", np.ones((), np.float32))
    between = gs.Variable(f"{name}.numbers", np.float32)
    first, second = (
        gs.Constant(f"{name}.{part}", np.array(128 if dtype == np.uint8 else 0, dtype))
        for part, dtype in (("from", other_code(wanted)), ("to", wanted))
    )
    graph.nodes += [
        gs.Node("DequantizeLinear", f"{name}.read", {}, [source, one, first], [between]),
        gs.Node("QuantizeLinear", f"{name}.write", {}, [between, one, second], [target]),
    ]


class MovedCodes:
    """Operands and zero points of rewritten nodes as the multipliers take them, each moved once.

    Args:
        graph: An open graph; nodes are added to it.
        signed: Whether the multipliers take int8.
        types: Tensor -> its type.
    """

    def __init__(self, graph: gs.Graph, signed: bool, types: Mapping[str, Code]) -> None:
        self._graph, self._types = graph, types
        self._code = np.dtype(np.int8 if signed else np.uint8)
        self._made: dict[str, gs.Tensor] = {}

    def operands(self, node: gs.Node) -> list[gs.Tensor]:
        """The four inputs of an operator that gives accumulators."""
        inputs = list(node.inputs)
        for place, zero in INTEGER_OPS[node.op].codes:
            own = self._types.get(inputs[zero].name)
            if self._types.get(inputs[place].name, own) != self._code:
                inputs[place], inputs[zero] = self._of(inputs[place]), self._of(inputs[zero])
        return inputs

    def _of(self, tensor: gs.Tensor) -> gs.Tensor:
        """A tensor of the wanted kind that holds the same numbers."""
        if tensor.name not in self._made:
            self._made[tensor.name] = self._move(tensor)
        return self._made[tensor.name]

    def _move(self, tensor: gs.Tensor) -> gs.Tensor:
        name = f"{REWRITTEN}{tensor.name}"
        if constant(tensor) is not None:
            return shifted(tensor, self._code, name)
        own = gs.Variable(name, self._code)
        add_pair(self._graph, tensor, own, self._code, name)
        return own


def move_back(graph: onnx.GraphProto) -> None:
    """Gives nodes the codes back that ``MovedCodes`` moved, in place."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    moved = {name for name in tensors if name.startswith(REWRITTEN)}
    moved |= {t for n in graph.node for t in n.output if t.startswith(REWRITTEN)}
    for node in graph.node:
        if node.name.startswith(REWRITTEN):
            continue
        for place, name in enumerate(node.input):
            if name not in moved:
                continue
            first = name.removeprefix(REWRITTEN)
            node.input[place] = first
            if name in tensors and first not in tensors:
                values = onnx.numpy_helper.to_array(tensors[name])
                back = as_codes(values, values.dtype != np.int8)
                tensors[first] = onnx.numpy_helper.from_array(back, first)
                graph.initializer.append(tensors[first])
    kept = [node for node in graph.node if not node.name.startswith(REWRITTEN)]
    del graph.node[:]
    graph.node.extend(kept)
