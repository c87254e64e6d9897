"""Strips of chosen multipliers: runs, thinning, and what they say in words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from hawx_onnx.report.multiplier_strips import (
    MOST_RUNS,
    Run,
    multiplier_strip,
    runs_of,
    strokes,
    thinned,
)


def channels_of(strip: str) -> dict[str, list[tuple[int, int]]]:
    """The stretches of each multiplier as (first channel, channels), read off the drawing."""
    found = {}
    for path in ElementTree.fromstring(strip).iter("path"):
        at, stretches = 0, []
        for move, length in re.findall(r"[Mm](\d+) \d+h(\d+)", path.get("d", "")):
            at += int(move)
            stretches.append((at, int(length)))
            at += int(length)
        found[path[0].text or ""] = stretches
    return found


def test_runs_are_those_of_the_channels() -> None:
    assert runs_of(["a", "a", "b", "a"], {"a": 3, "b": 1}) == [("a", 2), ("b", 1), ("a", 1)]
    assert runs_of("a", {"a": 7}) == [("a", 7)]


@pytest.mark.parametrize("chosen", [None, ["a"], []])
def test_without_an_order_the_most_frequent_come_first(chosen: list[str] | None) -> None:
    assert runs_of(chosen, {"a": 2, "b": 5, "c": 0}) == [("b", 5), ("a", 2)]


def test_of_nothing_nothing_is_drawn() -> None:
    assert runs_of("a", {}) == []
    assert multiplier_strip([], {}) == ""


def test_every_channel_is_drawn_once_and_in_its_place() -> None:
    chosen = [f"m{index}" for index in np.random.default_rng(3).integers(4, size=500)]
    runs = runs_of(chosen, {name: chosen.count(name) for name in set(chosen)})
    drawn: list[str | None] = [None] * 500
    for name, stretches in channels_of(multiplier_strip(runs, {})).items():
        for start, count in stretches:
            assert drawn[start : start + count] == [None] * count
            drawn[start : start + count] = [name] * count
    assert drawn == chosen


def test_the_viewbox_is_the_channels() -> None:
    strip = multiplier_strip([("a", 3), ("b", 4)], {"a": "c0", "b": "c1 narrow"})
    root = ElementTree.fromstring(strip)
    assert root.get("viewBox") == "0 0 7 10"
    assert [path.get("class") for path in root.iter("path")] == ["c0", "c1 narrow"]
    assert root.findtext("desc") == "a 0 to 2, b 3 to 6"


def test_a_long_alternation_is_thinned_to_the_most_frequent_of_each_cell() -> None:
    runs: list[Run] = [(("a", "b")[index % 2], 3 - 2 * (index % 2)) for index in range(4000)]
    shown, size = thinned(runs)
    assert len(shown) <= MOST_RUNS
    assert size == -(-8000 // MOST_RUNS)
    assert sum(count for _, count in shown) == 8000
    assert {name for name, _ in shown} == {"a"}
    assert "mostly a" in multiplier_strip(runs, {})
    assert "and 3996 more stretches" in multiplier_strip(runs, {})


def test_few_runs_are_drawn_as_they_are() -> None:
    runs = [("a", 100_000), ("b", 1)]
    assert thinned(runs) == (runs, 1)
    assert strokes(runs) == {"a": "M0 5h100000", "b": "M100000 5h1"}


def test_the_rarest_of_many_multipliers_share_a_path() -> None:
    runs = [(f"m{index}", 20 - index) for index in range(15)]
    found = channels_of(multiplier_strip(runs, {}))
    assert list(found) == [*(f"m{index}" for index in range(8)), "other multipliers"]
    assert found["other multipliers"] == [(sum(range(13, 21)), sum(range(6, 13)))]


def test_names_are_escaped() -> None:
    strip = multiplier_strip([("<b>&", 2)], {})
    assert "&lt;b&gt;&amp;" in strip
    assert "<b>" not in strip
