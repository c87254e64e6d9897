"""What a network is judged by: the mean of one figure for each sample.

Inside, every metric is a score: the higher the better, and a drop of 0.01 is a hundredth of what
matters. Fractions are scores as they are. The score of perplexity is the log likelihood of a token,
so that a drop is the logarithm of the ratio of two perplexities; that of the mean squared error is
1 less the error over the variance of the targets (the coefficient of determination).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from hawx_onnx.errors import ConfigError, DataError, ModelError
from hawx_onnx.metric_figures import cross_entropy, squared_error, top_1, top_5
from hawx_onnx.metric_names import (
    ACCURACY,
    AGREEMENT,
    ALIASES,
    FLAG,
    MSE,
    PERPLEXITY,
    TOP_5,
    check_name,
    is_function,
)
from hawx_onnx.named_function import named_function

Array = np.ndarray


class Figure(Protocol):
    """A figure for each sample: [samples], of outputs [samples, ...] and targets [samples, ...]."""

    def __call__(self, outputs: Array, targets: Array) -> Array:
        """Bool or float [samples]."""


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric, for targets of any number.

    Attributes:
        name: As reports have it.
        title: For people.
        labels: What the data has to give: ``classes`` int [N], ``tokens`` int [N] or [N, P],
            negative where nothing is scored, or ``values`` of any shape [N, ...].
        figure: One figure for each sample.
        higher_is_better: Of the metric's value.
        unit: Of its value; empty for a plain number, ``fraction`` for a share of samples.
        drop_unit: What a drop is counted in.
        of_classes: Whether it asks which class has the greatest scores.
    """

    name: str
    title: str
    labels: str
    figure: Figure
    higher_is_better: bool
    unit: str
    drop_unit: str
    of_classes: bool = False

    def bound(self, targets: Array) -> Scorer:
        """The metric over these targets [N, ...]: all of a split, for its scale is that of all."""
        if self.name == MSE:
            return Scorer(self, float(np.var(targets, dtype=np.float64)) or 1.0)
        if self.name == PERPLEXITY:
            scored = int((targets >= 0).sum())
            if not scored:
                raise DataError(
                    "no label is 0 or more: nothing is scored",
                    where=f"{FLAG} {PERPLEXITY}",
                    mend="give the next token's number at each position, -100 where none is scored",
                )
            return Scorer(self, scored / len(targets))
        return Scorer(self)


@dataclass(frozen=True, eq=False)
class Scorer:
    """A metric over the targets of one split.

    Attributes:
        metric: The metric.
        scale: Tokens of a sample on average, for perplexity; variance of the targets, for the mean
            squared error.
    """

    metric: Metric
    scale: float = 1.0

    def scores(self, outputs: Array, targets: Array) -> Array:
        """Scores of some of the samples, the higher the better: bool or float64 [samples].

        Raises:
            ModelError: The outputs have a shape that the metric cannot take.
            ConfigError: A user's function gives no figure for each sample.
        """
        figures = _checked(self.metric.figure(outputs, targets), len(outputs), self.metric.name)
        if figures.dtype == bool and self.metric.higher_is_better:
            return figures
        if self.metric.name == MSE:
            return np.asarray(1 - figures / self.scale)
        if self.metric.name == PERPLEXITY:
            return np.asarray(-figures / self.scale)
        return figures if self.metric.higher_is_better else -figures.astype(np.float64)

    def value(self, score: float) -> float:
        """The metric's value, in its own unit, of a mean score."""
        return value_of(self.metric.name, score, self.scale, self.metric.higher_is_better)

    def interval(self, bounds: tuple[float, float]) -> tuple[float, float]:
        """The interval of the value, of that of a mean score."""
        low, high = sorted(self.value(bound) for bound in bounds)
        return low, high

    def to_dict(self) -> dict[str, Any]:
        """What a report says of it."""
        metric = self.metric
        return {
            "title": metric.title,
            "unit": metric.unit,
            "higher_is_better": metric.higher_is_better,
            "drop_unit": metric.drop_unit,
            "scale": self.scale,
        }


def score_of(name: str, value: float, scale: float, higher_is_better: bool) -> float:
    """The mean score of a metric's value: the reverse of :func:`value_of`."""
    if name == MSE:
        return 1 - value / scale
    if name == PERPLEXITY:
        return -math.log(value)
    return value if higher_is_better else -value


def value_of(name: str, score: float, scale: float, higher_is_better: bool) -> float:
    """A metric's value, in its own unit, of a mean score; the metric itself need not be at hand."""
    if name == MSE:
        return (1 - score) * scale
    if name == PERPLEXITY:
        return float(np.exp(-score))
    return score if higher_is_better else -score


_BUILT_IN = {
    ACCURACY: Metric(
        ACCURACY, "Accuracy", "classes", top_1, True, "fraction", "points", of_classes=True
    ),
    TOP_5: Metric(
        TOP_5, "Top-5 accuracy", "classes", top_5, True, "fraction", "points", of_classes=True
    ),
    AGREEMENT: Metric(
        AGREEMENT, "Agreement", "classes", top_1, True, "fraction", "points", of_classes=True
    ),
    MSE: Metric(
        MSE,
        "Mean squared error",
        "values",
        squared_error,
        False,
        "",
        "% of the targets' variance",
    ),
    PERPLEXITY: Metric(
        PERPLEXITY,
        "Perplexity",
        "tokens",
        cross_entropy,
        False,
        "",
        "%",
    ),
}


def metric_named(name: str) -> Metric:
    """A built-in metric, or a user's function ``package.module:function``.

    The function takes outputs [n, ...] and targets [n, ...] of some samples, and returns one
    figure for each, whose mean over the samples is the metric. It may have the attributes
    ``higher_is_better`` (True) and ``unit`` (none).

    Raises:
        ConfigError: There is no such metric or function.
    """
    check_name(name, FLAG)
    if not is_function(name):
        return _BUILT_IN[ALIASES.get(name, name)]
    function = named_function(name, ConfigError)
    unit = str(getattr(function, "unit", ""))
    return Metric(
        name=name,
        title=name.split(":")[1],
        labels="values",
        figure=function,
        higher_is_better=bool(getattr(function, "higher_is_better", True)),
        unit=unit,
        drop_unit=unit,
    )


def _checked(figures: object, samples: int, name: str) -> Array:
    """One finite figure for each sample, bool or float64."""
    found = np.asarray(figures)
    if found.shape != (samples,) or found.dtype.kind not in "biuf":
        raise ConfigError(
            f"gives {found.dtype} {list(found.shape)} for {samples} samples",
            where=f"{FLAG} {name}",
            mend="return one number for each sample: an array of shape [samples]",
        )
    if found.dtype != bool and not np.isfinite(found).all():
        if not is_function(name):
            raise ModelError(
                f"gives outputs whose {name} is infinite, or none, for "
                f"{int((~np.isfinite(found)).sum())} of {samples} samples",
                where="model output",
                mend="check that model and data fit each other",
            )
        raise ConfigError(
            f"is NaN or infinite for {int((~np.isfinite(found)).sum())} of {samples} samples",
            where=f"{FLAG} {name}",
            mend="return finite numbers, whatever the outputs are",
        )
    return found if found.dtype == bool else found.astype(np.float64)
