"""A network cut where assignments part: what they agree on up to there is computed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import onnx

from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.frontend.copies import exposed
from hawx_onnx.frontend.outputs import model_output
from hawx_onnx.hardware import LayerWorkload
from hawx_onnx.passes.activation_cache import ActivationCache, State
from hawx_onnx.passes.approximate import index_input, with_index_inputs
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.open_constants import chosen_inputs, close_constants, open_constants
from hawx_onnx.passes.probe import stacked_tables
from hawx_onnx.passes.segments import START, Segment, SegmentedGraph
from hawx_onnx.passes.shared_folds import SharedFolds
from hawx_onnx.runtime.evaluate import flat_outputs
from hawx_onnx.runtime.model_session import session_of
from hawx_onnx.runtime.runner import Runner, data_input, run
from hawx_onnx.runtime.shared_constants import SharedConstants

Choice = tuple[int | tuple[int, ...], ...]
CACHE_BYTES = 256 * 2**20
# Sessions hold copies of the tables and the weights.
MOST_SESSIONS = 64
# Costs in multiplications, as timed on LeNet-5 and ResNet-20: one code of a layer's output, to
# compute it beside its products and to hand it over at a cut alike; and one more call.
PER_CODE = 250
PER_CALL = 1_000_000


class StagedProbe:
    """Runs any assignment from the last cut on up to which it is one that was run before.

    Args:
        model: Int8 model.
        candidates: Nodes that take a multiplier, in graph order.
        multipliers: Candidates; index 0 is the exact one.
        threads: Threads within an operator; 0 lets onnxruntime choose.
        cache_bytes: Most bytes of activations to keep.
        folds: Gives the biases that every assignment is run with; the model's own if None.

    Attributes:
        spec: The data input.
        cuts: Depths between the candidates, ascending, at which activations are kept.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        multipliers: Sequence[Multiplier],
        threads: int = 0,
        cache_bytes: int = CACHE_BYTES,
        folds: SharedFolds | None = None,
    ) -> None:
        self._candidates, self._threads, self._folds = tuple(candidates), threads, folds
        channels = {c.name: c.channels for c in candidates}
        tables, factors = stacked_tables(multipliers), stacked_factors(multipliers)
        signed = multipliers[0].encoding.codes_signed
        self._model = with_index_inputs(model, tables, channels, factors=factors, signed=signed)
        opened = () if folds is None else folds.layers
        self._constants = open_constants(self._model, opened)
        self._shared = SharedConstants(self._model)
        self.spec = data_input(self._model)
        self._output = model_output(model)
        names = [candidate.name for candidate in candidates]
        self._graph = SegmentedGraph(self._model, names, self._output)
        self._sessions: OrderedDict[tuple[int, int], tuple[Segment, Any]] = OrderedDict()
        self._types: dict[str, Any] = {}
        self._cache = ActivationCache(cache_bytes)
        self.cuts: tuple[int, ...] = ()

    def plan(self, choices: Sequence[Choice], rows: int) -> None:
        """Sets the cuts for choices that are going to be run.

        Args:
            choices: In any order; they are best run in lexicographic order.
            rows: Samples in a batch.
        """
        workloads = [candidate.workload for candidate in self._candidates]
        self.cuts = best_cuts(choices, workloads, rows)

    def outputs(self, batch: Hashable, rows: np.ndarray, choice: Choice) -> np.ndarray:
        """Network outputs of one batch under an assignment: [rows, values].

        Args:
            batch: Name of the batch, the same whenever its rows are.
            rows: Samples; as many as a fixed batch takes.
            choice: Multiplier index of each candidate, or of each of its output channels.
        """
        at, state = self._known(batch, choice)
        for depth in (*(cut for cut in self.cuts if cut > at), len(choice)):
            state = self._step(at, depth, rows, state, choice)
            at = depth
            if depth < len(choice):
                self._cache.put(batch, choice[:depth], state)
        return flat_outputs(state[self._output])

    def forget(self, batch: Hashable) -> None:
        """Drops the activations of a batch."""
        self._cache.forget(batch)

    def _known(self, batch: Hashable, choice: Choice) -> tuple[int, State]:
        """The longest beginning whose activations are kept."""
        found: tuple[int, State] = (START, {})
        # The shortest is asked for last: most assignments share it, so that it leaves last.
        for depth in reversed(self.cuts):
            state = self._cache.get(batch, choice[:depth])
            if state is not None and found[0] == START:
                found = (depth, state)
        return found

    def _step(self, at: int, depth: int, rows: np.ndarray, state: State, choice: Choice) -> State:
        segment, session = self._session(at, depth)
        values = dict(state)
        if session is not None:
            known = {**state, **self._chosen(choice[:depth]), **self.spec.feeds(rows)}
            feeds = {name: known[name] for name in segment.inputs}
            results = run(session, segment.outputs, feeds)
            values.update(zip(segment.outputs, results, strict=True))
        return {name: values[name] for name in self._graph.state(depth)}

    def _chosen(self, beginning: Choice) -> dict[str, np.ndarray]:
        """Tables, biases and weight scales of the first candidates, by input."""
        feeds = dict(self._constants)
        for candidate, chosen in zip(self._candidates, beginning, strict=False):
            tables = np.broadcast_to(np.array(chosen, np.int32), candidate.channels)
            feeds[index_input(candidate.name)] = np.ascontiguousarray(tables)
        if self._folds is not None:
            changes = self._folds.constants(beginning)
            feeds.update(chosen_inputs(changes, self._constants))
        return feeds

    def _session(self, first: int, last: int) -> tuple[Segment, Any]:
        """The session between two depths; none where nothing is to be done."""
        if (first, last) in self._sessions:
            self._sessions.move_to_end((first, last))
            return self._sessions[first, last]
        segment = self._graph.between(first, last)
        session = None
        if segment.outputs:
            types = self._input_types()
            for value in segment.model.graph.input:
                value.CopyFrom(types[value.name])
            session = session_of(
                segment.model,
                threads=self._threads,
                arena=False,
                shared=self._shared.of(segment.model.graph.initializer),
            )
        self._sessions[first, last] = (segment, session)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return segment, session

    def _input_types(self) -> dict[str, Any]:
        """Types of everything that a segment may read."""
        if not self._types:
            own = {value.name: value for value in self._model.graph.input}
            depths = range(len(self._candidates))
            cut = dict.fromkeys(name for depth in depths for name in self._graph.state(depth))
            closed = close_constants(exposed(self._model, list(cut)), self._constants)
            whole = Runner(closed, threads=1)
            self._types = {**whole.types(), **own}
        return self._types


def best_cuts(
    choices: Sequence[Choice], workloads: Sequence[LayerWorkload], rows: int
) -> tuple[int, ...]:
    """Depths to keep activations at, so that the least is computed.

    Up to a cut the work is done once for each beginning that the choices have in common; the cut
    costs the hand-over, once for each. The best set is found by dynamic programming over depths.

    Args:
        choices: What is to be run.
        workloads: The layers.
        rows: Samples in a batch.
    """
    layers = len(workloads)
    beginnings = [len({choice[:depth] for choice in choices}) for depth in range(layers + 1)]
    codes = np.array([0, *(w.output_positions * w.filters for w in workloads)], np.float64)
    macs = np.array([0, *(w.macs for w in workloads)], np.float64)
    work = np.cumsum(macs + PER_CODE * codes)
    least, before = [0.0], [0]
    for depth in range(1, layers + 1):
        cut = PER_CODE * codes[depth] + PER_CALL / rows if depth < layers else 0.0
        costs = [
            least[at] + beginnings[depth] * (work[depth] - work[at] + cut) for at in range(depth)
        ]
        at = int(np.argmin(costs))
        least.append(costs[at])
        before.append(at)
    cuts = []
    at = before[layers]
    while at:
        cuts.append(at)
        at = before[at]
    return tuple(reversed(cuts))
