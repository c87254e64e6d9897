"""Score how much each multiplier hurts each candidate: operator level and layer level."""

from __future__ import annotations

import time

import numpy as np
import onnx

from hawx_onnx.errors import DataError
from hawx_onnx.passes.base import Candidate, Pass, PassResult, PassState
from hawx_onnx.passes.calibrate import operand_tensors, second_operand
from hawx_onnx.passes.operator_score import (
    accumulated_error,
    accumulated_error_of_activations,
    weight_patterns,
)
from hawx_onnx.passes.probe import LayerResponses
from hawx_onnx.runtime.evaluate import classes
from hawx_onnx.sensitivity import OperatorScore, Sensitivity

DEFAULT_SAMPLES = 256


class Score(Pass):
    """Operator level in closed form, layer level by measured responses from cached activations.

    Args:
        samples: How many validation samples the responses are measured on.
        threads: Threads within an operator.
    """

    name = "score"

    def __init__(self, samples: int = DEFAULT_SAMPLES, threads: int = 0) -> None:
        self.samples = samples
        self.threads = threads

    def requires(self, state: PassState) -> None:
        """There are validation samples."""
        if state.dataset is None or len(state.dataset.validation) == 0:
            raise DataError("there are no validation samples", where="data", mend="give --data")

    def call(self, state: PassState) -> PassResult:
        """Scores all candidates."""
        assert state.dataset is not None
        start = time.perf_counter()
        operator = {c.name: score_operator(state, c) for c in state.candidates}
        split = state.dataset.validation
        probe = LayerResponses(state.model, state.candidates, state.multipliers, self.threads)
        parts = list(probe.stream(split.x[: self.samples]))
        baseline = np.concatenate([exact for exact, _ in parts])
        responses = np.concatenate([response for _, response in parts], axis=2)
        labels = classes(baseline) if split.y is None else split.y[: self.samples]
        sensitivity = Sensitivity(
            layers=tuple(c.name for c in state.candidates),
            multipliers=tuple(m.name for m in state.multipliers),
            operator=operator,
            baseline=baseline,
            responses=responses,
            labels=labels,
            seconds=time.perf_counter() - start,
            runs=probe.runs,
        )
        return PassResult(state.replace(sensitivity=sensitivity), False)


def score_operator(state: PassState, candidate: Candidate) -> OperatorScore:
    """Operator-level score of one candidate under all multipliers."""
    constants = {t.name: t for t in state.model.graph.initializer}
    node = next(n for n in state.model.graph.node if n.name == candidate.name)
    x_scale, w_scale, y_scale, y_zero = (
        onnx.numpy_helper.to_array(constants[node.input[i]]) for i in (1, 4, 6, 7)
    )
    weights = constants.get(operand_tensors(state.model, candidate)[1])
    histogram = state.histograms[candidate.name]
    if weights is None:
        second = state.histograms[second_operand(candidate.name)]
        window = candidate.workload.window
        errors = accumulated_error_of_activations(histogram, second, window, state.multipliers)
    else:
        patterns = weight_patterns(candidate.kind, onnx.numpy_helper.to_array(weights))
        errors = accumulated_error(histogram, patterns, state.multipliers)
    limits = np.iinfo(y_zero.dtype)
    peak = float(y_scale.max()) * (int(limits.max) - int(limits.min)) / 2
    scale = (x_scale * w_scale).astype(np.float64).reshape(-1)
    return OperatorScore(*errors, np.broadcast_to(scale, (candidate.channels,)), peak)
