"""Filter-level score: effects of single channels over the scoring samples, rounding included.

First order alone misses what rounding does: a change of less than a code flips some of the next
layer's codes by a whole one, those flip others, and a few changed codes end as noise of a size that
hardly depends on them. A few channels of each layer run through the rest of the network tell how
large that noise is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hawx_onnx.components import stacked_factors
from hawx_onnx.passes.base import PassState
from hawx_onnx.passes.filter_effects import FilterLevel
from hawx_onnx.passes.probe import stacked_tables
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.sensitivity import GRADIENT, MEASURED, FilterScore, OperatorScore

PROBES = (0.1, 0.3, 0.5)
"""Channels and multipliers that are run, as quantiles of their effect to first order."""
PROBE_SAMPLES = 64
AVALANCHE = 10.0
"""Changed codes of a sample that bring the noise of rounding to 63 % of its full size."""


def score_filters(
    state: PassState,
    x: np.ndarray,
    labels: np.ndarray | None,
    output: str,
    *,
    operator: Mapping[str, OperatorScore],
    measured: np.ndarray,
    responses: LayerResponses,
    probe_batch: int,
    memory_limit: int,
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
        responses: Runs single channels through the rest of the network.
        probe_batch: Samples of one of its runs.
        memory_limit: Bytes that the process may hold.
        threads: Threads within an operator.
    """
    tables, factors = stacked_tables(state.multipliers), stacked_factors(state.multipliers)
    level = FilterLevel(state.model, state.candidates, tables, factors, output, threads)
    sums: dict[str, _LayerSums] = {}
    noise: dict[str, float] = {}
    if level.reached:
        sums = _summed(level, x, labels, level.fitting_batch(x, memory_limit))
        noise = _rounding_noise(sums, responses, x, probe_batch)
    return {
        candidate.name: _with_noise(sums[candidate.name], noise[candidate.name])
        if candidate.name in sums
        else _shared_out(operator[candidate.name], measured[row], level.unreached[candidate.name])
        for row, candidate in enumerate(state.candidates)
    }


@dataclass(eq=False)
class _LayerSums:
    """Means over samples, [T, C] each, of all samples and of those of the probes."""

    squared: np.ndarray
    head_squared: np.ndarray
    changed: np.ndarray
    margins: list[np.ndarray]


def _summed(
    level: FilterLevel, x: np.ndarray, labels: np.ndarray | None, batch: int
) -> dict[str, _LayerSums]:
    layers: dict[str, _LayerSums] = {}
    done, head = 0, min(PROBE_SAMPLES, len(x))
    for part in level.stream(x, labels, batch):
        count = len(part.exact)
        for name, squared in part.squared.items():
            if name not in layers:
                zero = np.zeros(squared.shape[:2])
                layers[name] = _LayerSums(zero, zero.copy(), zero.copy(), [])
            layer = layers[name]
            layer.squared += squared.sum(axis=2) / len(x)
            layer.head_squared += squared[..., : max(0, head - done)].sum(axis=2) / head
            layer.changed += part.changed[name].sum(axis=2) / len(x)
            if name in part.margin:
                layer.margins.append(part.margin[name])
        done += count
    return layers


def _rounding_noise(
    sums: Mapping[str, _LayerSums], responses: LayerResponses, x: np.ndarray, batch: int
) -> dict[str, float]:
    """Layer -> mean squared change of the outputs that rounding adds to a single channel's."""
    pairs = {name: _probes(layer) for name, layer in sums.items()}
    picks = {
        name: [_alone(layer.squared.shape[1], *pair) for pair in pairs[name]]
        for name, layer in sums.items()
    }
    measured = responses.squared_changes(x[:PROBE_SAMPLES], picks, batch)
    noise = {}
    for name, layer in sums.items():
        rows = tuple(np.array(pairs[name], int).reshape(-1, 2).T)
        excess = np.maximum(0, measured[name] - layer.head_squared[rows])
        share = _saturation(layer.changed[rows])
        noise[name] = float(excess.sum() / share.sum()) if len(pairs[name]) else 0.0
    return noise


def _probes(layer: _LayerSums) -> list[tuple[int, int]]:
    """Multiplier and channel of each probe: smaller effects, where noise is most of the change."""
    rows, channels = np.nonzero(layer.squared > 0)
    if not len(rows):
        return []
    order = np.argsort(layer.squared[rows, channels], kind="stable")
    places = sorted({int(quantile * (len(order) - 1)) for quantile in PROBES})
    return [(int(rows[order[p]]), int(channels[order[p]])) for p in places]


def _alone(channels: int, multiplier: int, channel: int) -> np.ndarray:
    index = np.zeros(channels, np.int32)
    index[channel] = multiplier
    return index


def _saturation(changed: np.ndarray) -> np.ndarray:
    return np.asarray(-np.expm1(-changed / AVALANCHE))


def _with_noise(layer: _LayerSums, noise: float) -> FilterScore:
    total = layer.squared + noise * _saturation(layer.changed)
    shifts = np.concatenate(layer.margins, axis=2) if layer.margins else None
    margin = None if shifts is None else shifts.mean(axis=2, dtype=np.float64)
    return FilterScore(total, layer.squared, margin, shifts, GRADIENT)


def _shared_out(operator: OperatorScore, measured: np.ndarray, reason: str) -> FilterScore:
    """A layer's measured mean squared change [T], by the share of each channel in its error."""
    power = (operator.mean**2 + operator.std**2) * operator.output_scale**2
    total = power.sum(axis=1, keepdims=True)
    share = np.divide(power, total, out=np.zeros_like(power), where=total > 0)
    return FilterScore(share * measured[:, None], None, None, None, MEASURED, reason)
