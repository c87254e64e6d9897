"""What findings on accuracy, or another metric, say."""

from __future__ import annotations

from dataclasses import dataclass

from hawx_onnx.metric_names import ACCURACY, MSE, PERPLEXITY, is_function
from hawx_onnx.metrics import Metric

# What the mean score of these is counted in; of shares it is a fraction.
_DROP_UNITS = {PERPLEXITY: "log ratio", MSE: "share of the targets' variance"}


@dataclass(frozen=True)
class MetricWords:
    """How figures of a metric are told.

    Attributes:
        metric: The metric.
    """

    metric: Metric

    @property
    def is_share(self) -> bool:
        """Whether its values are shares of the samples, told in percent."""
        return self.metric.unit == "fraction"

    @property
    def name(self) -> str:
        """The metric within a sentence."""
        title = self.metric.title
        return title if is_function(self.metric.name) else title[0].lower() + title[1:]

    @property
    def drop_unit(self) -> str:
        """Unit of a drop as documents have it."""
        return (
            self.metric.unit
            if self.is_share
            else _DROP_UNITS.get(self.metric.name, self.metric.unit)
        )

    def amount(self, drop: float) -> str:
        """A drop with its unit, as ``1 point``."""
        if is_function(self.metric.name):
            return f"{drop:.4g} {self.metric.unit}".strip()
        shown = f"{100 * drop:.3g}"
        return f"{shown} {'point' if self.is_share and shown == '1' else self.metric.drop_unit}"

    def lost(self, drop: float) -> str:
        """A drop as the head of a sentence."""
        if not self.is_share:
            return f"{self.name} worse by {self.amount(drop)}"
        of = "" if self.metric.name == ACCURACY else f" of {self.name}"
        return f"{self.amount(drop)}{of} lost"

    def bounds(self, interval: tuple[float, float]) -> str:
        """The bounds of a drop, without unit."""
        if is_function(self.metric.name):
            return " to ".join(f"{bound:.4g}" for bound in interval)
        return " to ".join(f"{100 * bound:.2f}" for bound in interval)

    def level(self, value: float) -> str:
        """A value as the head of a sentence."""
        if self.is_share:
            of = "" if self.metric.name == ACCURACY else f"{self.name} "
            return f"{of}{100 * value:.2f} %"
        return f"{self.name} {self.limit(value)}"

    def values(self, interval: tuple[float, float]) -> str:
        """The bounds of a value."""
        if self.is_share:
            return f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %"
        return f"{interval[0]:.4g} to {interval[1]:.4g}"

    def limit(self, value: float) -> str:
        """A value with its unit."""
        if self.is_share:
            return f"{100 * value:g} %"
        return f"{value:.4g} {self.metric.unit}".strip()
