"""Score how much each multiplier hurts each candidate: operator level and layer level."""

from __future__ import annotations

import time

import numpy as np
import onnx

from hawx_onnx.errors import DataError
from hawx_onnx.passes.base import Candidate, Pass, PassResult, PassState
from hawx_onnx.passes.calibrate import operand_tensors, second_operand
from hawx_onnx.passes.measured_error import MeasuredError, measure_errors
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
        measured = measure_errors(state, state.dataset.calibration.x, self.threads)
        operator = {c.name: score_operator(state, c, measured[c.name]) for c in state.candidates}
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


def score_operator(
    state: PassState, candidate: Candidate, measured: MeasuredError | None = None
) -> OperatorScore:
    """Operator-level score of one candidate under all multipliers.

    Args:
        state: Int8 model, multipliers, and what ``Calibrate`` counted.
        candidate: The node.
        measured: Its errors over a few samples; without, the closed form stands for them.
    """
    constants = {t.name: t for t in state.model.graph.initializer}
    node = next(n for n in state.model.graph.node if n.name == candidate.name)
    x_scale, x_zero, w_scale, y_scale, y_zero = (
        onnx.numpy_helper.to_array(constants[node.input[i]]) for i in (1, 2, 4, 6, 7)
    )
    weights = constants.get(operand_tensors(state.model, candidate)[1])
    if weights is None:
        first = state.histograms[candidate.name]
        second = state.histograms[second_operand(candidate.name)]
        window = candidate.workload.window
        mean, std = accumulated_error_of_activations(first, second, window, state.multipliers)
        mean = mean if measured is None else measured.mean
    else:
        patterns = weight_patterns(candidate.kind, onnx.numpy_helper.to_array(weights))
        shares = _shares(state, candidate, int(x_zero.reshape(-1).view(np.uint8)[0]))
        mean, std = accumulated_error(shares, patterns, state.multipliers)
    limits = np.iinfo(y_zero.dtype)
    peak = float(y_scale.max()) * (int(limits.max) - int(limits.min)) / 2
    scale = (x_scale * w_scale).astype(np.float64).reshape(-1)
    return OperatorScore(
        mean=mean,
        std=std if measured is None else measured.std,
        independent_std=std,
        output_scale=np.broadcast_to(scale, (candidate.channels,)),
        peak=peak,
        spread_samples=0 if measured is None else measured.samples,
    )


def _shares(state: PassState, candidate: Candidate, padding: int) -> np.ndarray:
    """How often the window's positions read each code: [channels, taps, 256] or [K, 256]."""
    if candidate.name in state.tap_counts:
        return state.tap_counts[candidate.name].shares(padding)
    return state.histograms[candidate.name]
