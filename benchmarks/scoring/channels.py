"""Filter level against channels that are really approximated alone, on samples held out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hawx_onnx.assignment import Assignment
from hawx_onnx.memory import DEFAULT_LIMIT, parse_bytes
from hawx_onnx.passes import Calibrate, PassState
from hawx_onnx.passes.filter_score import find_effects, score_filters
from hawx_onnx.passes.layer_level import LayerLevel, SampleRuns
from hawx_onnx.passes.operator_level import score_operator
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.predictors import spearman
from hawx_onnx.sensitivity import FilterScore

SAMPLES = 256
HELD_OUT = 512
RANDOM = 200
SEED = 3
RANKS = 0.90

Pair = tuple[str, int, int]


def filter_scores(state: PassState) -> dict[str, FilterScore]:
    """The filter level of all candidates, on the first scoring samples."""
    assert state.dataset is not None
    few, limit = state.dataset.calibration, parse_bytes(DEFAULT_LIMIT)
    labels = None if few.y is None else few.y[:SAMPLES]
    x = few.x[:SAMPLES]
    effects = find_effects(state, x, labels, limit, 1)
    probe = LayerResponses(state.model, state.candidates, state.multipliers, 1)
    return score_filters(
        state,
        effects,
        operator={c.name: score_operator(state, c) for c in state.candidates},
        measured=np.zeros((len(state.candidates), len(state.multipliers))),
        layers=LayerLevel(SampleRuns(probe, x)),
        batch=64,
    )


def calibrated(state: PassState) -> PassState:
    """The state with codes counted on the first scoring samples."""
    assert state.dataset is not None
    part = state.dataset.calibration
    few = replace(part, x=part.x[:SAMPLES], y=None if part.y is None else part.y[:SAMPLES])
    whole = state.dataset
    state = Calibrate(1)(state.replace(dataset=replace(whole, calibration=few)))
    return state.replace(dataset=whole)


def channel_rows(name: str, state: PassState, *, every: bool) -> list[dict[str, Any]]:
    """One row for each layer, or one for all layers.

    Args:
        name: The network.
        state: Calibration samples are for scoring, validation samples are held out.
        every: Whether all channels of all layers are measured, under all multipliers; else 200
            random ones, of one random multiplier each.
    """
    assert state.dataset is not None
    scores = filter_scores(calibrated(state))
    pairs = _all(state) if every else _some(state)
    x = state.dataset.validation.x[:HELD_OUT]
    halves = [_measured(state, pairs, x[0::2]), _measured(state, pairs, x[1::2])]
    groups = {c.name: c.name for c in state.candidates} if every else {}
    rows = []
    for group in dict.fromkeys(groups.values()) or [f"{len(pairs)} random channels"]:
        chosen = [i for i, pair in enumerate(pairs) if not every or pair[0] == group]
        rows.append({"network": name, "layer": group, **_figures(pairs, chosen, halves, scores)})
    return rows


def _figures(
    pairs: list[Pair], chosen: list[int], halves: list[np.ndarray], scores: dict[str, FilterScore]
) -> dict[str, Any]:
    first, second = (half[chosen] for half in halves)
    picked = [pairs[place] for place in chosen]
    measured = (first + second) / 2
    predicted, order1 = (
        np.array([getattr(scores[layer], key)[row, c] for layer, row, c in picked])
        for key in ("output_mse", "first_order_mse")
    )
    multiplier = np.array([pairs[i][1] for i in chosen])
    within = [
        rank
        for one in np.unique(multiplier)
        if (rank := spearman(predicted[multiplier == one], measured[multiplier == one])) is not None
    ]
    there = measured > 0
    return {
        "pairs": len(chosen),
        "spearman": spearman(predicted, measured),
        "first_order_spearman": spearman(order1, measured),
        "two_halves_spearman": spearman(first, second),
        "within_multiplier_least": min(within, default=None),
        "median_ratio": float(np.median(predicted[there] / measured[there])),
    }


def _all(state: PassState) -> list[Pair]:
    return [
        (c.name, row, channel)
        for c in state.candidates
        for row in range(1, len(state.multipliers))
        for channel in range(c.channels)
    ]


def _some(state: PassState) -> list[Pair]:
    rng = np.random.default_rng(SEED)
    channels = [(c.name, channel) for c in state.candidates for channel in range(c.channels)]
    picked = rng.choice(len(channels), min(RANDOM, len(channels)), replace=False)
    rows = rng.integers(1, len(state.multipliers), len(picked))
    return [
        (channels[place][0], int(row), channels[place][1])
        for place, row in zip(picked, rows, strict=True)
    ]


def _measured(state: PassState, pairs: list[Pair], x: np.ndarray) -> np.ndarray:
    """Mean squared change of the outputs for each pair, the channel alone approximated."""
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    names = [multiplier.name for multiplier in state.multipliers]
    channels = {c.name: c.channels for c in state.candidates}
    exact = probe.outputs(Assignment(()), x).astype(np.float64)
    result = np.zeros(len(pairs))
    for place, (layer, row, channel) in enumerate(pairs):
        choice = [names[0]] * channels[layer]
        choice[channel] = names[row]
        change = probe.outputs(Assignment.of({layer: choice}), x) - exact
        result[place] = (change**2).mean()
    return result
