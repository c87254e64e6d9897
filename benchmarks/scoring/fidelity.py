"""Operator level against errors of the integer operators on samples that were not used for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import numpy_helper

from hawx_onnx.passes import Calibrate, PassState
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.calibrate import operand_tensors
from hawx_onnx.passes.measured_error import MeasuredError, measure_errors
from hawx_onnx.passes.operator_score import accumulated_error, weight_patterns
from hawx_onnx.passes.score import score_operator
from hawx_onnx.predictors import spearman

ALL = 2**62  # sums of a channel: every sample is taken
LIMIT = 0.05  # of the standard deviation, for the predicted mean
RANKS = 0.95  # Spearman, for the predicted standard deviation


def operator_rows(name: str, state: PassState) -> list[dict[str, Any]]:
    """One row of figures for each layer.

    Args:
        name: The network.
        state: Calibration samples are for scoring, validation samples are held out.
    """
    assert state.dataset is not None
    scoring, held_out = state.dataset.calibration.x, state.dataset.validation.x
    state = Calibrate(1)(state)
    few = measure_errors(state, scoring, 1)
    half = len(held_out) // 2
    parts = [measure_errors(state, x, 1, wanted=ALL) for x in (held_out[:half], held_out[half:])]
    rows = []
    for candidate in state.candidates:
        score = score_operator(state, candidate, few[candidate.name])
        first, second = (part[candidate.name] for part in parts)
        truth = _together(first, second)
        there = truth.std > 0  # not the exact multiplier, and no channel without errors
        std = truth.std[there]
        pooled = _pooled_mean(state, candidate)
        deviation = np.abs(score.mean - truth.mean)[there] / std
        ratio = std / score.independent_std[there]
        rows.append(
            {
                "network": name,
                "layer": candidate.name,
                "samples": [len(scoring), len(held_out)],
                "pairs": int(there.sum()),
                "mean_deviation_max": float(deviation.max()),
                "mean_within": float((deviation <= LIMIT).mean()),
                "halves_deviation_max": float(
                    (np.abs(first.mean - second.mean)[there] / std).max()
                ),
                "pooled_deviation_max": float((np.abs(pooled - truth.mean)[there] / std).max()),
                "std_spearman": spearman(score.std[there], std),
                "std_spearman_channels": _over_channels(score.std, truth.std),
                "independent_spearman": spearman(score.independent_std[there], std),
                "independent_spearman_channels": _over_channels(score.independent_std, truth.std),
                "dependence": [float(v) for v in np.percentile(ratio, [0, 50, 100])],
                "spread_samples": score.spread_samples,
            }
        )
    return rows


def _together(first: MeasuredError, second: MeasuredError) -> MeasuredError:
    """Errors over both halves."""
    total = first.samples + second.samples
    a, b = first.samples / total, second.samples / total
    mean = a * first.mean + b * second.mean
    square = a * (first.std**2 + first.mean**2) + b * (second.std**2 + second.mean**2)
    return MeasuredError(mean, np.sqrt(np.maximum(square - mean**2, 0)), total)


def _pooled_mean(state: PassState, candidate: Candidate) -> np.ndarray:
    """The closed form with one histogram for all taps, as if there were no borders."""
    constants = {t.name: t for t in state.model.graph.initializer}
    weights = numpy_helper.to_array(constants[operand_tensors(state.model, candidate)[1]])
    patterns = weight_patterns(candidate.kind, weights)
    return accumulated_error(state.histograms[candidate.name], patterns, state.multipliers)[0]


def _over_channels(predicted: np.ndarray, measured: np.ndarray) -> float | None:
    """Ranks of channels under one multiplier: the least Spearman over the multipliers."""
    found = [spearman(p, m) for p, m in zip(predicted, measured, strict=True) if (m > 0).all()]
    return min((value for value in found if value is not None), default=None)
