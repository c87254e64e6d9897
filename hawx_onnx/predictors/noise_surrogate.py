"""What noise at the outputs does to a metric: predictions where outputs are no class scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.metrics import Scorer
from hawx_onnx.predictors.filter_surrogate import Unit
from hawx_onnx.sensitivity import Sensitivity

Floats = npt.NDArray[np.float64]

# Noise that is tried: so many sizes, from the least change of a layer to all of the greatest.
LEVELS = 12
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class NoiseResponse:
    """The drop of a mean score under noise at the outputs.

    Attributes:
        exact: Score of the exact network.
        mse: Mean squared noise, ascending from 0, in squared output units.
        drops: Drop of the score under each, never falling.
    """

    exact: float
    mse: Floats
    drops: Floats

    def drop(self, mse: Floats) -> Floats:
        """The drop under noise of any size: on straight lines, that of the last level beyond it."""
        last = self.drops[-1] * mse / self.mse[-1]
        inside = np.interp(mse, self.mse, self.drops)
        return np.where(mse > self.mse[-1], last, inside)


def measure_response(
    outputs: npt.NDArray[np.floating],
    targets: npt.NDArray[np.generic],
    scorer: Scorer,
    levels: Floats,
    seed: int = 0,
) -> NoiseResponse:
    """Scores outputs with normal noise of several sizes.

    Each noise is added and subtracted, so that its first-order effect, which is zero on average,
    is so here too.

    Args:
        outputs: Of the exact network, [samples, ...].
        targets: Of these samples.
        scorer: The metric.
        levels: Mean squared noise of each trial, ascending, above 0.
        seed: Of the noise.
    """
    exact = float(np.mean(scorer.scores(outputs, targets)))
    rng, drops = np.random.default_rng(seed), []
    for level in levels:
        noise = rng.standard_normal(outputs.shape, np.float32) * np.float32(np.sqrt(level))
        moved = [scorer.scores(outputs + sign * noise, targets) for sign in (1, -1)]
        drops.append(exact - float(np.mean(moved)))
    # More noise is never better: what a few samples say else is chance.
    rising = np.maximum.accumulate(np.maximum(drops, 0.0))
    slope = _LEAST + 1e-6 * (rising[-1] or 1.0)
    rising = rising + slope * np.asarray(levels) / levels[-1]
    return NoiseResponse(exact, np.concatenate([[0.0], levels]), np.concatenate([[0.0], rising]))


def levels_of(mse: Floats) -> Floats:
    """Noise to try for single-layer changes [L, T]: from the least to the sum of the greatest."""
    changed = mse[mse > 0]
    if not changed.size:
        return np.array([1.0])
    return np.geomspace(changed.min(), max(mse.max(axis=1).sum(), changed.min() * 2), LEVELS)


class NoiseSurrogate:
    """Predicts scores from how much single layers change the outputs, whatever the metric.

    The changes of several layers are taken as independent, so that their squares add up, and as
    noise that has nothing to do with the targets.

    Args:
        sensitivity: Mean squared changes [L, T].
        response: What noise does to the score.

    Attributes:
        sensitivity: The same.
    """

    def __init__(self, sensitivity: Sensitivity, response: NoiseResponse) -> None:
        self.sensitivity = sensitivity
        self._sum = _SumOfChanges(np.asarray(sensitivity.output_mse(), np.float64), response)

    def accuracy(self, choice: Sequence[int]) -> float:
        """Predicted score. ``choice`` holds one multiplier index per layer."""
        return float(self.accuracies([choice])[0])

    def accuracies(self, choices: Sequence[Sequence[int]]) -> Floats:
        """Predicted scores of many assignments: float64 [assignments]."""
        return self._sum.scores(choices)

    def damages(self) -> dict[str, Floats]:
        """Separable measures of damage, [L, T] each: ``output``, the mean squared change."""
        return {"output": self._sum.mse}


class FilterNoiseSurrogate:
    """The same for groups of output channels, each with its share of its layer's change.

    Shares are those of the channels' own squared changes. All channels of a layer under one
    multiplier make up what was measured of the layer.

    Args:
        sensitivity: Mean squared changes [L, T], and the filter level.
        units: What gets one multiplier (U).
        response: What noise does to the score.

    Attributes:
        layers: Predicts assignments to whole layers.
    """

    def __init__(
        self, sensitivity: Sensitivity, units: Sequence[Unit], response: NoiseResponse
    ) -> None:
        self.layers = NoiseSurrogate(sensitivity, response)
        whole = self.layers.damages()["output"]
        rows = [whole[unit.layer] * _share(sensitivity, unit) for unit in units]
        self._sum = _SumOfChanges(np.array(rows), response)

    def accuracy(self, picks: Sequence[int]) -> float:
        """Predicted score. ``picks`` holds one multiplier index per unit."""
        return float(self.accuracies([picks])[0])

    def accuracies(self, picks: Sequence[Sequence[int]]) -> Floats:
        """Predicted scores of many assignments: float64 [assignments]."""
        return self._sum.scores(picks)

    def damages(self) -> dict[str, Floats]:
        """Separable measures of damage, [U, T] each: ``output``, the mean squared change."""
        return {"output": self._sum.mse}


@dataclass(frozen=True, eq=False)
class _SumOfChanges:
    """Squared changes of units, which add up.

    Attributes:
        mse: Of each unit under each multiplier, [U, T].
        response: What their sum does to the score.
    """

    mse: Floats
    response: NoiseResponse

    def scores(self, choices: Sequence[Sequence[int]]) -> Floats:
        """Scores of choices of one multiplier for each unit: float64 [choices]."""
        picks = np.asarray(choices, np.intp).reshape(len(choices), len(self.mse))
        total = self.mse[np.arange(len(self.mse)), picks].sum(axis=1)
        return self.response.exact - self.response.drop(total)


def _share(sensitivity: Sensitivity, unit: Unit) -> Floats:
    """What a unit has of its layer's squared change, under each multiplier: [T]."""
    if unit.channels is None:
        return np.ones(len(sensitivity.multipliers))
    changes = sensitivity.filters[sensitivity.layers[unit.layer]].output_mse
    part = changes[:, list(unit.channels)].sum(axis=1, dtype=np.float64)
    total = changes.sum(axis=1, dtype=np.float64)
    even = len(unit.channels) / changes.shape[1]
    return np.asarray(np.where(total > 0, part / np.maximum(total, 1e-300), even))
