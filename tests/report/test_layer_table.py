"""The table of layers: colours, strips in channel order, names in words."""

from __future__ import annotations

import re
from typing import Any

from hawx_onnx.report.layer_table import layers_section
from hawx_onnx.report.tables import colour_classes


def test_exact_multipliers_are_grey_and_others_differ(report: dict[str, Any]) -> None:
    classes = colour_classes(report)
    assert classes["exact_signed"] == "cx"
    others = [c for name, c in classes.items() if name != "exact_signed"]
    assert len(set(others)) == len(others) == 5
    report["candidates"] = [{**report["candidates"][1], "name": f"m{i}"} for i in range(20)]
    assert any("narrow" in c for c in colour_classes(report).values())


def test_multipliers_are_counted_and_drawn_channel_by_channel(report: dict[str, Any]) -> None:
    shown = layers_section(report)
    counts = report["layers"][2]["multipliers"]
    for name, count in counts.items():
        assert f"{name} × {count}" in shown
    strips = re.findall(r'<svg viewBox="0 0 (\d+) 10".*?</svg>', shown)
    assert [int(width) for width in strips] == [6, 16, 120, 84, 10]
    assert "<desc>mul8s_1L2H 0 to 3, mul8s_1L2D 4 to 10" in shown
    assert 'class="wide sortable"' in shown


def test_layers_without_a_choice_have_no_strip(report: dict[str, Any]) -> None:
    report["layers"] = [{**report["layers"][0], "multipliers": {}, "macs": None}]
    shown = layers_section(report)
    assert "<svg" not in shown
    assert shown.count("–") >= 2


def test_long_names_are_told_in_full_on_pointing(report: dict[str, Any]) -> None:
    report["layers"][0]["name"] = "<a>" + "n" * 60
    assert 'title="&lt;a&gt;' + "n" * 60 in layers_section(report)
