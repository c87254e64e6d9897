"""Bars and table of what each layer takes of the accelerator."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from hawx_onnx import components
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.report.hardware_section import hardware_section

LAYERS = (
    LayerWorkload("first <b>", "Conv", 64, 8, 9),
    LayerWorkload("second", "Gemm", 1, 10, 512),
)


def costed(target: str, **keys: Any) -> list[dict[str, Any]]:
    report = load_target(target).override(**keys).cost(LAYERS, {}, components.load("mul8s_exact"))
    return report.to_dict()["layers"]


def drawings(markup: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", markup, re.S)]


def bars(drawing: ElementTree.Element) -> list[list[float]]:
    """Widths of the parts of each bar."""
    result: dict[str, list[float]] = {}
    for shape in drawing.iter("rect"):
        result.setdefault(shape.get("y", ""), []).append(float(shape.get("width", "")))
    return list(result.values())


@pytest.mark.parametrize("target", ["temporal", "spatial", "temporal-softgpu"])
def test_bars_are_in_proportion(target: str) -> None:
    layers = costed(target)
    energy, time, busy, area = drawings(hardware_section(layers, target))
    for drawing, key in ((energy, "energy_uj"), (area, "area_um2"), (time, "compute_cycles")):
        lengths = [sum(parts) for parts in bars(drawing)]
        figures = [layer[key] for layer in layers]
        assert max(lengths) == pytest.approx(460, abs=0.5)
        assert min(lengths) / 460 == pytest.approx(min(figures) / max(figures), abs=2e-3)
    used = [sum(parts) / 460 for parts in bars(busy)]
    assert used == pytest.approx([layer["utilization"] for layer in layers], abs=2e-3)


def test_stalls_are_a_part_of_their_own() -> None:
    layers = costed("temporal", dram_bytes_per_cycle=0.5)
    assert all(layer["stall_cycles"] for layer in layers)
    time = drawings(hardware_section(layers, "temporal"))[1]
    for parts, layer in zip(bars(time), layers, strict=True):
        share = layer["stall_cycles"] / (layer["stall_cycles"] + layer["compute_cycles"])
        assert parts[1] / sum(parts) == pytest.approx(share, abs=2e-3)


def test_each_picture_says_what_it_shows_and_names_stay_text() -> None:
    shown = hardware_section(costed("temporal"), "temporal")
    for drawing in drawings(shown):
        assert drawing.get("role") == "img"
        assert drawing[0].tag == "title"
        assert "second" in (drawing[1].text or "")
    assert "<b>" not in shown
    assert "Row folds" in shown


def test_layers_without_costs_are_left_out() -> None:
    free = {"name": "left", "op": "Conv", "energy_uj": None}
    shown = hardware_section([*costed("spatial"), free], "spatial")
    assert "left" not in re.sub(r'class="[^"]*"|style="[^"]*"', "", shown).split("second")[-1]
    assert "No layer was costed" in hardware_section([free], "spatial")


def test_of_many_layers_the_first_are_drawn() -> None:
    layers = costed("temporal") * 100
    shown = hardware_section(layers, "temporal")
    assert all(len(bars(drawing)) == 40 for drawing in drawings(shown))
    assert "Drawn: the first 40 of 200 layers" in shown
    assert "Shown: the first 100 of 200 layers" in shown
    assert "Shown: the first 40 of 200 layers" in shown
