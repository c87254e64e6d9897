"""What the trade-off plot shows: the searched assignments relative to the exact design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hawx_onnx.report.formats import (
    channel_counts,
    clean,
    finite,
    is_exact,
    objective,
    quantity,
    section,
    shorten,
)
from hawx_onnx.report.metric_text import MetricText

# So many points of each sort are drawn at most, evenly chosen: a page stays small.
_MOST = 240
# So many layers are told in a tooltip.
_TIP_LAYERS = 6


@dataclass(frozen=True)
class Dot:
    """One assignment in the plot.

    Attributes:
        x: Cost, in percent of the exact design.
        predicted: Predicted accuracy in percent, or None.
        measured: Measured accuracy in percent, or None.
        front: Whether it lies on the Pareto front.
        selected: Whether it was selected.
        tip: What the tooltip says.
    """

    x: float
    predicted: float | None
    measured: float | None
    front: bool
    selected: bool
    tip: str

    @property
    def y(self) -> float:
        """The accuracy to go by: measured where it was, else predicted."""
        if self.measured is not None:
            return self.measured
        return 0.0 if self.predicted is None else self.predicted


@dataclass(frozen=True)
class TradeOff:
    """Everything that the plot shows, in its own units.

    Attributes:
        dots: The assignments, all that were searched.
        baseline: Cost and accuracy of the exact int8 model, in percent; None if unknown.
        baseline_split: The samples on which the baseline's accuracy was measured.
        floor: Lowest accuracy, or worst value, that the budget allows, a fraction in percent; or
            None.
        ceiling: Highest cost that the budget allows, in percent, or None.
        cost: Label of the cost.
        metric: How accuracies, or values of another metric, are written.
    """

    dots: tuple[Dot, ...]
    baseline: tuple[float, float] | None
    baseline_split: str
    floor: float | None
    ceiling: float | None
    cost: str
    metric: MetricText


def _tip(point: Mapping[str, Any], key: str, metric: MetricText) -> str:
    rows = []
    if finite(point.get("predicted_accuracy")) is not None:
        rows.append(f"predicted {metric.value(point['predicted_accuracy'])}")
    if finite(point.get("measured_accuracy")) is not None:
        rows.append(f"measured {metric.value(point['measured_accuracy'])}")
    rows.append(quantity(key, point.get(key)))
    if not (point.get("on_front") or point.get("selected")):
        return "\n".join(rows)
    assignment = point.get("assignment") or {}
    for layer, chosen in islice(assignment.items(), _TIP_LAYERS):
        names = ", ".join(shorten(name, 20) for name in channel_counts(chosen))
        rows.append(f"{shorten(clean(layer), 24)}: {shorten(names, 44)}")
    if len(assignment) > _TIP_LAYERS:
        rows.append(f"and {len(assignment) - _TIP_LAYERS} more layers")
    return "\n".join(rows)


def _exact_accuracy(report: Mapping[str, Any]) -> tuple[float | None, str]:
    # The points were measured on validation samples, so the exact model's accuracy on the same
    # samples is the fair mark; its accuracy on the test samples is the fall-back.
    given = finite(section(report, "baseline").get("validation_accuracy"))
    if given is not None:
        return given, "validation"
    for point in report.get("pareto") or ():
        measured = finite(point.get("measured_accuracy"))
        assignment = point.get("assignment") or {}
        names = (name for chosen in assignment.values() for name in channel_counts(chosen))
        if measured is not None and all(is_exact(name, report) for name in names):
            return measured, "validation"
    return finite(section(report, "baseline").get("accuracy")), "test"


def _dot(point: Mapping[str, Any], key: str, unit: float, metric: MetricText) -> Dot | None:
    cost = finite(point.get(key))
    predicted = finite(point.get("predicted_accuracy"))
    measured = finite(point.get("measured_accuracy"))
    if cost is None or (predicted is None and measured is None):
        return None
    return Dot(
        100 * cost / unit,
        None if predicted is None else metric.factor * predicted,
        None if measured is None else metric.factor * measured,
        bool(point.get("on_front")),
        bool(point.get("selected")),
        _tip(point, key, metric),
    )


def trade_off(report: Mapping[str, Any]) -> TradeOff | None:
    """Reads the points of the plot off a report.

    Returns:
        The plot's content, or None where the report holds no point or no cost to relate to.
    """
    name, key, label = objective(report)
    unit = finite(section(report, "baseline").get(key))
    if not unit:
        return None
    points, metric = report.get("pareto") or (), MetricText.of(report)
    dots = tuple(dot for point in points if (dot := _dot(point, key, unit, metric)) is not None)
    if not dots:
        return None
    exact, split = _exact_accuracy(report)
    budget = section(report, "budget")
    drop = finite(budget.get("max_accuracy_drop"))
    limit = finite(budget.get(f"max_{key}"))
    return TradeOff(
        dots,
        None if exact is None else (100.0, metric.factor * exact),
        split,
        None if exact is None or drop is None else metric.factor * metric.floor(exact, drop),
        None if limit is None else 100 * limit / unit,
        label.lower() if name != "energy" else "energy",
        metric,
    )


def thinned(dots: Sequence[Dot]) -> list[Dot]:
    """Returns the dots to draw: the selected one and an even share of each sort, front last.

    Args:
        dots: All dots of the plot.
    """
    sorts: tuple[list[Dot], list[Dot], list[Dot], list[Dot]] = ([], [], [], [])
    for dot in dots:
        if dot.selected:
            sorts[3].append(dot)
        elif dot.front:
            sorts[2].append(dot)
        else:
            sorts[0 if dot.measured is None else 1].append(dot)
    return [dot for sort in sorts for dot in sort[:: max(1, -(-len(sort) // _MOST))]]
