"""Search methods in one picture: what each measured, its front, and what that took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hawx_onnx.report.formats import COSTS, duration, finite, number
from hawx_onnx.report.markup import Markup, element, join
from hawx_onnx.report.metric_text import MetricText
from hawx_onnx.report.multiplier_plots import svg_document
from hawx_onnx.report.svg import Axis, path

_WIDTH, _HEIGHT = 640.0, 420.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 76.0, 616.0, 56.0, 356.0
_ROW = 18.0
# Told apart by people of any colour vision (Okabe and Ito); shape and order help too.
_COLOURS = ("#0072b2", "#b5420a", "#009e73", "#7a4988", "#57606a")
# Points of accuracy below the exact model down to which is drawn: that of the hypervolume.
_DEEPEST = 0.1

Spot = tuple[float, float]


def explore_svg(explored: Mapping[str, Any]) -> str:
    """Draws accuracy against cost for each method, and a line of figures below.

    Args:
        explored: The document of ``explore --json``.

    Returns:
        An SVG document. Points more than ten points of accuracy below the exact model are left out.
    """
    methods = list(explored.get("methods") or ())
    metric = MetricText.of(explored)
    exact = float(explored.get("baseline_accuracy") or 0)
    name, key, label = next(c for c in COSTS if c[0] == explored.get("objective", "power"))
    worst = metric.floor(exact, _DEEPEST)
    found = [_spots(method, key, metric, worst) for method in methods]
    every = [spot for spots in found for spot in spots]
    x = Axis.over([cost for cost, _ in every] or [0.0], _LEFT, _RIGHT, least=1e-9)
    shown = [metric.factor * exact, *(value for _, value in every)]
    y = metric.vertical(shown, _BOTTOM, _TOP)
    drop = float(explored.get("max_accuracy_drop") or 0)
    budget = metric.factor * metric.floor(exact, drop)
    folded = ", biases folded" if explored.get("compensation") == "fold-bias" else ""
    title = f"{metric.name} on validation samples{folded}{', %' if metric.is_fraction else ''}"
    parts = [_frame(x, y, title, label)]
    if y.holds(budget):
        parts.append(_level(y.at(budget), "budget"))
    for index, spots in enumerate(found):
        parts.append(_marks(spots, x, y, metric, _COLOURS[index % len(_COLOURS)]))
    samples = finite(explored.get("validation_samples")) or 0.0
    rows = [_row(method, index, samples) for index, method in enumerate(methods)]
    height = _HEIGHT + _ROW * len(rows) + 8
    return svg_document(join([*parts, *rows]), _WIDTH, height, f"Search methods: {name}")


def _spots(method: Mapping[str, Any], key: str, metric: MetricText, worst: float) -> list[Spot]:
    """(cost, accuracy in percent or value) of what was measured on all samples, if not too bad."""
    spots = []
    for point in method.get("points") or ():
        accuracy, cost = finite(point.get("measured_accuracy")), finite(point.get(key))
        if accuracy is not None and cost is not None and not metric.better(worst, accuracy):
            spots.append((cost, metric.factor * accuracy))
    return spots


def _front(spots: Sequence[Spot], metric: MetricText) -> list[Spot]:
    best: list[Spot] = []
    sign = 1 if metric.higher_is_better else -1
    for spot in sorted(spots, key=lambda spot: (spot[0], -sign * spot[1])):
        if not best or metric.better(spot[1], best[-1][1]):
            best.append(spot)
    return best


def _marks(spots: Sequence[Spot], x: Axis, y: Axis, metric: MetricText, colour: str) -> Markup:
    front = _front(spots, metric)
    parts = []
    if len(front) > 1:
        line = path([(x.at(cost), y.at(accuracy)) for cost, accuracy in front])
        parts.append(element("path", d=line, stroke=colour, stroke_width=1.5, fill="none"))
    for spot in spots:
        tip = element("title", f"{metric.plotted(spot[1])}, {number(spot[0])}")
        on_front = spot in front
        parts.append(
            element(
                "circle",
                tip,
                cx=x.at(spot[0]),
                cy=y.at(spot[1]),
                r=3.5 if on_front else 2.5,
                fill=colour,
                fill_opacity=1 if on_front else 0.4,
            )
        )
    return join(parts)


def _level(at: float, text: str) -> Markup:
    line = element(
        "path", class_="axis", stroke_dasharray="4 4", d=path([(_LEFT, at), (_RIGHT, at)])
    )
    return join([line, element("text", text, class_="soft", x=_RIGHT, y=at - 4, text_anchor="end")])


def _row(method: Mapping[str, Any], index: int, samples: float) -> Markup:
    """The mark of a method and what it took."""
    at = _HEIGHT + _ROW * index
    runs = (finite(method.get("samples_run")) or 0.0) / samples if samples else None
    text = (
        f"{method.get('method')}: {number(method.get('evaluations'))} evaluations "
        f"({number(runs)} whole runs), {duration(method.get('seconds'))}, "
        f"hypervolume {number(method.get('hypervolume'))}"
    )
    colour = _COLOURS[index % len(_COLOURS)]
    mark = element("circle", cx=_LEFT, cy=at, r=4, fill=colour)
    return join([mark, element("text", text, x=_LEFT + 12, y=at, dy=".35em")])


def _frame(x: Axis, y: Axis, metric: str, cost: str) -> Markup:
    parts = [element("text", metric, class_="soft", x=8.0, y=_TOP - 14)]
    for value, label in y.ticks():
        at = y.at(value)
        parts.append(element("path", class_="grid", d=path([(_LEFT, at), (_RIGHT, at)])))
        parts.append(element("text", label, x=_LEFT - 8, y=at, dy=".35em", text_anchor="end"))
    for value, label in x.ticks():
        at = x.at(value)
        parts.append(element("path", class_="axis", d=path([(at, _BOTTOM), (at, _BOTTOM + 5)])))
        parts.append(element("text", label, x=at, y=_BOTTOM + 20, text_anchor="middle"))
    parts.append(element("path", class_="axis", d=path([(_LEFT, _BOTTOM), (_RIGHT, _BOTTOM)])))
    middle = (_LEFT + _RIGHT) / 2
    parts.append(
        element("text", cost, class_="soft", x=middle, y=_BOTTOM + 42, text_anchor="middle")
    )
    return join(parts)
