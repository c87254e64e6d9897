"""Probes: sessions in which every candidate node takes its multiplier at run time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.frontend.model import batches, model_output
from hawx_onnx.passes.approximate import (
    exposed,
    index_input,
    with_index_inputs,
    with_open_index,
    with_tables,
)
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.suffix import suffix_from
from hawx_onnx.runtime.evaluate import flat_outputs
from hawx_onnx.runtime.library import create_session
from hawx_onnx.runtime.runner import Runner, run

log = logging.getLogger(__name__)


def stacked_tables(multipliers: Sequence[Multiplier]) -> np.ndarray:
    """The truth tables of multipliers: int32 [T, 256, 256]."""
    return np.stack([multiplier.table for multiplier in multipliers])


def table_indices(
    assignment: Assignment, candidates: Sequence[Candidate], multipliers: Sequence[Multiplier]
) -> dict[str, np.ndarray]:
    """An assignment as indices into ``multipliers``: candidate -> int32 [channels]."""
    position = {multiplier.name: index for index, multiplier in enumerate(multipliers)}
    exact = multipliers[0].name
    return {
        c.name: np.array(
            [position[name] for name in assignment.per_channel(c.name, c.channels, exact)],
            np.int32,
        )
        for c in candidates
    }


class AssignmentProbe:
    """The whole network in one session that runs any assignment.

    Args:
        model: Int8 model.
        candidates: Nodes that take a multiplier.
        multipliers: Candidates; index 0 is the exact one.
        threads: Threads within an operator; 0 lets onnxruntime choose.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        multipliers: Sequence[Multiplier],
        threads: int = 0,
    ) -> None:
        self._candidates, self._multipliers = tuple(candidates), tuple(multipliers)
        channels = {c.name: c.channels for c in candidates}
        tables, factors = stacked_tables(multipliers), stacked_factors(multipliers)
        probe = with_index_inputs(model, tables, channels, factors=factors)
        self._runner = Runner(probe, threads=threads, use_library=True)

    def outputs(self, assignment: Assignment, x: np.ndarray) -> np.ndarray:
        """Network outputs under an assignment: [samples, values]."""
        indices = table_indices(assignment, self._candidates, self._multipliers)
        feeds = {index_input(name): index for name, index in indices.items()}
        return flat_outputs(self._runner.run(x, feeds))


class LayerResponses:
    """Outputs with one layer approximated, each run started at that layer.

    The exact prefix runs once per batch and hands its activations to all layers and multipliers.

    Args:
        model: Int8 model.
        candidates: Nodes to approximate one at a time.
        multipliers: Candidates; index 0 is the exact one and is not run.
        threads: Threads within an operator.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        multipliers: Sequence[Multiplier],
        threads: int = 0,
    ) -> None:
        tables, factors = stacked_tables(multipliers), stacked_factors(multipliers)
        # The exact multiplier in the library's operators: the same bytes as the int8 model's,
        # without the slow paths that onnxruntime takes for int8 activations.
        exact = {c.name: np.zeros(c.channels, np.int32) for c in candidates}
        model = with_tables(model, tables, exact, factors=factors, portable=False)
        suffixes = [suffix_from(model, candidate.name) for candidate in candidates]
        own = {value.name for value in model.graph.input}
        cut = dict.fromkeys(name for suffix in suffixes for name in suffix.inputs)
        self._cut = [name for name in cut if name not in own]
        self._output = model_output(model)
        self._prefix = Runner(exposed(model, self._cut), threads=threads, use_library=True)
        self._multipliers = len(multipliers)
        self._layers = tuple(zip(candidates, suffixes, strict=True))
        types = self._prefix.types()
        self._sessions = []
        for candidate, suffix in self._layers:
            for value in suffix.model.graph.input:
                value.CopyFrom(types[value.name])
            probe = with_open_index(suffix.model, candidate.name)
            session = create_session(probe.SerializeToString(), threads=threads, use_library=True)
            self._sessions.append(session)
        self.runs = 0

    def stream(self, x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields, batch by batch, exact outputs [S, C] and responses [L, T, S, C]."""
        names = list(dict.fromkeys([self._output, *self._cut]))
        # The layers need the rows that fill up a fixed batch too: they are dropped at the end.
        for rows, count in batches(x, self._prefix.spec):
            values = self._prefix.run_batch(rows, names)
            cached = dict(zip(names, values, strict=True))
            exact = flat_outputs(values[0])
            cached[self._prefix.spec.name] = rows
            yield exact[:count], self._responses(cached, exact)[:, :, :count]

    def _responses(self, cached: Mapping[str, np.ndarray], exact: np.ndarray) -> np.ndarray:
        shape = (len(self._layers), self._multipliers, *exact.shape)
        responses = np.zeros(shape, np.float32)
        for row, (candidate, suffix) in enumerate(self._layers):
            if self._output not in suffix.outputs:
                continue  # what is scored does not depend on the layer
            feeds = {name: cached[name] for name in suffix.inputs}
            for column in range(1, self._multipliers):
                index = np.full(candidate.channels, column, np.int32)
                feeds[index_input(candidate.name)] = index
                (outputs,) = run(self._sessions[row], [self._output], feeds)
                responses[row, column] = flat_outputs(outputs) - exact
                self.runs += 1
        return responses
