"""The sensitivity heat map: layers down, multipliers across."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from hawx_onnx.report.formats import finite, number, points, shorten
from hawx_onnx.report.layer_table import layer_head
from hawx_onnx.report.markup import EMPTY, Markup, element, join
from hawx_onnx.report.svg import figure, missing
from hawx_onnx.report.tables import table

# Upper ends of the shades of an accuracy drop, as fractions. Fixed, so that two reports compare.
DROP_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)

_ROW_NAME, _COLUMN_NAME = 30, 18
_MOST_ROWS, _MOST_COLUMNS = 120, 40
# Above this many cells they are merged into one path per shade, without texts and tooltips.
_MOST_TEXTS = 900
_MOST_TABLE_ROWS, _MOST_TABLE_COLUMNS = 40, 16

Matrix = Sequence[Sequence[object]]


def shade(value: object, steps: Sequence[float]) -> int | None:
    """Returns the shade of a value, 0 to ``len(steps)``; None where there is no value."""
    real = finite(value)
    return None if real is None else sum(real > step for step in steps)


def error_steps(matrix: Matrix) -> tuple[float, ...]:
    """Returns steps for output errors: half decades below the largest one."""
    values = [real for row in matrix for v in row if (real := finite(v)) is not None and real > 0]
    if not values:
        return DROP_STEPS
    top = math.ceil(2 * math.log10(max(values))) / 2
    return tuple(10.0 ** (top - index / 2) for index in range(9, 0, -1))


def _cells(matrix: Matrix, steps: Sequence[float], size: tuple[int, int], drop: bool) -> Markup:
    """Returns the cells, each with its number and a tooltip."""
    width, height = size[0] - 2, size[1] - 2
    parts = []
    for r, row in enumerate(matrix):
        for c, value in enumerate(row):
            x, y = c * size[0], r * size[1]
            real, level = finite(value), shade(value, steps)
            class_ = "none" if level is None else f"h{level}"
            tip = element("title", "not measured" if real is None else _shown(real, drop))
            parts.append(element("rect", tip, class_=class_, x=x, y=y, width=width, height=height))
            if real is not None:
                at = {"x": x + width / 2, "y": y + height / 2, "dy": ".35em"}
                label = _short(real, drop)
                parts.append(element("text", label, class_=f"t{level}", text_anchor="middle", **at))
    return join(parts)


def _merged_cells(matrix: Matrix, steps: Sequence[float], size: int) -> Markup:
    """Returns the cells of a large map, one path of thick strokes per shade; a cell is a unit.

    Moves are relative, and neighbours of one shade share a stroke; lines in the colour of the
    page keep the columns apart.
    """
    strokes: dict[str, list[str]] = {}
    ends: dict[str, tuple[int, int]] = {}
    for r, row in enumerate(matrix):
        levels = ["none" if (n := shade(v, steps)) is None else f"h{n}" for v in row]
        at = 0
        for name, group in groupby(levels):
            count = len(list(group))
            end = ends.get(name)
            move = f"M{at} {r}" if end is None else f"m{at - end[0]} {r - end[1]}"
            strokes.setdefault(name, []).append(f"{move}h{count}")
            at += count
            ends[name] = (at, r)
    down, across = len(matrix), max((len(row) for row in matrix), default=0)
    gaps = "".join(f"M{column} -.5v{down}" for column in range(1, across))
    return element(
        "g",
        *[element("path", class_=name, d="".join(d)) for name, d in sorted(strokes.items())],
        element("path", class_="gaps", d=gaps),
        class_="units",
        transform=f"scale({size}) translate(0 .5)",
    )


def _shown(value: float, drop: bool) -> str:
    return f"{points(value)} points" if drop else number(value)


def _short(value: float, drop: bool) -> str:
    if drop:
        return points(value, 1 if abs(value) >= 0.0995 else 2)
    return f"{value:.0e}".replace("e-0", "e−").replace("e+0", "e") if value else "0"


def _names(rows: Sequence[str], columns: Sequence[str], size: tuple[int, int]) -> Markup:
    parts = []
    for index, name in enumerate(rows):
        y = index * size[1] + (size[1] - 2) / 2
        label = shorten(name, _ROW_NAME)
        tip = element("title", name) if label != name else EMPTY
        parts.append(element("text", label, tip, x=-8, y=y, dy=".35em", text_anchor="end"))
    turn = -45 if size[0] > 30 else -60
    for index, name in enumerate(columns):
        x = index * size[0] + (size[0] - 2) / 2
        label = shorten(name, _COLUMN_NAME)
        tip = element("title", name) if label != name else EMPTY
        parts.append(
            element("text", label, tip, transform=f"translate({x:g} -8) rotate({turn})", dy=".2em")
        )
    return join(parts)


def legend(steps: Sequence[float], *, drop: bool, digits: int = 1) -> Markup:
    """Returns the shades with the values that they stand for."""

    def shown(step: float) -> str:
        return number(100 * step, digits) if drop else number(step, digits)

    entries = [f"≤ {shown(steps[0])}"] + [f"≤ {shown(step)}" for step in steps[1:]]
    entries.append(f"> {shown(steps[-1])}")
    items = [
        element("li", element("span", class_=f"swatch s{level}"), name)
        for level, name in enumerate(entries)
    ]
    return element("ul", *items, class_="legend")


def _largest(rows: Sequence[str], columns: Sequence[str], matrix: Matrix, *, drop: bool) -> str:
    cells = [
        (real, row, column)
        for row, values in zip(rows, matrix, strict=True)
        for column, value in zip(columns, values, strict=True)
        if (real := finite(value)) is not None
    ]
    if not cells:
        return "Nothing was measured."
    value, row, column = max(cells)
    return f"Largest: {_shown(value, drop)}, {shorten(row, 60)} with {shorten(column, 40)}."


def _map(
    rows: Sequence[str], columns: Sequence[str], matrix: Matrix, title: str, *, drop: bool
) -> Markup:
    steps = DROP_STEPS if drop else error_steps(matrix)
    texts = len(rows) * len(columns) <= _MOST_TEXTS
    size = (52, 26) if texts else (18, 18)
    left = 20 + 7.4 * max(len(shorten(n, _ROW_NAME)) for n in rows)
    top = 24 + (5.4 if texts else 6.6) * max(len(shorten(n, _COLUMN_NAME)) for n in columns)
    width = left + len(columns) * size[0] + max(40.0, top - 24)
    height = top + len(rows) * size[1] + 4
    largest = _largest(rows, columns, matrix, drop=drop)
    drawing = element(
        "svg",
        element("title", title),
        element("desc", f"{len(rows)} layers by {len(columns)} multipliers. {largest}"),
        element(
            "g",
            _names(rows, columns, size),
            _cells(matrix, steps, size, drop) if texts else _merged_cells(matrix, steps, size[0]),
            transform=f"translate({left:g} {top:g})",
        ),
        viewBox=f"0 0 {width:g} {height:g}",
        width=round(width),
        height=round(height),
        class_="heat",
        role="img",
    )
    scroll = element(
        "div", drawing, class_="scroll", tabindex=0, role="region", aria_label=f"{title}, drawing"
    )
    return figure(title, largest, scroll, legend(steps, drop=drop))


def _peak(values: Sequence[object]) -> float:
    return max((real for v in values if (real := finite(v)) is not None), default=-math.inf)


def _fits(matrix: object, rows: int, columns: int) -> bool:
    return (
        isinstance(matrix, Sequence)
        and len(matrix) == rows > 0
        and all(isinstance(row, Sequence) and len(row) == columns > 0 for row in matrix)
    )


def _limited_map(
    layers: Sequence[str], multipliers: Sequence[str], matrix: Matrix, title: str, *, drop: bool
) -> Markup:
    # The most sensitive layers, in graph order, where there are too many to draw.
    peaks = [_peak(row) for row in matrix]
    rows = sorted(sorted(range(len(layers)), key=lambda r: -peaks[r])[:_MOST_ROWS])
    columns = multipliers[:_MOST_COLUMNS]
    cells = [matrix[r][: len(columns)] for r in rows]
    names = [layers[r] for r in rows]
    drawn = _map(names, columns, cells, title, drop=drop)
    if drop:
        drawn = join([drawn, _figures(names, columns, cells)])
    if len(rows) == len(layers) and len(columns) == len(multipliers):
        return drawn
    note = (
        f"Drawn: the {len(rows)} most sensitive of {len(layers)} layers and the first "
        f"{len(columns)} of {len(multipliers)} multipliers; all are in sensitivity.json."
    )
    return join([drawn, element("p", note, class_="quiet")])


def _figures(layers: Sequence[str], multipliers: Sequence[str], matrix: Matrix) -> Markup:
    """Returns the map's figures as a table, for who cannot see it; of a large map the first."""
    rows, columns = layers[:_MOST_TABLE_ROWS], multipliers[:_MOST_TABLE_COLUMNS]
    lines = [
        element("tr", layer_head(name), *[element("td", points(v)) for v in row[: len(columns)]])
        for name, row in zip(rows, matrix, strict=False)
    ]
    heads = (("Layer", "first"), *((shorten(name, 24), "num") for name in columns))
    caption = "Accuracy lost, in points, by layer and multiplier"
    parts = [table(caption, heads, lines, sortable=True, figures=True)]
    if len(rows) < len(layers) or len(columns) < len(multipliers):
        told = (
            f"Shown: the first {len(rows)} of these layers and the first {len(columns)} of these "
            "multipliers."
        )
        parts.append(element("p", told, class_="quiet"))
    return element("details", element("summary", "The figures as a table"), *parts)


def heat_map_section(sensitivity: Mapping[str, Any]) -> Markup:
    """Draws how much each layer suffers from each multiplier.

    Args:
        sensitivity: The content of ``sensitivity.json``: names of layers and multipliers, and
            under ``layer_level`` the matrices ``accuracy_drop`` and ``output_mse``, [L x M].
    """
    layers = [str(name) for name in sensitivity.get("layers") or ()]
    multipliers = [str(name) for name in sensitivity.get("multipliers") or ()]
    level = sensitivity.get("layer_level") or {}
    kinds = (
        ("accuracy_drop", "Accuracy lost, in points, when one layer alone is approximated", True),
        (
            "output_mse",
            "Mean squared error of the output when one layer alone is approximated",
            False,
        ),
    )
    parts: list[Markup] = []
    for key, title, drop in kinds:
        matrix = level.get(key)
        if matrix is None or not _fits(matrix, len(layers), len(multipliers)):
            continue
        drawn = _limited_map(layers, multipliers, matrix, title, drop=drop)
        if parts:
            drawn = element("details", element("summary", "Error of the output"), drawn)
        parts.append(drawn)
    return join(parts) if parts else missing("The sensitivity holds no matrix to draw.")
