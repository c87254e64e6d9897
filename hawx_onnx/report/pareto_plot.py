"""The trade-off plot: modelled cost against accuracy, with the front and the selected point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hawx_onnx.report.compensation import folded_note
from hawx_onnx.report.formats import number
from hawx_onnx.report.front_table import front_table
from hawx_onnx.report.markup import EMPTY, Markup, element, join
from hawx_onnx.report.svg import Axis, figure, frame, marker_sample, missing, path, star
from hawx_onnx.report.trade_off import Dot, TradeOff, thinned, trade_off

WIDTH, HEIGHT = 600.0, 400.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 68.0, 578.0, 40.0, 340.0


def _dot(dot: Dot, x: Axis, y: Axis) -> Markup:
    at = x.at(dot.x)
    role = " on-front" if dot.front else ""
    tip = element("title", dot.tip)
    if dot.measured is None:
        return element(
            "circle", tip, class_=f"predicted{role}", cx=at, cy=y.at(dot.y), r=4 if role else 3
        )
    parts = []
    if dot.predicted is not None and abs(y.at(dot.predicted) - y.at(dot.measured)) > 5:
        guess, real = y.at(dot.predicted), y.at(dot.measured)
        parts.append(element("path", class_="error", d=path([(at, guess), (at, real)])))
        parts.append(element("circle", class_="predicted", cx=at, cy=guess, r=3))
    parts.append(
        element("circle", tip, class_=f"measured{role}", cx=at, cy=y.at(dot.measured), r=4)
    )
    return join(parts)


def _label(name: str, at: tuple[float, float], *, below: bool) -> Markup:
    # Kept inside the frame: markers in the right half carry their name on the left.
    left = at[0] > (_LEFT + _RIGHT) / 2
    return element(
        "text",
        name,
        class_="label",
        x=at[0] + (-12 if left else 12),
        y=at[1] + (16 if below else -9),
        text_anchor="end" if left else "start",
    )


def _marks(x: Axis, y: Axis, data: TradeOff) -> tuple[Markup, Markup]:
    """Returns the marks of the exact and the selected design, and their names."""
    shapes, names = [], []
    exact = None
    if data.baseline and y.holds(data.baseline[1]):
        exact = (x.at(data.baseline[0]), y.at(data.baseline[1]))
        tip = element("title", f"exact int8: {data.baseline[1]:.2f} % ({data.baseline_split})")
        shapes.append(
            element(
                "rect", tip, class_="baseline", x=exact[0] - 5, y=exact[1] - 5, width=10, height=10
            )
        )
        names.append(_label("exact int8", exact, below=False))
    for dot in data.dots:
        if dot.selected and y.holds(dot.y):
            at = (x.at(dot.x), y.at(dot.y))
            shapes.append(
                element("path", element("title", dot.tip), class_="selected", d=star(*at, 11))
            )
            near = exact and abs(exact[0] - at[0]) < 190 and abs(exact[1] - at[1]) < 44
            names.append(_label("selected", at, below=bool(near)))
    return join(shapes), join(names)


def _limits(x: Axis, y: Axis, data: TradeOff) -> Markup:
    parts = []
    if data.floor is not None and y.holds(data.floor):
        at = y.at(data.floor)
        tip = element("title", f"accuracy budget: {data.floor:.2f} %")
        parts.append(element("path", tip, class_="limit", d=path([(_LEFT, at), (_RIGHT, at)])))
    if data.ceiling is not None and x.holds(data.ceiling):
        at = x.at(data.ceiling)
        tip = element("title", f"{data.cost} budget: {data.ceiling:.1f} %")
        parts.append(element("path", tip, class_="limit", d=path([(at, _TOP), (at, _BOTTOM)])))
    return join(parts)


def _front(data: TradeOff, x: Axis, y: Axis) -> Markup:
    # Measurements scatter: a front point that another one beats as drawn keeps its mark, but the
    # line passes over it.
    line: list[Dot] = []
    for dot in sorted((d for d in data.dots if d.front), key=lambda d: (d.x, -d.y)):
        if not line or dot.y > line[-1].y:
            line.append(dot)
    if len(line) < 2:
        return EMPTY
    return element("path", class_="front", d=path([(x.at(d.x), y.at(d.y)) for d in line]))


def _clipped(rim: float, *shapes: Markup) -> Markup:
    """Returns shapes cut off at the frame: a nested drawing clips without needing an id."""
    box = (_LEFT - rim, _TOP - rim, _RIGHT - _LEFT + 2 * rim, _BOTTOM - _TOP + 2 * rim)
    return element(
        "svg",
        *shapes,
        x=box[0],
        y=box[1],
        width=box[2],
        height=box[3],
        viewBox=" ".join(f"{v:g}" for v in box),
    )


def _panel(data: TradeOff, dots: Sequence[Dot], y: Axis, name: str, *, single: bool) -> Markup:
    costs = [d.x for d in dots if y.holds(d.y)] + [100.0]
    x = Axis.over(costs, _LEFT, _RIGHT, least=5.0)
    inside = [d for d in dots if y.holds(d.y)]
    shapes, names = _marks(x, y, data)
    description = (
        f"{len(inside)} assignments; horizontal axis: {data.cost} in percent of the exact int8 "
        f"design, from {number(x.low)} to {number(x.high)}; vertical axis: "
        f"{data.metric.lower()} in percent, from {y.ticks()[0][1]} to {y.ticks()[-1][1]}."
    )
    title = f"{data.cost.capitalize()}, % of exact int8"
    drawing = element(
        "svg",
        element("title", f"{data.metric} against {data.cost}: {name.lower()}"),
        element("desc", description),
        frame(x, y, title, f"{data.metric} (%)", HEIGHT),
        _clipped(0, _limits(x, y, data), _front(data, x, y)),
        # Markers on the rim are drawn in full; the predictions of measured dots may lie outside.
        _clipped(8, *[_dot(d, x, y) for d in inside]),
        shapes,
        names,
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        class_="plot marked",
        role="img",
    )
    note = f"{len(inside)} of {len(data.dots)} assignments drawn"
    return figure(name, note, drawing, class_="single" if single else "")


def _legend(data: TradeOff) -> Markup:
    labels = [
        ("measured", "measured"),
        ("predicted", "predicted only"),
        ("front", "Pareto front"),
        ("selected", "selected"),
        ("baseline", "exact int8"),
    ]
    if data.floor is not None or data.ceiling is not None:
        labels.append(("limit", "budget"))
    return element(
        "ul",
        *[element("li", marker_sample(kind), element("span", name)) for kind, name in labels],
        class_="legend plot",
    )


def _panels(data: TradeOff) -> list[Markup]:
    dots = thinned(data.dots)
    values = [d.y for d in dots] + ([data.baseline[1]] if data.baseline else [])
    full = Axis.over(values, _BOTTOM, _TOP, least=0.5, within=(0, 100))
    top = max(values)
    anchors = [d.y for d in dots if d.selected] + ([data.floor] if data.floor is not None else [])
    low = min([*anchors, top - 2.0])
    low -= 0.5 * (top - low)
    near = [v for v in values if v >= low]
    if top - min(values) <= 3 * (top - low) or len(near) < 3:
        return [_panel(data, dots, full, "Searched assignments", single=True)]
    focus = Axis.over([*near, *anchors], _BOTTOM, _TOP, least=0.5, within=(0, 100))
    return [
        _panel(data, dots, focus, "Near the budget", single=False),
        _panel(data, dots, full, "All points", single=False),
    ]


def pareto_section(report: Mapping[str, Any]) -> Markup:
    """Draws the searched assignments: cost on the horizontal, accuracy on the vertical axis.

    Where a few bad assignments would press everything else together, two panels are drawn: the
    part near the budget, and all of it.

    Args:
        report: The content of ``report.json``.
    """
    data = trade_off(report)
    if data is None:
        return missing("The search left no points to draw.")
    split = (
        ""
        if data.baseline_split == "validation"
        else " The exact int8 model and the budget are drawn at its accuracy on the test samples."
    )
    note = (
        "Points are accuracies on the validation samples that the search used. A thin line joins "
        "a measurement to its prediction." + folded_note(report) + split
    )
    return join(
        [
            element("div", *_panels(data), class_="panels"),
            _legend(data),
            element("p", note, class_="quiet"),
            front_table(report),
        ]
    )
