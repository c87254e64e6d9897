"""The drawings: what they mark, and where."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from hawx_onnx.report.heatmap import DROP_STEPS, error_steps, heat_map_section, shade
from hawx_onnx.report.pareto_plot import pareto_section
from hawx_onnx.report.tables import candidates_section
from hawx_onnx.report.trade_off import thinned, trade_off


def test_costs_are_relative_and_the_baseline_is_held_on_the_same_samples(report: dict[str, Any]):
    data = trade_off(report)
    assert data is not None
    assert data.baseline == pytest.approx((100.0, 98.91))
    assert data.baseline_split == "validation"
    assert data.floor == pytest.approx(97.91)
    assert max(dot.x for dot in data.dots) == pytest.approx(100.0)
    assert sum(dot.selected for dot in data.dots) == 1


def test_the_baseline_falls_back_to_the_test_samples_and_says_so(report: dict[str, Any]):
    report["pareto"] = [p for p in report["pareto"] if p["power_mw"] < 28]
    data = trade_off(report)
    assert data is not None
    assert data.baseline_split == "test"
    assert "at its accuracy on the test samples" in pareto_section(report)
    report["baseline"]["validation_accuracy"] = 0.985
    data = trade_off(report)
    assert data is not None
    assert data.baseline == pytest.approx((100.0, 98.5))


def test_measured_points_are_filled_and_predicted_ones_hollow(report: dict[str, Any]):
    report["pareto"] = [p for p in report["pareto"] if p["predicted_accuracy"] > 0.975]
    drawn = pareto_section(report)
    measured = sum(p["measured_accuracy"] is not None for p in report["pareto"])
    # One more of each in the legend.
    assert len(re.findall(r'class="measured[^"]*"', drawn)) == measured + 1
    assert "predicted 98." in drawn


def test_bad_assignments_get_a_panel_of_their_own(report: dict[str, Any]):
    assert pareto_section(report).count('role="img"') == 2
    report["pareto"] = [p for p in report["pareto"] if p["predicted_accuracy"] > 0.975]
    assert pareto_section(report).count('role="img"') == 1


@pytest.mark.parametrize("objective", ["power", "area", "energy", "latency"])
def test_every_objective_can_be_the_axis(report: dict[str, Any], objective: str):
    report["objective"] = objective
    assert f"{objective.capitalize()}, % of exact int8" in pareto_section(report)


def test_a_power_budget_is_drawn(report: dict[str, Any]):
    report["budget"]["max_power_mw"] = 27.0
    assert "power budget: 95.0 %" in pareto_section(report)


def test_single_and_equal_points_are_drawn(report: dict[str, Any]):
    point = report["pareto"][0]
    for points in ([point], [point, point]):
        report["pareto"] = points
        for drawing in re.findall(r'<svg viewBox="0 0 600.*?</figure>', pareto_section(report)):
            assert "nan" not in drawing


def test_thinning_keeps_what_matters(report: dict[str, Any]):
    data = trade_off(report)
    assert data is not None
    dots = thinned(data.dots * 5)
    assert len(dots) < len(data.dots)
    assert sum(d.front for d in dots) == 5 * sum(d.front for d in data.dots)
    assert sum(d.selected for d in dots) == 5


def test_every_mark_lies_in_the_frame(report: dict[str, Any]):
    for drawing in re.findall(r'<svg viewBox="0 0 600 400".*?</svg></svg>', pareto_section(report)):
        for x, y in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', drawing):
            assert 60 <= float(x) <= 590
            assert 30 <= float(y) <= 1000


def test_shades():
    assert [shade(v, DROP_STEPS) for v in (-0.1, 0.0, 0.0011, 0.6, None)] == [0, 0, 1, 9, None]
    steps = error_steps([[1e-6, 0.5], [None, float("nan")]])
    assert len(steps) == 9
    assert list(steps) == sorted(steps)
    assert shade(0.5, steps) == 9
    assert error_steps([[None]]) == DROP_STEPS


def test_the_heat_map_tells_its_numbers(sensitivity: dict[str, Any]):
    drawn = heat_map_section(sensitivity)
    first = ET.fromstring(drawn[drawn.index("<svg") : drawn.index("</svg>") + 6])
    cells = list(first.iter("rect"))
    assert len(cells) == 25
    assert sum(cell.findtext("title") == "not measured" for cell in cells) == 1
    assert "Largest: 45.46 points, /classifier/fc2/Gemm with mul8s_1KTY." in drawn
    assert drawn.count("<details>") == 2
    assert "<td>45.46</td></tr></tbody>" in drawn
    assert drawn.count("<td>–</td>") == 1


def test_the_heat_map_takes_what_there_is(sensitivity: dict[str, Any]):
    del sensitivity["layer_level"]["accuracy_drop"]
    drawn = heat_map_section(sensitivity)
    assert "Mean squared error" in drawn
    assert "<details>" not in drawn
    sensitivity["layer_level"]["output_mse"] = [[1.0]]
    assert "no matrix" in heat_map_section(sensitivity)


def test_shares_of_macs_add_up(report: dict[str, Any]):
    shown = candidates_section(report)
    shares = [float(s) for s in re.findall(r'<td class="num">([\d.]+)\u00a0%</td><td>', shown)]
    assert sum(shares) == pytest.approx(100, abs=0.4)


def test_every_cell_of_a_large_map_is_drawn_once_in_its_shade():
    values = [[DROP_STEPS[(3 * r + c * c) % 9] for c in range(20)] for r in range(60)]
    values[7][3] = None
    layers, multipliers = [f"l{r}" for r in range(60)], [f"m{c}" for c in range(20)]
    drawn = heat_map_section(
        {"layers": layers, "multipliers": multipliers, "layer_level": {"accuracy_drop": values}}
    )
    found: dict[tuple[int, int], str] = {}
    for name, d in re.findall(r'<path class="(h\d|none)" d="([^"]*)"', drawn):
        x = y = 0
        for move, right, down, count in re.findall(r"([Mm])(-?\d+) (-?\d+)h(\d+)", d):
            x, y = (x, y) if move == "m" else (0, 0)
            x, y = x + int(right), y + int(down)
            for _ in range(int(count)):
                assert (y, x) not in found
                found[y, x] = name
                x += 1
    shades = {
        (r, c): "none" if (level := shade(value, DROP_STEPS)) is None else f"h{level}"
        for r, row in enumerate(values)
        for c, value in enumerate(row)
    }
    assert found == shades
