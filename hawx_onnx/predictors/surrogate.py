"""The response surrogate: outputs of an assignment from the responses of single layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hawx_onnx.predictors.composition import composed, factors_of
from hawx_onnx.sensitivity import Sensitivity

Choice = tuple[int, ...]

SOFTNESS = 0.2
"""Width of the step from wrong to right, in median margins of the exact model; of 0 to 0.2 the best
ranks on LeNet-5, ResNet-20 and VGG-11."""
_CHUNK = 4_000_000


class ResponseSurrogate:
    """Predicts outputs of any assignment of multipliers to layers.

    Measured responses of single layers are composed (:mod:`hawx_onnx.predictors.composition`),
    sample by sample; so the predicted accuracy is a comparison of scores away. A sample counts by
    how far its true class is ahead of the best other one, not by the sign of that alone: few
    samples then tell apart assignments that turn hardly any of them.

    Args:
        sensitivity: Baseline outputs [S, C], responses [L, T, S, C] and labels [S].

    Attributes:
        sensitivity: The same.
        width: Margin, in output units, at which a sample counts 0.73 as right.
    """

    def __init__(self, sensitivity: Sensitivity) -> None:
        assert sensitivity.labels is not None, "the output is no vector of class scores"
        self.sensitivity = sensitivity
        self._labels = sensitivity.labels
        self._factors = factors_of(sensitivity)
        rows = np.arange(len(self._labels))
        others = sensitivity.baseline.astype(np.float32)
        true = others[rows, self._labels].copy()
        others[rows, self._labels] = -np.inf
        margins = true - others.max(axis=1)
        self.width = max(SOFTNESS * float(np.median(np.abs(margins))), 1e-6)
        # Soft hits tell changes; the level is that of the hits.
        hits = sensitivity.baseline.argmax(axis=1) == self._labels
        self._offset = float(hits.mean() - self._soft_hits(margins).mean(dtype=np.float64))

    @property
    def samples(self) -> int:
        """Number of samples that predictions rest on."""
        return len(self._labels)

    def outputs(self, choice: Choice) -> np.ndarray:
        """Predicted outputs: float32 [S, C]. ``choice`` holds one multiplier index per layer."""
        picks = [pick for pick in enumerate(choice) if pick[1]]
        return composed(self.sensitivity, picks, self._factors)

    def accuracy(self, choice: Choice) -> float:
        """Predicted accuracy, a fraction of the scoring samples."""
        return float(self.accuracies([choice])[0])

    def accuracies(self, choices: Sequence[Choice]) -> np.ndarray:
        """Predicted accuracy of many assignments: float64 [assignments]; exact as measured."""
        hits = [
            self._soft_hits(margins).sum(axis=1, dtype=np.float64)
            for margins in self._margins(choices)
        ]
        return np.clip(sum(hits, np.zeros(len(choices))) / self.samples + self._offset, 0, 1)

    def level(self, margins: np.ndarray) -> float:
        """Accuracy at margins of the samples [S], a fraction."""
        hits = float(self._soft_hits(margins).mean(dtype=np.float64))
        return float(np.clip(hits + self._offset, 0, 1))

    def standard_error(self, choice: Choice) -> float:
        """Standard error of a predicted drop, a fraction: samples are compared one by one."""
        exact = (0,) * len(choice)
        hits = np.concatenate([self._soft_hits(m) for m in self._margins([exact, choice])], axis=1)
        drops = hits[0].astype(np.float64) - hits[1]
        return float(drops.std(ddof=1) / np.sqrt(len(drops))) if len(drops) > 1 else np.inf

    def _margins(self, choices: Sequence[Choice]) -> Iterator[np.ndarray]:
        """Yields margins [assignments, samples], up to a factor of each assignment, in parts."""
        if not choices:
            return
        layers, types, samples, classes = self.sensitivity.responses.shape
        picks = np.asarray(choices, np.intp)
        weights = np.zeros((len(picks), layers * types), np.float32)
        inverse = 1 / self._factors[np.arange(layers), picks]
        np.put_along_axis(weights, np.arange(layers) * types + picks, inverse, axis=1)
        weight = (1 + (inverse - 1).sum(axis=1)).astype(np.float32)
        step = max(1, _CHUNK // (len(picks) * classes))
        for start in range(0, samples, step):
            yield self._margins_of(weights, weight, slice(start, start + step))

    def _margins_of(self, weights: np.ndarray, weight: np.ndarray, part: slice) -> np.ndarray:
        """Margins [assignments, samples] of some samples.

        Args:
            weights: Of each response in each assignment, [assignments, L T].
            weight: Of the exact outputs, [assignments].
            part: The samples.
        """
        labels = self._labels[part]
        # Classes come before samples: the largest over classes is then plain vector code.
        base = np.ascontiguousarray(self.sensitivity.baseline[part].T, np.float32)
        moves = self.sensitivity.responses[:, :, part].transpose(0, 1, 3, 2)
        scores = weights @ moves.reshape(weights.shape[1], -1)
        scores = scores.reshape(len(weights), *base.shape)
        scores += weight[:, None, None] * base
        rows = np.arange(len(labels))
        true = scores[:, labels, rows]
        scores[:, labels, rows] = -np.inf
        return np.asarray(true - scores.max(axis=1))

    def _soft_hits(self, margins: np.ndarray) -> np.ndarray:
        """How right samples are: 1 far ahead, 0 far behind."""
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + np.exp(margins * np.float32(-1 / self.width))))

    def damages(self) -> dict[str, np.ndarray]:
        """Separable measures of damage, [L, T] each, for the knapsack.

        ``output``: mean squared change of the outputs beyond a factor. ``loss``: rise of the mean
        cross-entropy, likewise. ``flips``: samples whose prediction turns wrong less those that
        turn right.
        """
        base = self.sensitivity.baseline.astype(np.float64)
        base -= base.mean(axis=1, keepdims=True)
        shape = self._factors.shape
        found = {name: np.zeros(shape) for name in ("output", "loss", "flips")}
        exact_hits, exact_loss = (base.argmax(axis=1) == self._labels).mean(), self._loss(base)
        for place in np.ndindex(*shape):
            response = self.sensitivity.responses[place].astype(np.float64)
            moved = base + response - response.mean(axis=1, keepdims=True)
            moved /= self._factors[place]
            found["output"][place] = ((moved - base) ** 2).mean()
            found["loss"][place] = self._loss(moved) - exact_loss
            found["flips"][place] = exact_hits - (moved.argmax(axis=1) == self._labels).mean()
        return found

    def _loss(self, outputs: np.ndarray) -> np.ndarray:
        """Mean cross-entropy of softmax(outputs), over samples."""
        peak = outputs.max(axis=-1, keepdims=True)
        norm = np.log(np.exp(outputs - peak).sum(axis=-1)) + peak[..., 0]
        rows = np.arange(len(self._labels))
        return np.asarray((norm - outputs[..., rows, self._labels]).mean(axis=-1))


def spearman(predicted: Sequence[float], measured: Sequence[float]) -> float | None:
    """Spearman's rank correlation; None where there are fewer than three points or no spread."""
    if len(predicted) < 3 or len(set(predicted)) < 2 or len(set(measured)) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(predicted, measured).statistic)
