"""The surrogate of single channels: what groups of channels do to each sample's margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from hawx_onnx.predictors.composition import LEAST_FACTOR
from hawx_onnx.predictors.surrogate import ResponseSurrogate
from hawx_onnx.sensitivity import Sensitivity


class Unit(Protocol):
    """A layer (``channels`` None) or some of its output channels."""

    @property
    def layer(self) -> int:
        """Index of the layer."""

    @property
    def channels(self) -> tuple[int, ...] | None:
        """Output channels."""


class FilterSurrogate:
    """Predicts the accuracy of any assignment of multipliers to units.

    A sample counts by its margin, the score of the true class over the best other one, as in
    :class:`ResponseSurrogate`. Every unit moves it by what its channels do, to first order. Of a
    layer whose units all have one multiplier the sum is the measured response: the rest that first
    order misses is shared out by the channels' mean squared change of the outputs. Within a layer
    these changes add up; factors by which layers shrink all margins multiply, as theirs shrink
    outputs (:mod:`hawx_onnx.predictors.composition`).

    Args:
        sensitivity: Baseline, responses, labels, and the filter level.
        units: What gets one multiplier (U).

    Attributes:
        layers: Predicts assignments to whole layers from what was measured of them.
    """

    def __init__(self, sensitivity: Sensitivity, units: Sequence[Unit]) -> None:
        assert sensitivity.labels is not None
        self.layers = ResponseSurrogate(sensitivity)
        self._labels = sensitivity.labels
        self._margin = self._margins(sensitivity.baseline[None].astype(np.float64))[0]
        count, multipliers = len(units), len(sensitivity.multipliers)
        self._shifts = np.zeros((count, multipliers, len(self._labels)), np.float32)
        self._squared = np.zeros((count, multipliers))
        self._layer_of = np.array([unit.layer for unit in units], np.intp)
        for layer in dict.fromkeys(unit.layer for unit in units):
            rows = [row for row, unit in enumerate(units) if unit.layer == layer]
            self._add_layer(sensitivity, layer, rows, [units[row].channels for row in rows])

    def accuracy(self, picks: Sequence[int]) -> float:
        """Predicted accuracy, a fraction of the scoring samples."""
        return float(self.accuracies([picks])[0])

    def accuracies(self, picks: Sequence[Sequence[int]]) -> np.ndarray:
        """Predicted accuracy of many assignments: float64 [assignments].

        Args:
            picks: One multiplier index for each unit.
        """
        rows = np.asarray(picks, np.intp).reshape(len(picks), len(self._squared))
        return np.array([self.layers.level(self._margins_of(row)) for row in rows])

    def _margins_of(self, picks: np.ndarray) -> np.ndarray:
        """Margins under an assignment, up to a factor of it: float64 [S]."""
        total, power = self._margin.copy(), float(self._margin @ self._margin) or 1.0
        changed = np.flatnonzero(picks)
        for units in np.split(changed, np.flatnonzero(np.diff(self._layer_of[changed])) + 1):
            shift = self._shifts[units, picks[units]].sum(axis=0, dtype=np.float64)
            factor = max(1 + float(shift @ self._margin) / power, LEAST_FACTOR)
            total += (self._margin + shift) / factor - self._margin
        return np.asarray(total)

    def damages(self) -> dict[str, np.ndarray]:
        """Separable measures of damage, [U, T] each, for the knapsack.

        ``output``: mean squared change of the outputs. ``loss``: rise of the mean logistic loss of
        the margin. ``margin``: its second-order part alone, the mean squared change of the margin,
        weighted by how near each sample is to being wrong; never negative, and so not at the
        mercy of the few samples by which a single channel seems to help.
        """
        base = np.logaddexp(0, -self._margin)
        loss = np.stack([np.logaddexp(0, -(self._margin + s)) - base for s in self._shifts])
        wrong = 1 / (1 + np.exp(np.clip(self._margin, -500, 500)))
        margin = np.einsum("utn,utn,n->ut", self._shifts, self._shifts, wrong * (1 - wrong) / 2)
        return {
            "output": self._squared,
            "loss": loss.mean(axis=2),
            "margin": margin / max(1, len(wrong)),
        }

    def _add_layer(
        self,
        sensitivity: Sensitivity,
        layer: int,
        rows: Sequence[int],
        groups: Sequence[tuple[int, ...] | None],
    ) -> None:
        outputs = sensitivity.baseline[None].astype(np.float64) + sensitivity.responses[layer]
        whole = self._margins(outputs) - self._margin
        squared = np.asarray(sensitivity.output_mse()[layer])
        if groups[0] is None:
            self._shifts[rows[0]], self._squared[rows[0]] = whole, squared
            return
        score = sensitivity.filters[sensitivity.layers[layer]]
        share = score.output_mse / np.maximum(score.output_mse.sum(axis=1, keepdims=True), 1e-300)
        first_order = score.margin_shifts
        told = 0.0 if first_order is None else first_order.sum(axis=1, dtype=np.float64)
        rest = whole - told
        for row, channels in zip(rows, groups, strict=True):
            picked = list(channels or ())
            shift = share[:, picked].sum(axis=1)[:, None] * rest
            if first_order is not None:
                shift = shift + first_order[:, picked].sum(axis=1, dtype=np.float64)
            self._shifts[row] = shift
            self._squared[row] = share[:, picked].sum(axis=1) * squared

    def _margins(self, outputs: np.ndarray) -> np.ndarray:
        """Score of the true class over the best other one: [..., S] of [..., S, C]."""
        rows = np.arange(len(self._labels))
        true = outputs[..., rows, self._labels]
        others = outputs.copy()
        others[..., rows, self._labels] = -np.inf
        return np.asarray(true - others.max(axis=-1))
