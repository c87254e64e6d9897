"""Pictures of multipliers."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from hawx_onnx.report.multiplier_plots import Dot, Panel, error_cost_svg, error_map_svg, front

SVG = "{http://www.w3.org/2000/svg}"


def test_error_against_cost():
    dots = [Dot("a<b>", 1.0, 10.0), Dot("worse", 2.0, 20.0), Dot("exact", 3.0, 0.0)]
    tree = ET.fromstring(error_cost_svg([Panel("one", "fJ", dots), Panel("two", "mW", dots)], "E"))
    circles = tree.findall(f".//{SVG}circle")
    assert [circle.get("class") for circle in circles] == ["front", "dot", "front"] * 2
    spots = [(float(circle.get("cx")), float(circle.get("cy"))) for circle in circles[:3]]
    assert spots[0][0] < spots[1][0] < spots[2][0]
    assert spots[1][1] < spots[0][1] < spots[2][1]  # an exact one stands below all others
    texts = {text.text for text in tree.iter(f"{SVG}text")}
    assert {"one", "two", "fJ", "mW", "a<b>", "exact", "0"} <= texts


@pytest.mark.parametrize("dots", [[Dot("a", 0.0, 0.0)], [Dot("a", 5.0, 1e9), Dot("b", 5.0, 1e-9)]])
def test_odd_panels_are_drawn(dots):
    assert ET.fromstring(error_cost_svg([Panel("one", "fJ", dots)], "E")).tag == f"{SVG}svg"


def test_front():
    dots = [Dot("a", 1, 3), Dot("b", 1, 2), Dot("c", 2, 2), Dot("d", 3, 1)]
    assert [dot.name for dot in front(dots)] == ["b", "d"]


def test_map_of_errors():
    errors = np.zeros((256, 256), np.int64)
    errors[252:, :4] = -8  # the largest activations, the smallest weights
    tree = ET.fromstring(error_map_svg("m", errors, -128))
    (dark,) = [p for p in tree.iter(f"{SVG}path") if p.get("stroke") == "#0f3463"]
    assert dark.get("d") == "M0 3h6"  # the cell at the top left
    texts = [text.text for text in tree.iter(f"{SVG}text")]
    assert {"-128", "127", "activation", "weight"} <= set(texts)
    assert "at most 8" in texts[0]
    flat = ET.fromstring(error_map_svg("m", np.zeros((256, 256), int), 0))
    assert {p.get("stroke") for p in flat.iter(f"{SVG}path")} == {"#f4f6f9"}
