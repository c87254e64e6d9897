"""Accuracies, or the values of another metric, as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hawx_onnx.metric_names import ACCURACY, AGREEMENT, MSE, PERPLEXITY, is_function
from hawx_onnx.report.formats import NONE, finite, interval, number, percent, points, section
from hawx_onnx.report.svg import Axis

FRACTION = "fraction"
_DIGITS = 4


@dataclass(frozen=True)
class MetricText:
    """How the values of a metric are written.

    Attributes:
        name: Of the metric.
        title: Of the metric, for people.
        unit: ``fraction``, or that of the values.
        higher_is_better: Whether it is.
        drop_unit: What drops are counted in.
        scale: Variance of the targets, for the mean squared error.
    """

    name: str = ACCURACY
    title: str = "Accuracy"
    unit: str = FRACTION
    higher_is_better: bool = True
    drop_unit: str = "points"
    scale: float = 1.0

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> MetricText:
        """Reads it off ``data`` of a report, or off another document that names its metric."""
        about = document if "metric" in document else section(document, "data")
        name = str(about.get("metric") or ACCURACY)
        fields = ("unit", "higher_is_better", "drop_unit", "scale")
        given = {key: about[key] for key in fields if about.get(key) is not None}
        title = "Agreement" if name == AGREEMENT else "Accuracy"
        return cls(name, str(about.get("title") or title), **given)

    @property
    def is_fraction(self) -> bool:
        """Whether values are shares, told in percent."""
        return self.unit == FRACTION

    @property
    def factor(self) -> float:
        """What values are multiplied by in plots."""
        return 100.0 if self.is_fraction else 1.0

    @property
    def axis(self) -> str:
        """Title with unit."""
        unit = "%" if self.is_fraction else self.unit
        return f"{self.title} ({unit})" if unit else self.title

    def vertical(self, values: list[float], bottom: float, top: float) -> Axis:
        """An axis of values times :attr:`factor`, the better ones above.

        Args:
            values: To be shown.
            bottom: Coordinate of the lower end.
            top: Coordinate of the upper end.
        """
        start, end = (bottom, top) if self.higher_is_better else (top, bottom)
        if self.is_fraction:
            return Axis.over(values, start, end, least=0.5, within=(0, 100))
        return Axis.over(values, start, end, least=max(1e-3 * max(map(abs, values)), 1e-9))

    def better(self, one: float, other: float) -> bool:
        """Whether a value is better than another."""
        return one > other if self.higher_is_better else one < other

    def plotted(self, value: float) -> str:
        """Returns a value times :attr:`factor` with its unit."""
        return f"{value:.2f} %" if self.is_fraction else self.value(value)

    def value(self, value: object, *, signed: bool = False) -> str:
        """Returns a value with its unit."""
        if self.is_fraction:
            return percent(value, signed=signed)
        shown = number(value, _DIGITS)
        return shown if shown == NONE or not self.unit else f"{shown} {self.unit}"

    def interval(self, bounds: object) -> str:
        """Returns an interval of values, without unit; a dash where there is none."""
        if self.is_fraction:
            return interval(bounds)
        if not isinstance(bounds, list | tuple) or None in map(finite, bounds):
            return NONE
        return " to ".join(number(bound, _DIGITS) for bound in bounds)

    def change(self, drop: object) -> str:
        """Returns a drop as the signed change of the value: more perplexity is positive."""
        real = finite(drop)
        turned = None if real is None else -real if self.higher_is_better else real
        return self.drop(turned, signed=True)

    def change_interval(self, bounds: object) -> str:
        """Returns an interval of drops as one of changes, the lower bound first."""
        if not isinstance(bounds, list | tuple) or None in map(finite, bounds):
            return NONE
        low, high = bounds if not self.higher_is_better else bounds[::-1]
        return f"{self.change(low)} to {self.change(high)}"

    def drop(self, drop: object, *, signed: bool = False) -> str:
        """Returns a drop without its unit: in points or percent, or in the metric's own unit."""
        real = finite(drop)
        if not is_function(self.name):
            return points(drop, signed=signed)
        sign = "+" if signed and real is not None and real > 0 else ""
        return sign + number(drop, _DIGITS)

    def drop_interval(self, bounds: object) -> str:
        """Returns an interval of drops, without unit; a dash where there is none."""
        if not isinstance(bounds, list | tuple) or None in map(finite, bounds):
            return NONE
        return " to ".join(self.drop(bound) for bound in bounds)

    def amount(self, drop: float) -> str:
        """Returns the size of a drop with its unit."""
        return f"{self.drop(drop)} {self.drop_unit}".rstrip()

    def budget(self, drop: float) -> str:
        """Returns a largest drop with its unit."""
        shown = drop if is_function(self.name) else 100 * drop
        unit = "point" if self.drop_unit == "points" and shown == 1 else self.drop_unit
        return f"{shown:g} {unit}".strip()

    def floor(self, value: float, drop: float) -> float:
        """The worst value that a largest drop from a value allows."""
        if self.name == PERPLEXITY:
            return value * math.exp(drop)
        if self.name == MSE:
            return value + drop * self.scale
        return value - drop if self.higher_is_better else value + drop
