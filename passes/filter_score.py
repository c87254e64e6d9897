"""Filter-level score: effects of single channels, summed up over the scoring samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hawx_onnx.components import stacked_factors
from hawx_onnx.passes.base import PassState
from hawx_onnx.passes.filter_effects import FilterEffects, FilterLevel
from hawx_onnx.passes.probe import stacked_tables
from hawx_onnx.sensitivity import GRADIENT, MEASURED, FilterScore, OperatorScore


def score_filters(
    state: PassState,
    x: np.ndarray,
    labels: np.ndarray | None,
    output: str,
    *,
    operator: Mapping[str, OperatorScore],
    measured: np.ndarray,
    batch: int,
    threads: int = 0,
) -> dict[str, FilterScore]:
    """Scores every output channel of every candidate under every multiplier.

    Candidates that no derivative reaches share out their measured response among their channels
    by the operator level's expected squared errors.

    Args:
        state: Int8 model, candidates and multipliers.
        x: Scoring samples.
        labels: True classes, or None where the output is no vector of class scores.
        output: The output that is scored.
        operator: The operator level.
        measured: The layer level's mean squared change of the outputs, [L, T].
        batch: Samples at once where the model leaves it open.
        threads: Threads within an operator.
    """
    tables, factors = stacked_tables(state.multipliers), stacked_factors(state.multipliers)
    level = FilterLevel(state.model, state.candidates, tables, factors, output, threads)
    parts = list(level.stream(x, labels, batch)) if level.reached else []
    return {
        candidate.name: _from_effects(candidate.name, parts)
        if candidate.name in level.reached
        else _shared_out(operator[candidate.name], measured[row], level.unreached[candidate.name])
        for row, candidate in enumerate(state.candidates)
    }


def _from_effects(name: str, parts: Sequence[FilterEffects]) -> FilterScore:
    squared = np.concatenate([part.squared[name] for part in parts], axis=2)
    if name not in parts[0].margin:
        return FilterScore(squared.mean(axis=2), None, None, GRADIENT)
    shifts = np.concatenate([part.margin[name] for part in parts], axis=2)
    margin = shifts.mean(axis=2, dtype=np.float64)
    return FilterScore(squared.mean(axis=2), margin, shifts, GRADIENT)


def _shared_out(operator: OperatorScore, measured: np.ndarray, reason: str) -> FilterScore:
    """A layer's measured mean squared change [T], by the share of each channel in its error."""
    power = (operator.mean**2 + operator.std**2) * operator.output_scale**2
    total = power.sum(axis=1, keepdims=True)
    share = np.divide(power, total, out=np.zeros_like(power), where=total > 0)
    return FilterScore(share * measured[:, None], None, None, MEASURED, reason)
