"""Bring the codes of integer operators to the kind that the multipliers take."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from hawx_onnx.components import Encoding
from hawx_onnx.passes.base import LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.graph import constant, producer, to_graph, to_model
from hawx_onnx.passes.integer_ops import INTEGER_OPS
from hawx_onnx.passes.lower_qdq import MOVING_OPS
from hawx_onnx.passes.moved_codes import add_pair, other_code, shifted

# Inputs of QLinearConv and QLinearMatMul: codes and zero points of both operands, of the result.
X, X_ZERO, W, W_ZERO, Y_ZERO = 0, 2, 3, 5, 7
STATIC_OPS = frozenset(kind for kind, known in INTEGER_OPS.items() if not known.dynamic)


class MatchCodes(Pass):
    """uint8 codes become int8, or int8 ones uint8, where the multipliers take the other kind.

    Both kinds hold the same 256 numbers: 128 less on the code and on its zero point changes no
    product of values, so the graph computes the same bytes as before. Constants are rewritten,
    and with them the nodes between integer operators that quantise, dequantise, move or clamp
    codes. Elsewhere an exact pair of DequantizeLinear and QuantizeLinear moves codes.

    Operators that give accumulators stay: theirs move where they are rewritten, since
    onnxruntime has no ConvInteger of int8 activations.

    Args:
        encoding: Encoding of the multipliers.
    """

    name = "match-codes"

    def __init__(self, encoding: Encoding) -> None:
        self.code = np.dtype(np.int8 if encoding.codes_signed else np.uint8)

    def call(self, state: PassState) -> PassResult:
        """Moves the codes of every integer operator that has other ones."""
        graph = to_graph(state.model)
        codes = _Codes(graph, self.code)
        left: list[LeftAlone] = []
        changed = False
        for node in list(graph.nodes):
            if node.op not in STATIC_OPS or node.domain not in (None, "", "ai.onnx"):
                continue
            zeros = [constant(node.inputs[place]) for place in (X_ZERO, W_ZERO, Y_ZERO)]
            if any(zero is None for zero in zeros):
                left.append(LeftAlone(node.name, node.op, "a zero point is computed at run time"))
            elif any(zero is not None and zero.dtype != self.code for zero in zeros):
                codes.move_operator(node)
                changed = True
        if not changed:
            return PassResult(state, False, tuple(left))
        for node in list(graph.nodes):
            if node.op == "DequantizeLinear":
                codes.move_reader(node)
        return PassResult(state.replace(model=to_model(graph, state.model)), True, tuple(left))


class _Codes:
    """Tensors of codes of the other kind, and what holds the same numbers in the wanted one."""

    def __init__(self, graph: gs.Graph, code: np.dtype[np.generic]) -> None:
        self._graph, self._code = graph, code
        self._other = other_code(code)
        self._versions: dict[int, gs.Tensor] = {}

    def move_operator(self, node: gs.Node) -> None:
        """Gives an integer operator codes of the wanted kind on all sides."""
        for codes, zero in ((X, X_ZERO), (W, W_ZERO)):
            if _dtype(node.inputs[zero]) != self._code:
                node.inputs[codes] = self._version(node.inputs[codes])
                node.inputs[zero] = self._shifted(node.inputs[zero], f"{node.name}.{zero}")
        if _dtype(node.inputs[Y_ZERO]) != self._code:
            node.inputs[Y_ZERO] = self._shifted(node.inputs[Y_ZERO], f"{node.name}.{Y_ZERO}")
            result = node.outputs[0]
            own = gs.Variable(f"hawx.{node.name}.{self._code}", self._code)
            node.outputs[0] = own
            self._versions[id(result)] = own
            self._add_pair(own, result, self._other)

    def move_reader(self, node: gs.Node) -> None:
        """Lets a DequantizeLinear read the wanted kind where that is there, or can be for free."""
        codes = node.inputs[0]
        zero = constant(node.inputs[2]) if len(node.inputs) > 2 else None
        if zero is None or zero.dtype != self._other or not self._is_there(codes):
            return
        if str(node.name).startswith(_PAIR):
            return
        node.inputs[0] = self._version(codes)
        node.inputs[2] = self._shifted(node.inputs[2], f"{node.name}.zero")

    def _is_there(self, tensor: gs.Tensor) -> bool:
        """Whether a version of a tensor needs no pair."""
        before = producer(tensor)
        if id(tensor) in self._versions:
            return True
        return before is not None and _passes(before) and self._is_there(before.inputs[0])

    def _version(self, tensor: gs.Tensor) -> gs.Tensor:
        """The tensor of the wanted kind that holds the same numbers; made once."""
        if id(tensor) not in self._versions:
            self._versions[id(tensor)] = self._make(tensor)
        return self._versions[id(tensor)]

    def _make(self, tensor: gs.Tensor) -> gs.Tensor:
        if isinstance(tensor, gs.Constant):
            return self._shifted(tensor, tensor.name)
        before, name = producer(tensor), f"hawx.{tensor.name}.{self._code}"
        own = gs.Variable(name, self._code)
        if before is not None and before.op == "QuantizeLinear" and _has_zero(before):
            zero = self._shifted(before.inputs[2], f"{name}.zero")
            inputs = [before.inputs[0], before.inputs[1], zero]
        elif before is not None and _passes(before):
            rest = list(before.inputs[1:])
            if before.op == "Clip":
                rest = [self._shifted(bound, f"{name}.{i}") for i, bound in enumerate(rest)]
            inputs = [self._version(before.inputs[0]), *rest]
        else:
            self._add_pair(tensor, own, self._code)
            return own
        copy = gs.Node(before.op, f"{before.name}.{self._code}", dict(before.attrs), inputs, [own])
        self._graph.nodes.append(copy)
        return own

    def _shifted(self, tensor: gs.Constant, name: str) -> gs.Constant:
        """A constant whose codes are those of the other kind; a new one, as others may read it."""
        return shifted(tensor, self._code, f"hawx.{name}.as_{self._code}")

    def _add_pair(self, source: gs.Tensor, target: gs.Tensor, wanted: np.dtype[np.generic]) -> None:
        add_pair(self._graph, source, target, wanted, f"{_PAIR}{source.name}.{wanted}")


_PAIR = "hawx.moved."


def _dtype(tensor: gs.Constant) -> np.dtype[np.generic]:
    return np.asarray(tensor.values).dtype


def _has_zero(node: gs.Node) -> bool:
    return len(node.inputs) > 2 and constant(node.inputs[2]) is not None


def _passes(node: gs.Node) -> bool:
    """Whether a node on codes does the same on codes of the other kind."""
    if node.domain not in (None, "", "ai.onnx") or len(node.outputs) != 1:
        return False
    if node.op == "Clip":
        bounds = node.inputs[1:]
        return len(bounds) == 2 and all(constant(bound) is not None for bound in bounds)
    return node.op in MOVING_OPS
