"""Probes: sessions in which every candidate node takes its multiplier at run time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.passes.approximate import index_input, with_index_inputs
from hawx_onnx.passes.base import Candidate
from hawx_onnx.runtime.evaluate import flat_outputs
from hawx_onnx.runtime.runner import Runner


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
        signed = multipliers[0].encoding.codes_signed
        probe = with_index_inputs(model, tables, channels, factors=factors, signed=signed)
        self._runner = Runner(probe, threads=threads)

    def outputs(self, assignment: Assignment, x: np.ndarray) -> np.ndarray:
        """Network outputs under an assignment: [samples, values]."""
        indices = table_indices(assignment, self._candidates, self._multipliers)
        feeds = {index_input(name): index for name, index in indices.items()}
        return flat_outputs(self._runner.run(x, feeds))
