"""Features of assignments from the scores of single layers; never a multiplier's name.

Two kinds. Sums and maxima over layers of what each layer's multiplier does alone. And what the
network's outputs would be by the responses of single layers, sample by sample: the response
surrogate (:mod:`hawx_onnx.predictors.surrogate`), cross terms included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hawx_onnx.predictors.composition import adding
from hawx_onnx.predictors.surrogate import SOFTNESS
from hawx_onnx.sensitivity import Sensitivity

Floats = npt.NDArray[np.float64]

MOST_OUTPUTS = 32_768
"""Outputs (samples x classes) that the added-up responses are looked at on."""

SURROGATE_DROP = "soft_drop"
"""The feature that is what the response surrogate predicts."""

_CHUNK = 4_000_000
_LEAST_SCALE = 1e-6

DAMAGES = (
    "hard_drop",
    "soft_drop",
    "softer_drop",
    "loss_rise",
    "independent_drop",
    "output_mse",
    "sum_soft_drop",
    "sum_margin_loss",
    "sum_output_mse",
    "sum_relative_rms",
    "max_relative_rms",
)
"""Features that grow with the damage, for models that let accuracy fall only as they grow."""


class AssignmentFeatures:
    """Turns assignments into numbers.

    Args:
        sensitivity: Baseline outputs [S, C], responses [L, T, S, C] and labels [S]. Where they
            are many, the first samples are taken, :data:`MOST_OUTPUTS` outputs in all.
    """

    def __init__(self, sensitivity: Sensitivity) -> None:
        layers, types, samples, classes = sensitivity.responses.shape
        self._layers, self._types = layers, types
        kept = min(samples, max(64, MOST_OUTPUTS // max(classes, 1)))
        assert sensitivity.labels is not None, "the output is no vector of class scores"
        labels = np.asarray(sensitivity.labels[:kept])
        # Classes come before samples, the true class first: margins are then plain vector code.
        order = np.argsort(np.arange(classes) != labels[:, None], axis=1, kind="stable")
        base = np.take_along_axis(sensitivity.baseline[:kept].astype(np.float32), order, 1)
        responses = adding(sensitivity, kept)
        moves = np.take_along_axis(responses, order[None, None], 3)
        self._base = np.ascontiguousarray(base.T)
        self._moves = np.ascontiguousarray(moves.transpose(0, 1, 3, 2)).reshape(
            layers * types, classes, kept
        )
        self._margin = _margin(self._base)
        self._variance = max(float(self._base.var()), _LEAST_SCALE)
        self._typical = max(float(np.median(np.abs(self._margin))), _LEAST_SCALE)
        self._alone = dict(self._alone_features(sensitivity))
        self._sample_mse = (self._moves**2).mean(axis=1)
        self.names = tuple(name for name, _ in self._columns(np.zeros((1, layers), np.int64)))

    def matrix(self, choices: Sequence[tuple[int, ...]]) -> Floats:
        """Returns the features of assignments: float64 [assignments, len(names)].

        Args:
            choices: One multiplier index for each layer.
        """
        rows = np.asarray(choices, np.int64).reshape(len(choices), self._layers)
        step = max(1, _CHUNK // self._base.size)
        parts = [
            np.stack([column for _, column in self._columns(rows[start : start + step])], axis=1)
            for start in range(0, len(rows), step)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.names)))

    def _alone_features(self, sensitivity: Sensitivity) -> Iterator[tuple[str, Floats]]:
        """Yields what each multiplier does to each layer alone: [L, T]."""
        shape = (self._layers, self._types)
        margin = _margin(self._base + self._moves)
        hits, soft = self._hits(margin), self._soft(margin, SOFTNESS)
        loss = np.maximum(self._margin - margin, 0).mean(axis=1) / self._typical
        yield "output_mse", self._mse(self._moves).reshape(shape)
        yield "output_mean", self._mean_shift(self._moves).reshape(shape)
        yield "hard_drop", hits.reshape(shape)
        yield "soft_drop", soft.reshape(shape)
        yield "margin_loss", loss.reshape(shape).astype(np.float64)
        scores = [(layer, sensitivity.operator.get(layer)) for layer in sensitivity.layers]
        folded = sensitivity.folded
        rms = [
            np.zeros(self._types) if score is None else score.relative_rms(layer in folded)
            for layer, score in scores
        ]
        yield "relative_rms", np.stack(rms)

    def _columns(self, rows: npt.NDArray[np.int64]) -> Iterator[tuple[str, Floats]]:
        """Yields names and columns [assignments]."""
        places = np.arange(self._layers)
        depth = (places + 1) / self._layers
        for name, alone in self._alone.items():
            values = alone[places, rows]
            yield f"sum_{name}", values.sum(axis=1)
            yield f"max_{name}", values.max(axis=1)
            if name in ("output_mse", "relative_rms"):
                yield f"depth_weighted_{name}", values @ depth
        yield "approximate_layers", (rows != 0).sum(axis=1).astype(np.float64)
        chosen = np.zeros((len(rows), len(self._moves)), np.float32)
        np.put_along_axis(chosen, places * self._types + rows, 1, axis=1)
        yield from self._added_up(chosen)

    def _added_up(self, chosen: npt.NDArray[np.float32]) -> Iterator[tuple[str, Floats]]:
        """Yields what follows from the responses of the chosen layers, added up."""
        moves = (chosen @ self._moves.reshape(len(self._moves), -1)).reshape(-1, *self._base.shape)
        yield "output_mse", self._mse(moves)
        yield "output_mean", self._mean_shift(moves)
        moves += self._base
        margin = _margin(moves)
        yield "hard_drop", self._hits(margin)
        yield "soft_drop", self._soft(margin, SOFTNESS)
        yield "softer_drop", self._soft(margin, 0.3)
        yield "loss_rise", _loss(moves) - float(_loss(self._base[None])[0])
        # Had the responses independent signs, their squares would add up.
        spread = np.sqrt(2 * (chosen @ self._sample_mse)) + _LEAST_SCALE
        hit = float((self._margin > 0).mean())
        yield "independent_drop", hit - _logistic(1.7 * self._margin / spread).mean(axis=1)

    def _mse(self, moves: npt.NDArray[np.float32]) -> Floats:
        flat = moves.reshape(len(moves), -1)
        squares = np.einsum("ij,ij->i", flat, flat)
        return np.asarray(squares / (flat.shape[1] * self._variance), np.float64)

    def _mean_shift(self, moves: npt.NDArray[np.float32]) -> Floats:
        return np.asarray((moves.mean(axis=2) ** 2).mean(axis=1) / self._variance, np.float64)

    def _hits(self, margin: npt.NDArray[np.float32]) -> Floats:
        """Samples that are lost less those that are won, as a share: [assignments]."""
        return np.asarray((self._margin > 0).mean() - (margin > 0).mean(axis=1))

    def _soft(self, margin: npt.NDArray[np.float32], temperature: float) -> Floats:
        """The same with a logistic function in place of the step, so that near misses count."""
        scale = temperature * self._typical
        exact = _logistic(self._margin[None] / scale).mean()
        return np.asarray(exact - _logistic(margin / scale).mean(axis=1), np.float64)


def _margin(outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """True class's output less the greatest other one: [..., C, S] -> [..., S]."""
    if outputs.shape[-2] < 2:
        return outputs[..., 0, :]
    return np.asarray(outputs[..., 0, :] - outputs[..., 1:, :].max(axis=-2))


def _logistic(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))


def _loss(outputs: npt.NDArray[np.float32]) -> Floats:
    """Mean cross-entropy of [assignments, C, S], the true class first."""
    peak = outputs.max(axis=1)
    norm = np.log(np.exp(outputs - peak[:, None]).sum(axis=1)) + peak
    return np.asarray((norm - outputs[:, 0]).mean(axis=1), np.float64)
