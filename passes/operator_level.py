"""Operator level of the score: errors of accumulators, in closed form and measured."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import onnx

from hawx_onnx.passes.base import Candidate, PassState
from hawx_onnx.passes.calibrate import operand_tensors, second_operand
from hawx_onnx.passes.dynamic_form import weight_scale
from hawx_onnx.passes.integer_ops import INTEGER_OPS, as_codes
from hawx_onnx.passes.measured_error import MeasuredError, measure_errors
from hawx_onnx.passes.operator_score import (
    accumulated_error,
    accumulated_error_of_activations,
    weight_patterns,
)
from hawx_onnx.runtime.workers import Workers, held
from hawx_onnx.sensitivity import OperatorScore

LARGEST_PRODUCT = 2**14  # of two centred codes


def score_operators(
    state: PassState, threads: int, memory_limit: int, workers: Workers | None = None
) -> dict[str, OperatorScore]:
    """Operator-level scores of all candidates under all multipliers.

    Args:
        state: Int8 model, data, multipliers, and what ``Calibrate`` counted.
        threads: Threads within an operator; 0 lets onnxruntime choose.
        memory_limit: Bytes that the process may hold.
        workers: Run the samples and take the sums; this process if None.
    """
    assert state.dataset is not None
    x = state.dataset.calibration.x
    measured = measure_errors(state, x, threads, memory_limit=memory_limit, workers=workers)
    with held(workers, state.bare(), partial(_itself, state.bare())) as runs:
        tasks = [(c, measured[c.name], _counted(state, c)) for c in state.candidates]
        scores = list(runs.each(_score, tasks))
    return {c.name: score for c, score in zip(state.candidates, scores, strict=True)}


def _itself(state: PassState, threads: int) -> PassState:
    """What workers hold: nothing that takes threads."""
    return state


def _counted(state: PassState, candidate: Candidate) -> dict[str, object]:
    """What ``Calibrate`` counted of one candidate."""
    name = candidate.name
    keys = [key for key in (name, second_operand(name)) if key in state.histograms]
    return {
        "histograms": {key: state.histograms[key] for key in keys},
        "tap_counts": {key: state.tap_counts[key] for key in (name,) if key in state.tap_counts},
    }


def _score(
    state: PassState, candidate: Candidate, measured: MeasuredError, counted: Mapping[str, object]
) -> OperatorScore:
    """The task: the score of one candidate."""
    return score_operator(state.replace(**counted), candidate, measured)


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
    weights = constants.get(operand_tensors(state.model, candidate)[1])
    if weights is None:
        first = state.histograms[candidate.name]
        second = state.histograms[second_operand(candidate.name)]
        window = candidate.workload.window
        mean, std = accumulated_error_of_activations(first, second, window, state.multipliers)
        mean = mean if measured is None else measured.mean
    else:
        signed = state.multipliers[0].encoding.codes_signed
        codes = as_codes(onnx.numpy_helper.to_array(weights), signed)
        patterns = weight_patterns(candidate.kind, codes)
        mean, std = accumulated_error(_shares(state, candidate), patterns, state.multipliers)
    scale, peak = _output_range(state, candidate, measured)
    return OperatorScore(
        mean=mean,
        std=std if measured is None else measured.std,
        independent_std=std,
        output_scale=np.broadcast_to(scale, (candidate.channels,)),
        peak=peak,
        spread_samples=0 if measured is None else measured.samples,
    )


def _output_range(
    state: PassState, candidate: Candidate, measured: MeasuredError | None
) -> tuple[np.ndarray, float]:
    """What one product is worth in a layer's output, and the output's largest magnitude.

    Where ranges are found at run time, both are in units of the activations' scale, and the
    magnitude is that of the exact sums that were measured, or the largest that sums can have.
    """
    constants = {t.name: t for t in state.model.graph.initializer}
    node = next(n for n in state.model.graph.node if n.name == candidate.name)
    if INTEGER_OPS[candidate.kind].dynamic:
        found = weight_scale(state.model, node)
        scale = np.ones(1) if found is None else found.astype(np.float64).reshape(-1)
        scale = scale if scale.size in (1, candidate.channels) else np.ones(1)
        most = candidate.workload.window * LARGEST_PRODUCT if measured is None else measured.peak
        return scale, float(scale.max()) * max(1, most)
    x_scale, w_scale, y_scale, y_zero = (
        onnx.numpy_helper.to_array(constants[node.input[i]]) for i in (1, 4, 6, 7)
    )
    limits = np.iinfo(y_zero.dtype)
    peak = float(y_scale.max()) * (int(limits.max) - int(limits.min)) / 2
    return (x_scale * w_scale).astype(np.float64).reshape(-1), peak


def _shares(state: PassState, candidate: Candidate) -> np.ndarray:
    """How often the window's positions read each code: [channels, taps, 256] or [K, 256]."""
    if candidate.name in state.tap_counts:
        return state.tap_counts[candidate.name].shares()
    return state.histograms[candidate.name]
