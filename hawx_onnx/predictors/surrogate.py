"""The additive response surrogate: outputs of an assignment as a sum of single-layer responses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hawx_onnx.sensitivity import Sensitivity

Choice = tuple[int, ...]


class ResponseSurrogate:
    """Predicts outputs of any assignment of multipliers to layers.

    outputs(assignment) ~ outputs(exact) + sum over layers of the measured response to that
    layer's multiplier, sample by sample; so the predicted accuracy is an argmax away.

    Args:
        sensitivity: Baseline outputs [S, C], responses [L, T, S, C] and labels [S].

    Attributes:
        sensitivity: The same.
    """

    def __init__(self, sensitivity: Sensitivity) -> None:
        assert sensitivity.labels is not None, "the output is no vector of class scores"
        self.sensitivity = sensitivity
        self._baseline = sensitivity.baseline.astype(np.float32)
        self._responses = sensitivity.responses
        self._labels = sensitivity.labels

    @property
    def samples(self) -> int:
        """Number of samples that predictions rest on."""
        return len(self._labels)

    def outputs(self, choice: Choice) -> np.ndarray:
        """Predicted outputs: float32 [S, C]. ``choice`` holds one multiplier index per layer."""
        total: np.ndarray = self._baseline.copy()
        for layer, multiplier in enumerate(choice):
            if multiplier:
                total += self._responses[layer, multiplier]
        return total

    def accuracy(self, choice: Choice) -> float:
        """Predicted accuracy, a fraction of the scoring samples."""
        return float((self.outputs(choice).argmax(axis=1) == self._labels).mean())

    def accuracies(self, choices: Sequence[Choice]) -> np.ndarray:
        """Predicted accuracy of many assignments: float64 [assignments].

        Assignments that share their first layers share those sums, so they are visited in
        lexicographic order with one partial sum per layer kept.
        """
        result = np.zeros(len(choices))
        order = sorted(range(len(choices)), key=lambda i: choices[i])
        partial: list[np.ndarray] = [self._baseline]
        before: Choice = ()
        for i in order:
            choice = choices[i]
            shared = _common_prefix(before, choice)
            del partial[shared + 1 :]
            for layer in range(shared, len(choice)):
                partial.append(partial[-1] + self._responses[layer, choice[layer]])
            result[i] = (partial[-1].argmax(axis=1) == self._labels).mean()
            before = choice
        return result

    def damages(self) -> dict[str, np.ndarray]:
        """Separable measures of damage, [L, T] each, for the knapsack.

        ``output``: mean squared change of the outputs. ``loss``: rise of the mean cross-entropy.
        ``flips``: samples whose prediction turns wrong less those that turn right.
        """
        base = self._baseline.astype(np.float64)
        moved = base + self._responses.astype(np.float64)
        exact_hits = base.argmax(axis=1) == self._labels
        hits = moved.argmax(axis=3) == self._labels
        return {
            "output": (self._responses.astype(np.float64) ** 2).mean(axis=(2, 3)),
            "loss": self._loss(moved) - self._loss(base),
            "flips": (exact_hits.mean() - hits.mean(axis=2)),
        }

    def _loss(self, outputs: np.ndarray) -> np.ndarray:
        """Mean cross-entropy of softmax(outputs), over samples."""
        peak = outputs.max(axis=-1, keepdims=True)
        norm = np.log(np.exp(outputs - peak).sum(axis=-1)) + peak[..., 0]
        rows = np.arange(len(self._labels))
        return np.asarray((norm - outputs[..., rows, self._labels]).mean(axis=-1))


def _common_prefix(first: Choice, second: Choice) -> int:
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return min(len(first), len(second))


def spearman(predicted: Sequence[float], measured: Sequence[float]) -> float | None:
    """Spearman's rank correlation; None where there are fewer than three points or no spread."""
    if len(predicted) < 3 or len(set(predicted)) < 2 or len(set(measured)) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(predicted, measured).statistic)
