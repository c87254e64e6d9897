"""Accuracy with its uncertainty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hawx_onnx.metric_figures import class_scores
from hawx_onnx.metrics import Scorer

# Two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Accuracy:
    """Mean score of samples: the share whose class is right, or another metric's.

    Attributes:
        scores: bool [samples], which samples are right; or float64 [samples], the higher the
            better (:mod:`hawx_onnx.metrics`).
    """

    scores: np.ndarray

    @property
    def binary(self) -> bool:
        """Whether samples are right or wrong, and nothing between."""
        return self.scores.dtype == np.bool_

    @property
    def samples(self) -> int:
        """How many samples were evaluated."""
        return int(self.scores.size)

    @property
    def correct(self) -> int:
        """How many of them are right."""
        return int(self.scores.sum())

    @property
    def value(self) -> float:
        """The mean; accuracy as a fraction."""
        return self.correct / self.samples if self.binary else float(self.scores.mean())

    @property
    def ci95(self) -> tuple[float, float]:
        """The 95 % interval: Wilson's of a share, Student's of a mean of other scores.

        Infinite where a single score tells no spread.
        """
        return self.interval(0.95)

    def interval(self, probability: float) -> tuple[float, float]:
        """The two-sided interval of another probability, above 0 and below 1."""
        if self.binary:
            return wilson_interval(self.correct, self.samples, probability)
        return student_interval(self.scores, probability)

    def to_dict(self, scorer: Scorer | None = None) -> dict[str, object]:
        """The fields of the reports, in the metric's own unit; a share if no metric is given."""
        value, bounds = self.value, self.ci95
        if scorer is not None:
            value, bounds = scorer.value(value), scorer.interval(bounds)
        return {
            "accuracy": value,
            "accuracy_ci95": [bound if np.isfinite(bound) else None for bound in bounds],
            "samples": self.samples,
            "correct": self.correct if self.binary else None,
        }


def wilson_interval(correct: int, samples: int, probability: float = 0.95) -> tuple[float, float]:
    """Two-sided score interval of a share (Wilson 1927, JASA 22)."""
    n, p, z = samples, correct / samples, Z95
    if probability != 0.95:
        # Here, not above: most runs do without, and it takes milliseconds.
        from statistics import NormalDist

        z = NormalDist().inv_cdf(0.5 + probability / 2)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def student_interval(values: np.ndarray, probability: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of a mean, Student's (1908, Biometrika 6)."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return -np.inf, np.inf
    from scipy.stats import t

    half = float(t.ppf(0.5 + probability / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return mean - half, mean + half


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> Accuracy:
    """Top-1 accuracy.

    Args:
        outputs: Scores, [samples, classes]; further axes of size 1 are dropped.
        labels: True classes, int [samples].
    """
    return Accuracy(classes(outputs) == labels)


def measured(outputs: Iterable[np.ndarray], targets: np.ndarray, scorer: Scorer) -> Accuracy:
    """A metric over outputs that come batch by batch, so that never all are held.

    Args:
        outputs: Of the samples in turn, [rows, ...] each.
        targets: Of all of them [samples, ...].
        scorer: The metric.
    """
    parts, done = [], 0
    for rows in outputs:
        wanted = targets[done : done + len(rows)]
        done += len(rows)
        parts.append(scorer.scores(rows, wanted))
    return Accuracy(np.concatenate(parts))


def classes(outputs: np.ndarray) -> np.ndarray:
    """The predicted class of each sample: int64 [samples].

    Raises:
        ModelError: The outputs are no class scores.
    """
    return np.asarray(class_scores(outputs).argmax(axis=1))


def flat_outputs(outputs: np.ndarray) -> np.ndarray:
    """Outputs as [samples, values]."""
    return outputs.reshape(len(outputs), -1)


def paired_drop(before: Accuracy, after: Accuracy) -> tuple[float, tuple[float, float]]:
    """Drop of the mean score on the same samples and its 95 % interval.

    Of shares the interval is Wald's for paired proportions after adding half a sample to each of
    the four cells (Agresti and Min 2005, Statistics in Medicine 24); else Student's, of the
    differences of samples.

    Returns:
        The drop, as a fraction (negative: better), and the interval.
    """
    if not (before.binary and after.binary):
        change = before.scores.astype(np.float64) - after.scores
        return float(change.mean()), student_interval(change)
    lost = int((before.scores & ~after.scores).sum())
    won = int((~before.scores & after.scores).sum())
    n = before.samples
    drop = (lost - won) / n
    b, c, m = lost + 0.5, won + 0.5, n + 2
    centre = (b - c) / m
    half = Z95 * np.sqrt(b + c - (b - c) ** 2 / m) / m
    return drop, (float(centre - half), float(centre + half))
