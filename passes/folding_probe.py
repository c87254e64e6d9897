"""Measure assignments as they would be with their biases folded, in one session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.passes.approximate import index_input, with_index_inputs
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.layer_constants import layer_constants
from hawx_onnx.passes.layer_outputs import ExactOutputs
from hawx_onnx.passes.layerwise import follow
from hawx_onnx.passes.open_constants import chosen_inputs, open_constants
from hawx_onnx.passes.probe import stacked_tables, table_indices
from hawx_onnx.passes.stages import Stages
from hawx_onnx.runtime.evaluate import flat_outputs
from hawx_onnx.runtime.runner import Runner


class FoldingProbe:
    """Like ``AssignmentProbe``, with biases folded for each assignment before it is run.

    A fold runs every layer twice over the calibration samples and fits its biases; for few samples
    the fits take longer than the runs. The outputs are those of the model that the pass
    ``FoldBias`` makes. There are two sessions for each layer, and each holds all tables: 256 KiB
    for each multiplier.

    Args:
        model: Int8 model.
        candidates: Nodes that take a multiplier.
        multipliers: Candidates; index 0 is the exact one.
        x: Calibration samples that biases are folded on.
        threads: Threads within an operator; 0 lets onnxruntime choose.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        multipliers: Sequence[Multiplier],
        x: np.ndarray,
        threads: int = 0,
    ) -> None:
        self._candidates, self._multipliers = tuple(candidates), tuple(multipliers)
        self._stages = Stages(model, candidates, multipliers, threads)
        self._exact = ExactOutputs(model, candidates, multipliers[0], x, threads)
        self._fold = FoldBias(self._exact)
        channels = {c.name: c.channels for c in candidates}
        known = layer_constants(model, channels)
        self._treated = {n: one for n, one in known.items() if not self._fold.why_not(one)}
        tables, factors = stacked_tables(multipliers), stacked_factors(multipliers)
        probe = with_index_inputs(model, tables, channels, factors=factors)
        self._constants = open_constants(probe, channels)
        self._runner = Runner(probe, threads=threads, use_library=True)

    def outputs(self, assignment: Assignment, x: np.ndarray) -> np.ndarray:
        """Network outputs under an assignment whose biases are folded: [samples, values]."""
        indices = table_indices(assignment, self._candidates, self._multipliers)
        changes = follow(self._stages, self._exact, self._treated, indices, self._fold.fit)
        feeds = {index_input(name): index for name, index in indices.items()}
        feeds.update(self._constants)
        feeds.update(chosen_inputs(changes, self._constants))
        return flat_outputs(self._runner.run(x, feeds))
