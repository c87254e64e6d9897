"""The sensitivity of channels: one strip for each layer, a cell for each output channel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hawx_onnx.report.formats import finite, number, shorten
from hawx_onnx.report.heatmap import legend, shade
from hawx_onnx.report.markup import EMPTY, Markup, element, join
from hawx_onnx.report.svg import figure

_NAME = 30
_MOST_ROWS = 120
_WIDTH, _ROW = 640, 22
_MOST_CELLS = 320
_STEPS = 9

Values = list[float | None]


def channel_damage(entry: Mapping[str, Any]) -> Values:
    """RMS change of the outputs by channel, over the approximate multipliers.

    Args:
        entry: One layer of ``filter_level``; its ``output_mse`` is [multipliers][channels], the
            first multiplier exact.
    """
    rows = [row for row in entry.get("output_mse") or () if isinstance(row, Sequence)][1:]
    if not rows or len({len(row) for row in rows}) != 1:
        return []
    return [_rms([row[channel] for row in rows]) for channel in range(len(rows[0]))]


def strip_steps(rows: Sequence[Values]) -> tuple[float, ...]:
    """Steps in equal ratios over the values found, but for the least and the largest few.

    Channels of a network differ by much less than multipliers do.
    """
    known = sorted(value for row in rows for value in row if value)
    if not known:
        return tuple(float(step) for step in range(1, _STEPS + 1))
    low, high = known[len(known) // 50], known[-1 - len(known) // 50]
    ratio = max(high / low, 1.1) ** (1 / (_STEPS - 1))
    return tuple(low * ratio**index for index in range(_STEPS))


def _rms(values: Sequence[object]) -> float | None:
    real = [v for value in values if (v := finite(value)) is not None and v >= 0]
    return math.sqrt(sum(real) / len(real)) if real else None


def _cells(values: Values) -> list[tuple[Values, int]]:
    """Neighbours that share a cell, with the first one's number: all where they fit."""
    size = math.ceil(len(values) / _MOST_CELLS)
    return [(values[at : at + size], at) for at in range(0, len(values), size)]


def _strip(values: Values, steps: Sequence[float]) -> Markup:
    """One path for each shade; a cell of several channels shows the largest value."""
    strokes: dict[str, list[str]] = {}
    cells = _cells(values)
    width = _WIDTH / len(cells)
    gap = 1 if width >= 4 else 0
    for index, (group, _) in enumerate(cells):
        known = [value for value in group if value is not None]
        level = shade(max(known), steps) if known else None
        name = "none" if level is None else f"h{level}"
        strokes.setdefault(name, []).append(f"M{index * width:.2f} 8h{max(width - gap, 0.5):.2f}")
    return join([element("path", class_=name, d="".join(d)) for name, d in sorted(strokes.items())])


def _row(name: str, values: Values, steps: Sequence[float], y: int) -> Markup:
    known = [(value, channel) for channel, value in enumerate(values) if value is not None]
    value, channel = max(known, default=(0.0, 0))
    tip = f"{name}: {len(values)} channels; largest {number(value)}, channel {channel}"
    return element(
        "g",
        element("title", tip),
        element("text", shorten(name, _NAME), x=-8, y=8, dy=".35em", text_anchor="end"),
        _strip(values, steps),
        transform=f"translate(0 {y})",
    )


def channel_strips_section(sensitivity: Mapping[str, Any]) -> Markup:
    """Draws how much the outputs change with one channel alone approximated.

    Args:
        sensitivity: The content of ``sensitivity.json``; nothing is drawn where it has no
            ``filter_level``.
    """
    level = sensitivity.get("filter_level")
    if not isinstance(level, Mapping):
        return EMPTY
    rows = [(str(name), channel_damage(entry)) for name, entry in level.items()]
    rows = [(name, values) for name, values in rows if any(v is not None for v in values)]
    if not rows:
        return EMPTY
    steps = strip_steps([values for _, values in rows])
    title = "Change of the outputs when one channel alone is approximated"
    drawn = rows[:_MOST_ROWS]
    left = 20 + 7.4 * max(len(shorten(name, _NAME)) for name, _ in drawn)
    height = len(drawn) * _ROW + 4
    drawing = element(
        "svg",
        element("title", title),
        element("desc", f"{len(drawn)} layers, a strip of channels for each."),
        element(
            "g",
            *(_row(name, values, steps, i * _ROW) for i, (name, values) in enumerate(drawn)),
            transform=f"translate({left:g} 2)",
        ),
        viewBox=f"0 0 {left + _WIDTH + 8:g} {height}",
        width=round(left + _WIDTH + 8),
        height=height,
        class_="heat strips",
        role="img",
    )
    scroll = element(
        "div", drawing, class_="scroll", tabindex=0, role="region", aria_label=f"{title}, drawing"
    )
    return join(
        [figure(title, _note(level, len(rows)), scroll, legend(steps, drop=False, digits=2))]
    )


def _note(level: Mapping[str, Any], rows: int) -> str:
    note = "Root mean square over outputs, samples and multipliers; channels from left to right."
    if rows > _MOST_ROWS:
        note += f" Drawn: the first {_MOST_ROWS} of {rows} layers."
    measured = sum(entry.get("method") == "measured" for entry in level.values())
    if measured:
        note += f" {measured} layers have no derivative: their measured response is shared out."
    return note
