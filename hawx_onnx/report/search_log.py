"""How the search went: its effort, what it measured one after the other, and what that gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hawx_onnx.report.formats import (
    NONE,
    duration,
    finite,
    metric_name,
    number,
    objective,
    percent,
    quantity,
    section,
    unit_of,
)
from hawx_onnx.report.front_table import folded, multipliers_told
from hawx_onnx.report.markup import EMPTY, Markup, element, join
from hawx_onnx.report.summary import definitions
from hawx_onnx.report.svg import Axis, figure, frame, path
from hawx_onnx.report.tables import table

_WIDTH, _HEIGHT = 600.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 68.0, 578.0, 40.0, 240.0
_MOST_ROWS, _MOST_DOTS = 150, 1000

Point = Mapping[str, Any]


def measured_in_order(report: Mapping[str, Any]) -> list[Point]:
    """Returns the points that the search measured, in the order in which it did.

    Args:
        report: The content of ``report.json``; older ones tell no order and give none.
    """
    points = [p for p in report.get("pareto") or () if finite(p.get("order")) is not None]
    return sorted(points, key=lambda point: int(point["order"]))


def search_section(report: Mapping[str, Any]) -> Markup:
    """Returns the search's effort, a drawing of its progress, and its log.

    Args:
        report: The content of ``report.json``.
    """
    points = measured_in_order(report)
    parts = [_facts(report), *_progress(report, points)]
    if points:
        parts.append(folded("Search log", _log(report, points), len(points)))
    return join(parts)


def _facts(report: Mapping[str, Any]) -> Markup:
    search = section(report, "search")
    parts = [
        f"{name} {duration(search.get(f'{name}_seconds'))}"
        for name in ("scoring", "solving", "measuring")
        if search.get(f"{name}_seconds") is not None
    ]
    speedup = search.get("speedup")
    facts: list[tuple[str, object]] = [
        ("Method", search.get("method")),
        ("Measured assignments", number(search.get("evaluations"))),
        ("Time", duration(search.get("seconds"))),
        ("of which", ", ".join(parts)),
        ("Assignments possible", number(search.get("space_size"))),
        ("Exhaustive search, estimated", duration(search.get("exhaustive_seconds_estimate"))),
        ("Speed-up", NONE if speedup is None else f"{number(speedup)} ×"),
    ]
    if search.get("stopped_by"):
        facts.append(("Ended by the limit on", search["stopped_by"]))
    return definitions(facts)


def _progress(report: Mapping[str, Any], points: Sequence[Point]) -> list[Markup]:
    """Returns cost over measurements, with the cheapest one within the budget so far."""
    _, key, label = objective(report)
    unit = finite(section(report, "baseline").get(key))
    costs = [finite(point.get(key)) for point in points]
    spots = [
        (int(p["order"]), 100 * cost / unit, p)
        for p, cost in zip(points, costs, strict=True)
        if cost is not None and unit
    ][:_MOST_DOTS]
    if len(spots) < 2:
        return []
    x = Axis.over([1.0, float(spots[-1][0])], _LEFT, _RIGHT, least=5.0)
    y = Axis.over([cost for _, cost, _ in spots], _BOTTOM, _TOP, least=5.0)
    line, best = _best_so_far(spots)
    end = f"{number(best)} % in the end" if best is not None else "none met the budget"
    drawing = element(
        "svg",
        element("title", f"{label} of the assignments in the order of their measurement"),
        element("desc", f"{len(spots)} measurements; the cheapest within the budget: {end}."),
        frame(x, y, "Measurement", f"{label}, % of exact int8", _HEIGHT),
        *([element("path", class_="front", d=_steps(line, x, y, spots[-1][0]))] if line else []),
        *[_dot(spot, x, y) for spot in spots],
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        class_="plot marked",
        role="img",
    )
    note = "each mark is one assignment, run on the validation samples"
    return [figure("Progress", note, drawing, _legend(), class_="single spaced")]


Spot = tuple[int, float, Point]


def _best_so_far(spots: Sequence[Spot]) -> tuple[list[tuple[int, float]], float | None]:
    """Returns where the cheapest cost within the budget fell, and where it ended."""
    line: list[tuple[int, float]] = []
    for order, cost, point in spots:
        if point.get("meets_budget") and (not line or cost < line[-1][1]):
            line.append((order, cost))
    return line, line[-1][1] if line else None


def _steps(line: Sequence[tuple[int, float]], x: Axis, y: Axis, last: int) -> str:
    corners = [(x.at(line[0][0]), y.at(line[0][1]))]
    for order, cost in line[1:]:
        corners += [(x.at(order), corners[-1][1]), (x.at(order), y.at(cost))]
    return path([*corners, (x.at(last), corners[-1][1])])


def _dot(spot: Spot, x: Axis, y: Axis) -> Markup:
    order, cost, point = spot
    kind = "measured on-front" if point.get("meets_budget") else "predicted"
    tip = f"measurement {order}\n{_accuracy(point)}\n{number(cost)} % of the exact cost"
    title = element("title", f"{tip}\nbudget {_verdict(point)}")
    return element("circle", title, class_=kind, cx=x.at(order), cy=y.at(cost), r=4)


def _legend() -> Markup:
    within = element("circle", class_="measured on-front", cx=9, cy=8, r=4)
    beyond = element("circle", class_="predicted", cx=9, cy=8, r=4)
    line = element("path", class_="front", d="M1 8L17 8")
    entries = (
        (within, "within the budget"),
        (beyond, "beyond it, or given up early"),
        (line, "the cheapest so far"),
    )
    items = [
        element(
            "li",
            element("svg", mark, viewBox="0 0 18 16", width=18, height=16, aria_hidden="true"),
            element("span", name),
        )
        for mark, name in entries
    ]
    return element("ul", *items, class_="legend plot")


def _accuracy(point: Point) -> str:
    """Returns what was measured, and on how many samples where it was given up."""
    if finite(point.get("measured_accuracy")) is not None:
        return percent(point["measured_accuracy"])
    partial = finite(point.get("partial_accuracy"))
    return NONE if partial is None else f"{percent(partial)} of {number(point.get('samples'))}"


def _verdict(point: Point) -> str:
    if point.get("meets_budget"):
        return "met"
    return "given up early" if finite(point.get("measured_accuracy")) is None else "not met"


def _log(report: Mapping[str, Any], points: Sequence[Point]) -> Markup:
    _, key, label = objective(report)
    base = finite(section(report, "baseline").get(key))
    unit = unit_of(key, *[point.get(key) for point in points])
    rows, best = [], None
    for point in points[:_MOST_ROWS]:
        cost = finite(point.get(key))
        better = bool(point.get("meets_budget")) and cost is not None
        better = better and (best is None or cost < best)  # type: ignore[operator]
        best = cost if better else best
        rows.append(_row(point, (quantity(key, cost, unit), cost, base), better))
    metric = metric_name(report)
    heads = (
        ("Measured", "num"),
        (f"{metric} predicted", "num"),
        (f"{metric} measured", "num"),
        (label, "num"),
        ("Of exact int8", "num"),
        ("Budget", ""),
        ("Multipliers × layers", ""),
    )
    shown = table("Measured assignments", heads, rows, sortable=True)
    if len(points) <= _MOST_ROWS:
        return shown
    note = f"Shown: the first {_MOST_ROWS} of {len(points)} measurements; all are in report.json."
    return join([shown, element("p", note, class_="quiet")])


def _row(point: Point, cost: tuple[str, float | None, float | None], better: bool) -> Markup:
    shown, value, base = cost
    share = NONE if value is None or not base else percent(value / base, 1)
    mark = element("span", "best so far", class_="tag") if better else EMPTY
    return element(
        "tr",
        element("th", number(point.get("order")), scope="row", class_="num"),
        element("td", percent(point.get("predicted_accuracy")), class_="num"),
        element("td", _accuracy(point), class_="num"),
        element("td", shown, class_="num"),
        element("td", share, class_="num"),
        element("td", _verdict(point), mark),
        element("td", multipliers_told(point.get("assignment")), class_="source"),
    )
