"""Pictures of multipliers, each one SVG file by itself: error against cost, and a map of errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.report.formats import number
from hawx_onnx.report.markup import Markup, element, join
from hawx_onnx.report.svg import Axis, path

_WIDTH, _HEIGHT = 640.0, 420.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 76.0, 616.0, 56.0, 356.0
_STYLE = """\
text { font: 12px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; fill: #1c2228; }
.title { font-size: 15px; font-weight: 600; } .soft { fill: #57606a; }
.grid { stroke: #dde1e6; fill: none; } .axis { stroke: #57606a; fill: none; }
.dot { fill: #0072b2; fill-opacity: .45; } .front { fill: #b5420a; }
.line { stroke: #b5420a; fill: none; stroke-width: 1.5; }
"""
# Light to dark; the last one is for the largest errors.
_SHADES = (
    "#f4f6f9",
    "#dfe9f4",
    "#c9dbee",
    "#aecae5",
    "#90b6da",
    "#6f9fcd",
    "#3f74ac",
    "#2c5f98",
    "#1c4a80",
    "#0f3463",
)
_CELLS = 64


@dataclass(frozen=True)
class Dot:
    """A multiplier in a plot."""

    name: str
    cost: float
    error: float


@dataclass(frozen=True)
class Panel:
    """Multipliers whose costs compare: those of one technology.

    Attributes:
        title: What the costs are of.
        unit: Name and unit of the cost.
        dots: The multipliers.
    """

    title: str
    unit: str
    dots: Sequence[Dot]


def error_cost_svg(panels: Sequence[Panel], error: str) -> str:
    """Draws error against cost, one panel below the other, each with its front.

    Args:
        panels: What to draw, each with at least one dot.
        error: Name of the error; its axis is logarithmic, errors of 0 stand below it.

    Returns:
        An SVG document.
    """
    drawn = [
        element("g", _panel(panel, error), transform=f"translate(0 {index * _HEIGHT:g})")
        for index, panel in enumerate(panels)
    ]
    return svg_document(join(drawn), _WIDTH, _HEIGHT * len(panels), "Error against cost")


def svg_document(content: Markup, width: float, height: float, title: str) -> str:
    """Returns a picture as a file by itself, with its styles."""
    style = element("style", Markup(_STYLE))
    drawing = element(
        "svg",
        element("title", title),
        style,
        element("rect", width=width, height=height, fill="#ffffff"),
        content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
    )
    return f"{drawing}\n"


def front(dots: Sequence[Dot]) -> list[Dot]:
    """Returns the dots that no other one beats in cost and error at once, by rising cost."""
    best: list[Dot] = []
    for dot in sorted(dots, key=lambda dot: (dot.cost, dot.error)):
        if not best or dot.error < best[-1].error:
            best.append(dot)
    return best


def _panel(panel: Panel, error: str) -> Markup:
    costs = [dot.cost for dot in panel.dots]
    x = Axis.over([*costs, 0.0], _LEFT, _RIGHT, least=1e-9)
    above = [dot.error for dot in panel.dots if dot.error > 0] or [1.0]
    low, high = math.floor(math.log10(min(above))), math.ceil(math.log10(max(above)))
    # One decade more below for the exact ones, which have no logarithm.
    y = Axis(low - 1.0, float(max(high, low + 1)), _BOTTOM, _TOP, 1.0)

    def at(dot: Dot) -> tuple[float, float]:
        return x.at(dot.cost), y.at(math.log10(dot.error) if dot.error > 0 else low - 1.0)

    best = front(panel.dots)
    corners = [at(dot) for dot in best]
    marks = [element("path", class_="line", d=path(corners))] if len(best) > 1 else []
    for dot in panel.dots:
        spot, tip = at(dot), f"{dot.name}: {error} {number(dot.error)}, {number(dot.cost)}"
        kind = "front" if dot in best else "dot"
        title = element("title", tip)
        marks.append(element("circle", title, class_=kind, cx=spot[0], cy=spot[1], r=4))
    return join([_frame(panel, error, x, y, low), *marks, *_names(best, corners)])


def _names(best: Sequence[Dot], corners: Sequence[tuple[float, float]]) -> list[Markup]:
    """Names of front dots, as many as fit without overlap."""
    shown: list[Markup] = []
    taken: list[tuple[float, float]] = []
    for dot, (x, y) in zip(best, corners, strict=True):
        if any(abs(x - a) < 130 and abs(y - b) < 14 for a, b in taken):
            continue
        taken.append((x, y))
        left = x > _RIGHT - 110
        anchor = "end" if left else "start"
        shown.append(
            element("text", dot.name, x=x + (-8 if left else 8), y=y - 6, text_anchor=anchor)
        )
    return shown


def _frame(panel: Panel, error: str, x: Axis, y: Axis, low: int) -> Markup:
    parts = [element("text", panel.title, class_="title", x=_LEFT, y=24.0)]
    parts.append(element("text", error, class_="soft", x=8.0, y=_TOP - 14))
    for exponent in range(low - 1, int(y.high) + 1):
        at = y.at(exponent)
        label = "0" if exponent < low else number(10.0**exponent, 1)
        parts.append(element("path", class_="grid", d=path([(_LEFT, at), (_RIGHT, at)])))
        parts.append(element("text", label, x=_LEFT - 8, y=at, dy=".35em", text_anchor="end"))
    for value, label in x.ticks():
        at = x.at(value)
        parts.append(element("path", class_="axis", d=path([(at, _BOTTOM), (at, _BOTTOM + 5)])))
        parts.append(element("text", label, x=at, y=_BOTTOM + 20, text_anchor="middle"))
    parts.append(element("path", class_="axis", d=path([(_LEFT, _BOTTOM), (_RIGHT, _BOTTOM)])))
    middle = (_LEFT + _RIGHT) / 2
    parts.append(
        element("text", panel.unit, class_="soft", x=middle, y=_HEIGHT - 16, text_anchor="middle")
    )
    return join(parts)


def error_map_svg(name: str, errors: npt.NDArray[np.integer], lowest: int) -> str:
    """Draws where a multiplier errs.

    Args:
        name: The multiplier.
        errors: Signed errors [256, 256], [activation][weight], by rising operand values.
        lowest: The lowest operand value.

    Returns:
        An SVG document: each of 64 x 64 cells shows the mean absolute error of 4 x 4 pairs.
    """
    block = 256 // _CELLS
    cells = np.abs(errors.astype(np.float64))
    cells = cells.reshape(_CELLS, block, _CELLS, block).mean(axis=(1, 3))
    top = float(cells.max())
    steps = [top * 10 ** ((level - len(_SHADES) + 1) / 3) for level in range(len(_SHADES) - 1)]
    levels = np.searchsorted(steps, cells, side="left") if top > 0 else np.zeros_like(cells, int)
    size, left, upper = 6, 70, 60
    strokes: list[list[str]] = [[] for _ in _SHADES]
    for row, values in enumerate(levels):
        ends = np.flatnonzero(np.diff(values)) + 1
        for start, end in zip([0, *ends], [*ends, _CELLS], strict=True):
            # The activation rises upwards.
            y = (_CELLS - 1 - row) * size + size // 2
            strokes[values[start]].append(f"M{start * size} {y}h{(end - start) * size}")
    side = _CELLS * size
    parts = [
        element("path", d="".join(drawn), stroke=shade, stroke_width=size, fill="none")
        for shade, drawn in zip(_SHADES, strokes, strict=True)
        if drawn
    ]
    for value in (lowest, lowest + 64, lowest + 128, lowest + 192, lowest + 255):
        at = (value - lowest + 0.5) / 256 * side
        parts.append(element("text", value, x=at, y=side + 18, text_anchor="middle"))
        parts.append(element("text", value, x=-8, y=side - at, dy=".35em", text_anchor="end"))
    middle = {"x": side / 2, "text_anchor": "middle"}
    parts.append(element("text", "weight", class_="soft", y=side + 38, **middle))
    parts.append(element("text", "activation", class_="soft", x=-left + 6, y=-14))
    title = f"{name}: mean absolute error of 4 x 4 pairs, at most {number(top)}"
    drawn_map = element("g", *parts, transform=f"translate({left} {upper})")
    legend = _legend(steps, top, left + side + 24, upper)
    heading = element("text", title, class_="title", x=left - 60, y=26.0)
    return svg_document(
        join([heading, drawn_map, legend]),
        float(left + side + 130),
        float(upper + side + 56),
        title,
    )


def _legend(steps: Sequence[float], top: float, x: int, y: int) -> Markup:
    entries = [(shade, f"≤ {number(step, 2)}") for shade, step in zip(_SHADES, steps, strict=False)]
    entries.append((_SHADES[-1], f"≤ {number(top, 2)}"))
    if top == 0:
        entries = [(_SHADES[0], "0")]
    parts = []
    for index, (shade, label) in enumerate(entries):
        at = y + index * 20
        parts.append(element("rect", x=x, y=at, width=14, height=14, fill=shade, stroke="#b4bbc3"))
        parts.append(element("text", label, x=x + 20, y=at + 11))
    return join(parts)
