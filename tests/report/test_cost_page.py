"""The page that ``cost --html`` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hawx_onnx.report import render_cost_html, write_cost_html


@pytest.mark.parametrize("target", ["temporal", "spatial", "spatial-dataflow-fpga"])
def test_totals_layers_and_types_are_there(costed: Callable, target: str) -> None:
    found = costed(target)
    page = render_cost_html(found, "<net>")
    assert page.startswith("<!DOCTYPE html>")
    assert "Hardware cost of &lt;net&gt;" in page
    for word in ("first", "second", "mul8s_trunc3", "mul8s_exact", "Utilisation", found["target"]):
        assert word in page
    assert page.count('role="img"') == 4
    assert ("LUT6" in page) == target.endswith("fpga")
    assert not re.search(r"<img|https?://", page)
    assert page.count("<script>") == 1
    for note in found["notes"]:
        assert note.split(":")[0] in page


@pytest.mark.parametrize("target", ["temporal", "spatial"])
def test_names_stay_text(costed: Callable, target: str) -> None:
    bad = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;"
    found = json.loads(json.dumps(costed(target)).replace("first", json.dumps(bad)[1:-1]))
    assert bad in {layer["name"] for layer in found["layers"]}
    page = render_cost_html(found, bad)
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert "&lt;/title&gt;&lt;script&gt;" in page


def test_what_is_saved_is_told(costed: Callable, tmp_path: Path) -> None:
    found = costed("temporal")
    page = write_cost_html(found, "net", tmp_path / "cost.html").read_text(encoding="utf-8")
    saved = 100 * found["savings"]["energy"]
    assert saved > 1
    assert f"\N{MINUS SIGN}{saved:.1f}" in page
