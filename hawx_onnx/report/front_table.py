"""The Pareto front as a table, for who cannot see the plot or wants the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hawx_onnx.report.formats import (
    finite,
    metric_name,
    percent,
    quantity,
    section,
    shorten,
    shown_costs,
    unit_of,
)
from hawx_onnx.report.markup import EMPTY, Markup, element, join
from hawx_onnx.report.tables import table

_MOST_ROWS, _NAMES_TOLD = 80, 3
# Tables of more rows than that are shown on demand.
_AT_ONCE = 12
_TIMES = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}"


def front_table(report: Mapping[str, Any]) -> Markup:
    """Returns the points of the front and the selected one, cheapest first.

    Args:
        report: The content of ``report.json``.
    """
    every = report.get("pareto") or ()
    points = [point for point in every if point.get("on_front") or point.get("selected")]
    if not points:
        return EMPTY
    costs = shown_costs(section(report, "baseline"), *points[:_MOST_ROWS])
    units = {key: unit_of(key, *[point.get(key) for point in points]) for _, key, _ in costs}
    metric = metric_name(report)
    heads = (
        (f"{metric} measured", "num"),
        ("Predicted", "num"),
        *((label, "num") for _, _, label in costs),
        ("", ""),
        ("Multipliers × layers", ""),
    )
    rows = [_row(point, units) for point in points[:_MOST_ROWS]]
    shown = table("Pareto front, on the validation samples", heads, rows, sortable=True)
    if len(points) > _MOST_ROWS:
        note = f"Shown: the first {_MOST_ROWS} of {len(points)} points; all are in pareto.csv."
        shown = join([shown, element("p", note, class_="quiet")])
    return folded("The front as a table", shown, len(points), at_once=0)


def folded(title: str, content: Markup, rows: int, at_once: int = _AT_ONCE) -> Markup:
    """Returns content that is shown on demand where it has many rows."""
    return element(
        "details",
        element("summary", f"{title}, {rows} {'row' if rows == 1 else 'rows'}"),
        content,
        open=rows <= at_once,
    )


def multipliers_told(assignment: object) -> str:
    """Returns an assignment in a few words: in how many layers each multiplier is.

    Args:
        assignment: Layer -> multiplier, or list with one for each channel.
    """
    if not isinstance(assignment, Mapping) or not assignment:
        return "all exact"
    chosen = list(assignment.values())
    whole = Counter(str(name) for name in chosen if isinstance(name, str)).most_common()
    parts = [f"{shorten(name, 32)}{_TIMES}{count}" for name, count in whole[:_NAMES_TOLD]]
    if len(whole) > _NAMES_TOLD:
        others = len(whole) - _NAMES_TOLD
        parts.append(f"{others} other {'multiplier' if others == 1 else 'multipliers'}")
    mixed = len(chosen) - sum(count for _, count in whole)
    if mixed:
        parts.append(f"{mixed} {'layer' if mixed == 1 else 'layers'} channel by channel")
    return ", ".join(parts)


def _row(point: Mapping[str, Any], units: Mapping[str, tuple[str, float]]) -> Markup:
    measured = finite(point.get("measured_accuracy"))
    mark = element("span", "selected", class_="tag") if point.get("selected") else EMPTY
    return element(
        "tr",
        element("th", percent(measured), scope="row", class_="num"),
        element("td", percent(point.get("predicted_accuracy")), class_="num"),
        *[
            element("td", quantity(key, point.get(key), unit), class_="num")
            for key, unit in units.items()
        ],
        element("td", mark),
        element("td", multipliers_told(point.get("assignment")), class_="source"),
    )
