"""What every plot needs: axes with round ticks, and shapes of the markers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hawx_onnx.report.formats import NONE, finite
from hawx_onnx.report.markup import Markup, element, join


def round_step(span: float, wanted: int) -> float:
    """Returns the round step (1, 2, 2.5 or 5 times a power of ten) that cuts a span about so often.

    Args:
        span: Length of the axis, above 0.
        wanted: How many steps to aim at.
    """
    raw = span / max(wanted, 1)
    power: float = 10.0 ** math.floor(math.log10(raw))
    return next((m * power for m in (1.0, 2.0, 2.5, 5.0) if raw <= m * power * 1.0001), 10 * power)


@dataclass(frozen=True)
class Axis:
    """A linear axis from values to drawing units, with round ticks.

    Attributes:
        low: Smallest value shown.
        high: Largest value shown; above ``low``.
        start: Coordinate of ``low``.
        end: Coordinate of ``high``; may lie before ``start`` (SVG's y axis points down).
        step: Distance of the ticks.
    """

    low: float
    high: float
    start: float
    end: float
    step: float

    @classmethod
    def over(
        cls,
        values: list[float],
        start: float,
        end: float,
        *,
        least: float,
        wanted: int = 5,
        within: tuple[float, float] = (-math.inf, math.inf),
    ) -> Axis:
        """Returns an axis that shows all values, widened to whole ticks.

        Args:
            values: The values to show; at least one.
            start: Coordinate of the lower end.
            end: Coordinate of the upper end.
            least: The shortest span that makes sense, so that equal values get an axis too.
            wanted: How many ticks to aim at.
            within: Bounds of what a value can be; the shortest span is shifted to lie in them.
        """
        low, high = min(values), max(values)
        missing = max(0.0, least - (high - low))
        low, high = low - missing / 2, high + missing / 2
        shift = min(0.0, within[1] - high) or max(0.0, within[0] - low)
        low, high = low + shift, high + shift
        step = round_step(high - low, wanted)
        low = math.floor(low / step + 1e-9) * step
        high = math.ceil(high / step - 1e-9) * step
        return cls(low, high, start, end, step)

    def at(self, value: float) -> float:
        """Returns the coordinate of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        slack = (self.high - self.low) * 1e-9
        return self.low - slack <= value <= self.high + slack

    def ticks(self) -> list[tuple[float, str]]:
        """Returns the ticks: each value with its label, all with the same number of decimals."""
        count = round((self.high - self.low) / self.step)
        decimals = next(d for d in range(12) if _is_whole(self.step * 10**d) or d == 11)
        values = [self.low + index * self.step for index in range(count + 1)]
        return [(v, f"{v + 0.0:,.{decimals}f}".replace("-", "−")) for v in values]


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6 * max(1.0, abs(value))


def path(points: list[tuple[float, float]]) -> str:
    """Returns path data of straight lines through points."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def frame(x: Axis, y: Axis, x_name: str, y_name: str, height: float) -> Markup:
    """Returns axes with their ticks and names, and lines across at the ticks of the upright one.

    Args:
        x: The level axis, from the left to the right edge of the frame.
        y: The upright axis, from its lower to its upper edge.
        x_name: Name of the level axis.
        y_name: Name of the upright axis.
        height: Of the drawing.
    """
    left, right, bottom = x.start, x.end, y.start
    parts = []
    for value, label in y.ticks():
        at = y.at(value)
        parts.append(element("path", class_="grid", d=path([(left, at), (right, at)])))
        parts.append(element("text", label, x=left - 8, y=at, dy=".35em", text_anchor="end"))
    for value, label in x.ticks():
        at = x.at(value)
        parts.append(element("path", class_="tick", d=path([(at, bottom), (at, bottom + 5)])))
        parts.append(element("text", label, x=at, y=bottom + 10, dy=".8em", text_anchor="middle"))
    parts.append(element("path", class_="axis", d=path([(left, bottom), (right, bottom)])))
    parts.append(element("text", y_name, class_="name", x=4.0, y=18.0))
    where = {"x": (left + right) / 2, "y": height - 10}
    parts.append(element("text", x_name, class_="name", text_anchor="middle", **where))
    return join(parts)


def star(x: float, y: float, radius: float) -> str:
    """Returns path data of a five-pointed star."""
    corners = []
    for index in range(10):
        size = radius if index % 2 == 0 else radius * 0.45
        angle = math.pi * (index / 5 - 0.5)
        corners.append((x + size * math.cos(angle), y + size * math.sin(angle)))
    return path(corners) + "Z"


def marker_sample(kind: str) -> Markup:
    """Returns a small drawing of a marker for a legend.

    Args:
        kind: ``"predicted"``, ``"measured"``, ``"front"``, ``"selected"``, ``"baseline"`` or
            ``"limit"``.
    """
    shapes = {
        "predicted": element("circle", class_="predicted", cx=9, cy=8, r=4),
        "measured": element("circle", class_="measured", cx=9, cy=8, r=4),
        "front": element("path", class_="front", d="M1 8L17 8"),
        "limit": element("path", class_="limit", d="M1 8L17 8"),
        "selected": element("path", class_="selected", d=star(9, 8, 8)),
        "baseline": element("rect", class_="baseline", x=5, y=4, width=8, height=8),
    }
    return element(
        "svg", shapes[kind], viewBox="0 0 18 16", width=18, height=16, aria_hidden="true"
    )


def bar(share: object, kind: str = "", least: float = 0.0) -> Markup:
    """Returns a small horizontal bar, drawn beside a number that says the same.

    Args:
        share: Length as a fraction of the full width; a negative one grows to the left of zero.
            Nothing is drawn for ``None``.
        kind: A class that colours it.
        least: Shortest length that is drawn for a share other than zero.
    """
    real = finite(share)
    if real is None:
        return Markup()
    length = min(1.0, abs(real))
    length = max(length, least) if real else 0.0
    side = "bar-loss" if real < 0 else kind
    fill = element("span", class_=side or None, style=f"width:{100 * length:.1f}%")
    return element("span", fill, class_="bar")


def figure(title: str, note: str, *content: Markup, class_: str = "") -> Markup:
    """Returns drawings under their caption: a title and a quieter note."""
    caption = element("figcaption", element("strong", title), " ", note)
    return element("figure", caption, *content, class_=class_ or None)


def missing(reason: str) -> Markup:
    """Returns a quiet line that stands where there is nothing to show."""
    return element("p", reason or NONE, class_="quiet")
