"""Filter level by runs: single channels through the rest of the network, one after the other.

A multiplier in all channels of a layer gives what it makes of each channel by itself, since no
channel's output depends on another one's multiplier. So a layer runs once for each multiplier, and
a channel alone is its part of that put among the exact network's: what is left to run is the
network behind the layer. Where that is little work, as in small networks with few candidates, it
takes less than derivatives do, and tells what roundings add without a model of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import onnx

from hawx_onnx.components import Multiplier
from hawx_onnx.frontend.graph_checks import tensors_read
from hawx_onnx.frontend.outputs import are_class_scores
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.changes import Changes, ChannelChanges
from hawx_onnx.passes.integer_ops import convolves
from hawx_onnx.passes.responses import EXPECTED_SAMPLES, Cuts, LayerResponses
from hawx_onnx.passes.staged_probe import PER_CALL, PER_CODE
from hawx_onnx.passes.suffix import Suffixes
from hawx_onnx.runtime.evaluate import classes, flat_outputs
from hawx_onnx.runtime.runner import run

MOST_PASSES = 32.0
"""Runs of the whole network up to which running channels takes less than derivatives."""
PROBE_SAMPLES = 64
"""Samples of a run, for what a call costs."""

# Operators whose outputs keep the channels apart, behind a convolution and anywhere.
_POOLS = {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"}
_ELEMENTWISE = {"Clip", "Relu", "LeakyRelu", "Sigmoid", "Tanh"}


class ChannelResponses(LayerResponses):
    """Responses of whole layers, and of their output channels one by one.

    Args:
        model: Int8 model.
        candidates: Nodes to approximate.
        multipliers: Candidates; index 0 is the exact one and is not run.
        threads: Threads within an operator.
        samples: How many are going to be run; decides how many sessions pay.
        biases: Layer -> int32 [T, channels], as of :class:`LayerResponses`.
        labels: True classes of all samples; without, those of the exact network. Not used where the
            output is no vector of class scores.
        kept: Layers whose channels are not run.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        multipliers: Sequence[Multiplier],
        threads: int = 0,
        samples: int = EXPECTED_SAMPLES,
        biases: Mapping[str, np.ndarray] | None = None,
        labels: np.ndarray | None = None,
        kept: Collection[str] = (),
    ) -> None:
        self._labels, self._kept = labels, frozenset(kept)
        super().__init__(model, candidates, multipliers, threads, samples, biases)

    def _cut_up(
        self, model: onnx.ModelProto, candidates: Sequence[Candidate], samples: int
    ) -> Cuts:
        """Behind every layer whose channels are run: runs of later layers start there too."""
        tensors = {
            c.name: last_apart(model, c)
            for c in candidates
            if c.name not in self._kept and self._output in self._behind[c.name]
        }
        cuts = Suffixes(model)
        suffixes = {name: cuts.behind(tensor) for name, tensor in tensors.items()}
        starts: list[str | None] = []
        for place, candidate in enumerate(candidates):
            before = [c.name for c in candidates[:place] if c.name in tensors]
            behind = self._behind[candidate.name]
            starts.append(next((n for n in before[::-1] if behind <= self._behind[n]), None))
            if starts[-1] is not None and candidate.name in tensors:
                handed = onnx.ValueInfoProto(name=tensors[candidate.name])
                suffixes[starts[-1]].model.graph.output.append(handed)
        return starts, suffixes, tensors

    def _channel_changes(
        self,
        rows: Sequence[int],
        exact: np.ndarray,
        cached: Mapping[str, np.ndarray],
        start: int,
    ) -> dict[str, ChannelChanges]:
        """Room for what each channel of layers does."""
        count, class_scores = len(exact), are_class_scores(cached[self._output])
        if class_scores:
            told = None if self._labels is None else self._labels[start : start + count]
            self._true = classes(exact) if told is None else told
            self._before = margins(exact, self._true)
        found = {}
        for row in rows:
            candidate, _ = self._layers[row]
            shape = (self.multipliers, candidate.channels)
            if candidate.name not in self._kept:
                shifts = np.zeros((*shape, count), np.float32) if class_scores else None
                found[candidate.name] = ChannelChanges(np.zeros(shape), shifts)
        return found

    def _go_on(
        self,
        row: int,
        column: int,
        beside: np.ndarray,
        cached: Mapping[str, np.ndarray],
        count: int,
        found: Changes,
    ) -> None:
        """Runs each channel of a layer alone under a multiplier."""
        candidate, _ = self._layers[row]
        tensor, part = self._beside[candidate.name], self._parts[candidate.name]
        own_changes = found.channels[candidate.name]
        feeds = {name: cached[name] for name in part.inputs if name != tensor}
        mixed = cached[tensor].copy()
        # Channels come first: views of the arrays, whatever the layer's kind.
        axis = 1 if convolves(candidate.kind) else -1
        own, new, old = (np.moveaxis(a, axis, 0) for a in (mixed, beside, cached[tensor]))
        for channel in range(candidate.channels):
            if np.array_equal(new[channel], old[channel]):
                continue  # it changes nothing
            own[channel] = new[channel]
            (outputs,) = run(part.session, [self._output], {**feeds, tensor: mixed})
            own[channel] = old[channel]
            change = self._change_of(outputs, cached)[:count]
            square = np.einsum("ij,ij->", change, change, dtype=float)
            own_changes.squares[column, channel] = square
            if own_changes.margins is not None:
                moved = flat_outputs(outputs)[:count]
                shifts = margins(moved, self._true) - self._before
                own_changes.margins[column, channel] = shifts


def margins(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Score of the true class over the best other one: float32 [S] of class scores [S, C]."""
    rows = np.arange(len(labels))
    true = outputs[rows, labels]
    others = outputs.astype(np.float32)
    others[rows, labels] = -np.inf
    return np.asarray(true - others.max(axis=1), np.float32)


def last_apart(model: onnx.ModelProto, candidate: Candidate) -> str:
    """The last tensor behind a layer in which its channels are still apart.

    Behind clamps and pools there is less to hand over, and they need not be run for each channel.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    shown = {value.name for value in model.graph.output}
    allowed = _ELEMENTWISE | (_POOLS if convolves(candidate.kind) else set())
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in tensors_read(node):
            readers.setdefault(name, []).append(node)
    (tensor,) = (node.output[0] for node in model.graph.node if node.name == candidate.name)
    while tensor not in shown and len(readers.get(tensor, ())) == 1:
        (node,) = readers[tensor]
        others = [name for name in tensors_read(node) if name != tensor]
        if node.op_type not in allowed or node.domain or not constants.issuperset(others):
            break
        tensor = node.output[0]
    return str(tensor)


def runs_pay(
    model: onnx.ModelProto, candidates: Sequence[Candidate], multipliers: int, kept: Collection[str]
) -> bool:
    """Whether running all channels, one by one, takes less than derivatives.

    Args:
        model: The int8 model.
        candidates: Its layers; what else is in the network is left out of account.
        multipliers: How many, the exact one among them.
        kept: Layers whose channels are not run.
    """
    shown = {value.name for value in model.graph.output}
    names = {c.name for c in candidates}
    if any(node.name in names and node.output[0] in shown for node in model.graph.node):
        return False  # there is nothing behind that layer to be run
    loads = np.array(
        [
            c.workload.macs + PER_CODE * c.workload.output_positions * c.workload.filters
            for c in candidates
        ],
        np.float64,
    )
    channels = np.array([0 if c.name in kept else c.channels for c in candidates])
    behind = loads.sum() - np.cumsum(loads)
    work = channels @ (behind + PER_CALL / PROBE_SAMPLES) * (multipliers - 1)
    return bool(work <= MOST_PASSES * loads.sum())
