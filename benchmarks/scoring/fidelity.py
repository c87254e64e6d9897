"""Operator level against errors of the integer operators on samples that were not used for it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import numpy_helper
from side_by_side.markdown import table

from hawx_onnx.frontend.copies import exposed
from hawx_onnx.passes import Calibrate, PassState
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.calibrate import operand_tensors
from hawx_onnx.passes.exact_form import exact_form
from hawx_onnx.passes.measured_error import NodeErrors, measure_errors
from hawx_onnx.passes.operator_level import score_operator
from hawx_onnx.passes.operator_score import accumulated_error, weight_patterns
from hawx_onnx.predictors import spearman
from hawx_onnx.runtime.runner import Runner

CUTS = 100
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
    measured = measure_errors(state, held_out, 1, wanted=ALL)
    rows = []
    for candidate in state.candidates:
        score = score_operator(state, candidate, few[candidate.name])
        truth = measured[candidate.name]
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
                "pooled_deviation_max": float((np.abs(pooled - truth.mean)[there] / std).max()),
                "std_spearman": spearman(score.std[there], std),
                "std_spearman_channels": _over_channels(score.std, truth.std),
                "independent_spearman": spearman(score.independent_std[there], std),
                "independent_spearman_channels": _over_channels(score.independent_std, truth.std),
                "dependence": [float(v) for v in np.percentile(ratio, [0, 50, 100])],
                "spread_samples": score.spread_samples,
                "chance": _chance(state, candidate, np.concatenate([scoring, held_out])),
            }
        )
    return rows


def _chance(state: PassState, candidate: Candidate, x: np.ndarray) -> list[float] | None:
    """What chance alone does to the largest deviation, where there is one sum for each sample.

    All samples are cut into random halves; the means of both differ by chance alone.

    Returns:
        Median and 95th percentile over the cuts; None where a sample gives more than one sum.
    """
    if candidate.workload.output_positions > 1:
        return None
    node = NodeErrors(state, candidate, 1)
    runner = Runner(exposed(exact_form(state), node.inputs), threads=1)
    parts = []
    for values in runner.stream(x, node.inputs):
        codes = dict(zip(node.inputs, values, strict=True))
        sums = [node.sums(codes, m)[:, :, 0] for m in range(len(state.multipliers))]
        parts.append(np.stack(sums[1:]) - sums[0])
    errors = np.concatenate(parts, axis=1).astype(np.float64)  # [multipliers, samples, channels]
    there = errors.std(axis=1) > 0
    rng, half, found = np.random.default_rng(0), len(x) // 2, []
    for _ in range(CUTS):
        order = rng.permutation(len(x))
        first, second = errors[:, order[:half]], errors[:, order[half:]]
        gap = np.abs(first.mean(axis=1) - second.mean(axis=1))[there]
        found.append(float((gap / second.std(axis=1)[there]).max()))
    return [float(value) for value in np.percentile(found, [50, 95])]


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


def fidelity_table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for the convolutions of each network, one for each layer of one sum a sample."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        inside = row["chance"] is None
        groups.setdefault((row["network"], "" if inside else row["layer"]), []).append(row)
    heads = (
        *("network", "layers", "mean off by, at most", f"within {LIMIT:g}"),
        *("by chance alone: median, 95 %", "one histogram for all taps"),
        *("spread: Spearman", "of channels alone", "independent products", "of channels alone"),
        "spread over independent",
    )
    return table(heads, [_line(key, found) for key, found in groups.items()])


def _line(key: tuple[str, str], rows: list[dict[str, Any]]) -> list[str]:
    """The worst figures of a group; of channels ranked alone also the median over the layers."""

    def each(name: str) -> list[float]:
        return [row[name] for row in rows if row[name] is not None]

    chance = rows[0]["chance"]
    pairs = sum(row["pairs"] for row in rows)
    within = sum(row["pairs"] * row["mean_within"] for row in rows) / pairs
    low, middle, high = zip(*each("dependence"), strict=True)
    ranks = [
        text
        for name in ("std", "independent")
        for text in (
            f"{min(each(f'{name}_spearman')):.3f}",
            f"{min(each(f'{name}_spearman_channels')):.2f}, "
            f"median {statistics.median(each(f'{name}_spearman_channels')):.2f}",
        )
    ]
    return [
        key[0],
        key[1] or f"{len(rows)} of several positions",
        f"{max(each('mean_deviation_max')):.3f}",
        f"{100 * within:.1f} %",
        "-" if chance is None else f"{chance[0]:.3f}, {chance[1]:.3f}",
        f"{max(each('pooled_deviation_max')):.3f}",
        *ranks,
        f"{min(low):.2f} to {max(high):.2f}, median {statistics.median(middle):.2f}",
    ]
