"""Accuracy with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hawx_onnx.errors import ModelError

# Two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Accuracy:
    """Share of samples whose class is right.

    Attributes:
        hits: bool [samples], which samples are right.
    """

    hits: np.ndarray

    @property
    def samples(self) -> int:
        """How many samples were evaluated."""
        return int(self.hits.size)

    @property
    def correct(self) -> int:
        """How many of them are right."""
        return int(self.hits.sum())

    @property
    def value(self) -> float:
        """Accuracy as a fraction."""
        return self.correct / self.samples

    @property
    def ci95(self) -> tuple[float, float]:
        """Wilson's 95 % score interval (Wilson 1927, JASA 22)."""
        n, p = self.samples, self.value
        centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        half = Z95 / (1 + Z95**2 / n) * np.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
        return max(0.0, float(centre - half)), min(1.0, float(centre + half))

    def to_dict(self) -> dict[str, object]:
        """The fields of the reports."""
        return {
            "accuracy": self.value,
            "accuracy_ci95": list(self.ci95),
            "samples": self.samples,
            "correct": self.correct,
        }


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> Accuracy:
    """Top-1 accuracy.

    Args:
        outputs: Scores, [samples, classes]; further axes of size 1 are dropped.
        labels: True classes, int [samples].
    """
    return Accuracy(classes(outputs) == labels)


def classes(outputs: np.ndarray) -> np.ndarray:
    """The predicted class of each sample: int64 [samples].

    Raises:
        ModelError: The outputs have several axes besides the samples, as those of sequences or
            segmentations: one class for each sample is not what they mean.
    """
    real = [size for size in outputs.shape[1:] if size > 1]
    if len(real) > 1:
        raise ModelError(
            f"gives {list(outputs.shape[1:])} for each sample; top-1 accuracy needs one score "
            "for each class",
            where="model output",
            mend="reduce it to class scores, for example with ReduceMean over the positions",
        )
    return np.asarray(flat_outputs(outputs).argmax(axis=1))


def flat_outputs(outputs: np.ndarray) -> np.ndarray:
    """Outputs as [samples, values]."""
    return outputs.reshape(len(outputs), -1)


def paired_drop(before: Accuracy, after: Accuracy) -> tuple[float, tuple[float, float]]:
    """Drop of accuracy on the same samples and its 95 % interval.

    The interval is Wald's for paired proportions after adding half a sample to each of the four
    cells (Agresti and Min 2005, Statistics in Medicine 24).

    Returns:
        The drop as a fraction (negative: better) and the interval.
    """
    lost = int((before.hits & ~after.hits).sum())
    won = int((~before.hits & after.hits).sum())
    n = before.samples
    drop = (lost - won) / n
    b, c, m = lost + 0.5, won + 0.5, n + 2
    centre = (b - c) / m
    half = Z95 * np.sqrt(b + c - (b - c) ** 2 / m) / m
    return drop, (float(centre - half), float(centre + half))
