"""What accuracy is held against, and how far a model is from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hawx_onnx.metric_names import AGREEMENT
from hawx_onnx.metrics import Scorer
from hawx_onnx.runtime.evaluate import Accuracy, paired_drop, wilson_interval
from hawx_onnx.search.confidence import allowance


@dataclass(frozen=True)
class Summary:
    """What a report tells of the samples: how they score together.

    Attributes:
        value: Mean score.
        samples: How many samples there were.
        correct: How many of them are right; None where samples are not right or wrong.
        half: Half the width of the mean score's 95 % interval, Student's; of use without
            ``correct`` only.
    """

    value: float
    samples: int
    correct: int | None
    half: float = 0.0

    def interval(self, probability: float) -> tuple[float, float]:
        """The two-sided interval of the mean score."""
        if self.correct is not None:
            return wilson_interval(self.correct, self.samples, probability)
        from scipy.stats import t

        freedom = self.samples - 1
        half = self.half * float(t.ppf(0.5 + probability / 2, freedom) / t.ppf(0.975, freedom))
        return self.value - half, self.value + half


@dataclass(frozen=True, eq=False)
class Baseline:
    """The accuracy that a model is held against.

    Attributes:
        path: The file.
        kind: ``model``, ``baseline`` or ``report``.
        sha256: Of the file.
        made_from: The sha256 of the model file that the baseline was measured on, and the hash of
            what it computes; whichever is known.
        scorer: The metric, with its scale over these samples.
        level: The score of each sample, or of all together.
        data: Fingerprint of the samples; None for a model, which runs on the same ones.
        split: The split that it was measured on.
        reference: Its class of each sample, int [samples], for the agreement with it.
    """

    path: str
    kind: str
    sha256: str
    made_from: frozenset[str]
    scorer: Scorer
    level: Accuracy | Summary
    data: str | None
    split: str
    reference: np.ndarray | None = None

    @property
    def paired(self) -> bool:
        """Whether it tells samples, so that a model is compared sample by sample."""
        return isinstance(self.level, Accuracy)

    @property
    def hopeless(self) -> bool:
        """Whether no sample is right, so that nothing can drop below it."""
        binary = self.level.binary if isinstance(self.level, Accuracy) else True
        return binary and self.level.correct == 0

    def to_dict(self) -> dict[str, Any]:
        """What the JSON document says of it."""
        return {
            "path": self.path,
            "kind": self.kind,
            "sha256": self.sha256,
            "metric": self.scorer.metric.name,
            "accuracy": self.scorer.value(self.level.value),
            "samples": self.level.samples,
            "paired": self.paired,
        }

    def drop(self, found: Accuracy) -> tuple[float, tuple[float, float]]:
        """Drop of the mean score and its 95 % interval: paired where samples are told.

        The baseline agrees with itself for certain, so that a drop of agreement is a share with
        the interval of one.
        """
        if self.scorer.metric.name == AGREEMENT:
            low, high = found.ci95
            return 1 - found.value, (1 - high, 1 - low)
        if isinstance(self.level, Accuracy):
            return paired_drop(self.level, found)
        return self._unpaired(self.level, found, 0.95)

    def allowance(self, found: Accuracy, confidence: float) -> float:
        """By how much the true drop may exceed the measured one, with that probability."""
        if isinstance(self.level, Accuracy):
            return allowance(self.level, found, confidence)
        drop, (_, above) = self._unpaired(self.level, found, 2 * confidence - 1)
        return above - drop

    def _unpaired(
        self, level: Summary, found: Accuracy, probability: float
    ) -> tuple[float, tuple[float, float]]:
        """Drop without pairs, and its interval, which is wider than need be.

        Of the intervals of both means, as if they were independent: of shares Newcombe's (1998,
        Statistics in Medicine 17, method 10), in general that of Zou and Donner (2008, Statistics
        in Medicine 27). Two networks mostly agree on the same samples.
        """
        (l1, u1), (l2, u2) = level.interval(probability), found.interval(probability)
        p1, p2 = level.value, found.value
        low = math.hypot(p1 - l1, u2 - p2)
        high = math.hypot(u1 - p1, p2 - l2)
        return p1 - p2, (p1 - p2 - low, p1 - p2 + high)
