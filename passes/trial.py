"""What trying a compensation pass finds out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hawx_onnx.compensation import Compensation
from hawx_onnx.passes.base import LeftAlone
from hawx_onnx.runtime.evaluate import Z95


@dataclass(frozen=True, eq=False)
class Quality:
    """How a network does on the validation samples.

    Attributes:
        scores: Of each sample, the higher the better: bool or float64 [samples].
        output_mse: Mean squared difference of its outputs to those of the exact int8 network.
    """

    scores: np.ndarray
    output_mse: float

    @property
    def score(self) -> float:
        """Mean score: of classes that are right or wrong, the accuracy as a fraction."""
        return float(self.scores.mean())

    def beats(self, other: Quality) -> bool:
        """Whether it gains on another network over the same samples.

        The mean score must not be lower, and either outputs are closer to the exact ones, or the
        score is higher than chance explains: differences of samples against the root of the sum of
        their squares, which is the test of McNemar (1947, Psychometrika 12) where samples are right
        or wrong.
        """
        gains = self.scores.astype(np.float64) - other.scores
        gain = float(gains.sum())
        beyond_chance = gain > Z95 * math.sqrt(np.square(gains).sum())
        return gain >= 0 and (self.output_mse < other.output_mse or beyond_chance)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What some passes make of a network.

    Attributes:
        quality: How the network does with them.
        layers: Layers that the pass changed that was tried.
        left_alone: Approximated layers that it could not treat, with reasons.
        changed: What all of them changed; None for nothing.
        seconds: What passes and measurement took.
    """

    quality: Quality
    layers: int
    left_alone: tuple[LeftAlone, ...]
    changed: Compensation | None
    seconds: float


@dataclass(frozen=True)
class Trial:
    """One pass tried.

    Attributes:
        name: The pass.
        kept: Whether it gained on the validation samples and was kept.
        before: The network without it, with what was kept before.
        after: The network with it besides.
        layers: Layers that the pass changed.
        seconds: Time of the trial, measurement included.
        left_alone: Approximated layers that it could not treat, with reasons.
    """

    name: str
    kept: bool
    before: Quality
    after: Quality
    layers: int
    seconds: float
    left_alone: tuple[LeftAlone, ...] = ()

    def to_dict(self, value: Callable[[float], float] = float) -> dict[str, object]:
        """An entry of ``compensation`` in ``report.json``.

        Args:
            value: Turns a mean score into the metric's value.
        """
        return {
            "pass": self.name,
            "kept": self.kept,
            "gain": self.after.score - self.before.score,
            "validation_accuracy_before": value(self.before.score),
            "validation_accuracy_after": value(self.after.score),
            "validation_samples": len(self.before.scores),
            "output_mse_before": self.before.output_mse,
            "output_mse_after": self.after.output_mse,
            "layers": self.layers,
            "left_alone": [
                {"name": one.node, "op": one.op, "reason": one.reason} for one in self.left_alone
            ],
            "seconds": self.seconds,
        }
