"""Reverse mode over an ONNX graph: the sweep from the outputs back to the wanted nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import onnx

from hawx_onnx.errors import ModelError
from hawx_onnx.names import close_names
from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.node import Blocked, Node, NoRule
from hawx_onnx.passes.gradient.rules import ON_CODES, RULES, ZERO_DERIVATIVE, Rule
from hawx_onnx.passes.gradient.source import Source


@dataclass(frozen=True, eq=False)
class Gradient:
    """A graph of standard operators that computes vector-Jacobian products.

    Attributes:
        forward: Tensors of the model, the "saved" ones, that ``backward`` reads. The caller makes
            them outputs of its own session and keeps them: one forward run serves any number of
            directions. An input of the model may be among them.
        backward: Takes the saved tensors under their own names and ``cotangent/<output>``, float32
            in the shape of that output, for each chosen output. Gives ``cotangent/<tensor>``,
            float32 in the shape of the tensor, for the first output of each reached node:
            derivatives of the scalar product of outputs and cotangents. Where the tensor holds
            codes, they are derivatives by the real value ``(code - zero point) * scale``.
        nodes: Reached node -> its output of ``backward``.
        unreached: Other wanted node -> reason.
    """

    forward: tuple[str, ...]
    backward: onnx.ModelProto
    nodes: Mapping[str, str]
    unreached: Mapping[str, str]


def build_gradient(
    model: onnx.ModelProto, wanted: Sequence[str], outputs: Sequence[str] | None = None
) -> Gradient:
    """Builds the backward graph of a model.

    A node without a rule stops cotangents: neither the tensors that it reads nor anything before
    them gets one, even where another way to the outputs is known, because a part of a cotangent
    would be wrong.

    Args:
        model: Float, QDQ or int8 model; ai.hawx operators are differentiated as exact ones.
        wanted: Names of nodes, for instance of all candidates.
        outputs: Outputs of the model that get a cotangent; None: all that hold real values or
            8-bit codes.

    Returns:
        The graph, and why nodes were not reached.

    Raises:
        ModelError: A node or output is not in the model, or an output holds integers or text.
    """
    source = Source(model)
    targets = _targets(source, wanted)
    sweep = _Sweep(source, set(targets.values()), _outputs(source, outputs))
    sweep.run()
    reached = {node: t for node, t in targets.items() if t in sweep.total}
    chosen = set(sweep.inputs)
    names = {
        t: f"cotangent/{t}/total" if f"cotangent/{t}" in chosen else f"cotangent/{t}"
        for t in reached.values()
    }
    handed_out = {names[t]: (t, sweep.total[t]) for t in reached.values()}
    backward = sweep.emit.model(handed_out, sweep.inputs)
    forward = (value.name for value in backward.graph.input if value.name not in chosen)
    return Gradient(
        forward=tuple(forward),
        backward=backward,
        nodes={node: names[tensor] for node, tensor in reached.items()},
        unreached={n: sweep.reason(t) for n, t in targets.items() if n not in reached},
    )


def _targets(source: Source, wanted: Sequence[str]) -> dict[str, str]:
    """Wanted node -> its first output."""
    first = {node.name: node.outputs[0] for node in reversed(source.nodes)}
    for name in wanted:
        if name not in first:
            raise ModelError("no such node", where=f"node {name}", mend=close_names(name, first))
    return {name: first[name] for name in dict.fromkeys(wanted)}


def _outputs(source: Source, outputs: Sequence[str] | None) -> list[str]:
    """Outputs that get a cotangent."""
    there = [value.name for value in source.model.graph.output]
    able = [name for name in there if source.is_real(name) or source.is_codes(name)]
    for name in outputs or ():
        if name not in there:
            mend = close_names(name, there)
            raise ModelError("no such output", where=f"output {name}", mend=mend)
        if name not in able:
            raise ModelError(
                f"holds {source.dtype(name) or 'an unknown type'}, which has no derivative",
                where=f"output {name}",
                mend="choose an output of real values",
            )
    chosen = able if outputs is None else list(dict.fromkeys(outputs))
    if not chosen:
        raise ModelError(
            "no output holds real values, so nothing can be differentiated",
            where="model",
            mend="make the scores an output of the graph",
        )
    return chosen


class _Sweep:
    """Cotangents of all tensors, from the last node to the first."""

    def __init__(self, source: Source, targets: set[str], outputs: list[str]) -> None:
        self.source = source
        self.emit = Emitter(source)
        self.inputs = {f"cotangent/{name}": name for name in outputs}
        self.total: dict[str, str] = {}
        self._parts: dict[str, list[str]] = {t: [n] for n, t in self.inputs.items()}
        self._blocked: dict[str, str] = {}
        self._needed = _behind(source, targets)
        self._influences = _before(source, outputs)

    def run(self) -> None:
        """Visits each node after all its readers."""
        for node in reversed(self.source.nodes):
            for tensor in node.outputs:
                self._close(tensor)
            self._visit(node)

    def reason(self, tensor: str) -> str:
        """Why a tensor has no cotangent."""
        if tensor in self._blocked:
            return self._blocked[tensor]
        if tensor not in self._influences:
            return "the chosen outputs do not depend on it"
        return "all its ways to the chosen outputs have a derivative of zero"

    def _close(self, tensor: str) -> None:
        """Adds up the parts of a cotangent: all readers of the tensor are done."""
        parts = self._parts.pop(tensor, [])
        if not parts or tensor in self._blocked:
            return
        total = parts[0]
        for part in parts[1:]:
            total = self.emit.op("Add", total, part)
        self.total[tensor] = total

    def _visit(self, node: Node) -> None:
        needed = tuple(name in self._needed for name in node.inputs)
        if (node.domain, node.op) in ZERO_DERIVATIVE or not any(needed):
            return
        behind = next((self._blocked[t] for t in node.outputs if t in self._blocked), None)
        cotangents = [self.total.get(tensor) for tensor in node.outputs]
        if behind is not None:
            self._block(node, behind)
        elif any(cotangents):
            self._apply(replace(node, needed=needed), cotangents)

    def _apply(self, node: Node, cotangents: list[str | None]) -> None:
        try:
            parts = self._rule(node)(self.emit, node, cotangents)
        except NoRule as reason:
            self._block(node, f"{_title(node)}: {reason}")
            return
        for tensor, part, needed in zip(node.inputs, parts, node.needed, strict=False):
            if not needed or part is None:
                continue
            if node.op not in ON_CODES and not self.source.is_real(tensor):
                part = Blocked(f"tensor {tensor} holds no real values")
            if isinstance(part, Blocked):
                self._blocked.setdefault(tensor, f"{_title(node)}: {part.reason}")
            else:
                self._parts.setdefault(tensor, []).append(part)

    def _rule(self, node: Node) -> Rule:
        rule = RULES.get(node.op if not node.domain else (node.domain, node.op))
        if rule is None:
            raise NoRule(f"there is no gradient rule for {node.op}")
        if node.op not in ON_CODES and not self.source.is_real(node.outputs[0]):
            raise NoRule(f"tensor {node.outputs[0]} holds no real values")
        return rule

    def _block(self, node: Node, reason: str) -> None:
        for tensor in node.inputs:
            if tensor in self._needed:
                self._blocked.setdefault(tensor, reason)


def _title(node: Node) -> str:
    return node.name if node.op in node.name else f"{node.op} {node.name}"


def _behind(source: Source, targets: set[str]) -> set[str]:
    """Tensors that depend on the targets, and the targets."""
    reached = set(targets)
    for node in source.nodes:
        if reached.intersection(node.inputs):
            reached.update(filter(None, node.outputs))
    return reached


def _before(source: Source, outputs: Sequence[str]) -> set[str]:
    """Tensors that the outputs depend on, and the outputs."""
    reached = set(outputs)
    for node in reversed(source.nodes):
        if reached.intersection(node.outputs):
            reached.update(filter(None, node.inputs))
    return reached
