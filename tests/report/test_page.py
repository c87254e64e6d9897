"""The frame of the pages: the one script that may run, no motion, and the size of large pages."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources
from typing import Any

import numpy as np
import pytest

from hawx_onnx.report import render_html

MOST_BYTES = 2_000_000


def test_the_one_script_is_the_only_one_allowed(report: dict[str, Any]):
    text = render_html(report)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    rules = dict(rule.split(" ", 1) for rule in policy.replace("&#x27;", "'").split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'"
    for loads in ("fetch", "XMLHttpRequest", "import", "innerHTML", "eval", "sendBeacon"):
        assert not re.search(rf"\b{loads}\b", script)


def test_nothing_moves():
    """Who asks for reduced motion gets no less than the others: there is none."""
    style = resources.files("hawx_onnx.report").joinpath("page.css").read_text("utf-8")
    for motion in ("transition", "animation", "scroll-behavior"):
        assert motion not in style


def large(report: dict[str, Any], layers: int, channels: int) -> tuple[dict, dict]:
    """Report and sensitivity of a network whose neighbouring channels all differ, eight ways."""
    noise = np.random.default_rng(0)
    names = [f"/backbone/stage{i // 10}/block{i % 10}/conv/Conv_{i}" for i in range(layers)]
    blocks = ["exact_signed", *(f"mul8s_generated_{i:04d}" for i in range(7))]
    steps = noise.integers(1, 8, size=(layers, channels)).cumsum(axis=1) % 8
    assignment = {n: [blocks[i] for i in row] for n, row in zip(names, steps, strict=True)}
    layer, point = report["layers"][2], report["pareto"][5]
    report["layers"] = [
        {
            **layer,
            "name": name,
            "channels": channels,
            "multipliers": {one: chosen.count(one) for one in blocks},
        }
        for name, chosen in assignment.items()
    ]
    exact, other = report["candidates"][:2]
    report["candidates"] = [exact, *({**other, "name": name} for name in blocks[1:])]
    report["selected"]["assignment"] = assignment
    report["pareto"] = [
        {
            **point,
            "assignment": assignment,
            "order": order,
            "predicted_accuracy": 0.95 + 0.04 * noise.random(),
            "measured_accuracy": 0.95 + 0.04 * noise.random(),
            "power_mw": 28 * noise.random(),
            "on_front": order % 3 == 0,
            "meets_budget": order % 5 == 0,
        }
        for order in range(1, 501)
    ]
    levels = noise.random((2, layers, 8)).tolist()
    sensitivity = {
        "layers": names,
        "multipliers": blocks,
        "layer_level": {"accuracy_drop": levels[0], "output_mse": levels[1]},
        "filter_level": {
            name: {"method": "gradient", "output_mse": noise.random((8, channels)).tolist()}
            for name in names
        },
        "multiplication_energy": {"uniform_fj": [300.0] * 8, "own_fj": levels[0]},
    }
    return report, sensitivity


@pytest.mark.parametrize(("layers", "channels"), [(100, 500), (120, 2048), (300, 500)])
def test_pages_of_large_networks_stay_small(report: dict[str, Any], layers: int, channels: int):
    text = render_html(*large(report, layers, channels))
    assert len(text.encode()) < MOST_BYTES
    assert text.count('class="channels"') == min(layers, 120)
    assert ("mostly" in text) == (channels > 512)
    assert f"/block9/conv/Conv_{min(layers, 120) - 1}" in text.replace("<wbr/>", "")
