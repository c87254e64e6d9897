"""What trying a compensation pass finds out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hawx_onnx.compensation import Compensation
from hawx_onnx.passes.base import LeftAlone
from hawx_onnx.runtime.evaluate import Z95


@dataclass(frozen=True, eq=False)
class Quality:
    """How a network does on the validation samples.

    Attributes:
        hits: bool [samples], whose class is right.
        output_mse: Mean squared difference of its outputs to those of the exact int8 network.
    """

    hits: np.ndarray
    output_mse: float

    @property
    def accuracy(self) -> float:
        """Accuracy as a fraction."""
        return float(self.hits.mean())

    def beats(self, other: Quality) -> bool:
        """Whether it gains on another network over the same samples.

        As many samples have to be right at least, and either outputs are closer to the exact ones,
        or more samples are right than chance explains (McNemar 1947, Psychometrika 12).
        """
        won = int((self.hits & ~other.hits).sum())
        lost = int((other.hits & ~self.hits).sum())
        beyond_chance = won - lost > Z95 * math.sqrt(won + lost)
        return won >= lost and (self.output_mse < other.output_mse or beyond_chance)


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

    def to_dict(self) -> dict[str, object]:
        """An entry of ``compensation`` in ``report.json``."""
        return {
            "pass": self.name,
            "kept": self.kept,
            "gain": self.after.accuracy - self.before.accuracy,
            "validation_accuracy_before": self.before.accuracy,
            "validation_accuracy_after": self.after.accuracy,
            "validation_samples": len(self.before.hits),
            "output_mse_before": self.before.output_mse,
            "output_mse_after": self.after.output_mse,
            "layers": self.layers,
            "left_alone": [
                {"name": one.node, "op": one.op, "reason": one.reason} for one in self.left_alone
            ],
            "seconds": self.seconds,
        }
