"""Strips of channels: shades, bins, and pages with nothing to draw."""

from __future__ import annotations

import itertools
import math
import re

import pytest

from hawx_onnx.report.channel_strips import (
    channel_damage,
    channel_strips_section,
    strip_steps,
)


def entry(*rows: list[float | None]) -> dict[str, object]:
    return {"method": "gradient", "output_mse": [[0.0] * len(rows[0]), *rows]}


def test_damage_is_the_root_mean_square_over_multipliers() -> None:
    assert channel_damage(entry([1.0, 4.0], [7.0, 0.0])) == [2.0, math.sqrt(2)]
    assert channel_damage(entry([None, 4.0])) == [None, 2.0]
    assert channel_damage({"output_mse": [[0.0]]}) == []
    assert channel_damage({}) == []


def test_steps_span_what_was_found() -> None:
    steps = strip_steps([[0.1, 0.2], [0.4, 0.8, 0.0, None]])
    assert steps[0] == pytest.approx(0.1)
    assert steps[-1] == pytest.approx(0.8)
    ratios = {round(b / a, 9) for a, b in itertools.pairwise(steps)}
    assert len(ratios) == 1
    assert strip_steps([[0.5, 0.5]])[-1] == pytest.approx(0.55)
    assert len(strip_steps([[0.0]])) == 9


def test_a_cell_for_each_channel() -> None:
    page = channel_strips_section({"filter_level": {"a<b>": entry([1.0, 4.0, 9.0, 16.0])}})
    assert "a&lt;b&gt;: 4 channels; largest 4.00, channel 3" in page
    strokes = re.findall(r"M([\d.]+) 8h([\d.]+)", page)
    assert sorted(float(x) for x, _ in strokes) == [0, 160, 320, 480]


def test_many_channels_share_cells_that_show_the_largest() -> None:
    values = [1e-6] * 1000
    values[501] = 1.0
    page = channel_strips_section({"filter_level": {"a": entry(values), "b": entry([1e-6])}})
    strokes = re.findall(r'<path class="(h\d)" d="([^"]*)"', page)
    (darkest,) = [d for shade, d in strokes if shade == "h9"]
    assert re.findall(r"M([\d.]+) 8", darkest) == [f"{125 * 640 / 250:.2f}"]


@pytest.mark.parametrize("level", [None, {}, {"a": {}}, {"a": entry([None])}])
def test_nothing_to_draw(level: object) -> None:
    assert channel_strips_section({"filter_level": level}) == ""
    assert channel_strips_section({}) == ""


def test_measured_layers_are_told() -> None:
    level = {"a": entry([1.0]), "b": {**entry([2.0]), "method": "measured"}}
    assert "1 layers have no derivative" in channel_strips_section({"filter_level": level})
