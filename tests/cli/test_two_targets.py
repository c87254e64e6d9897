"""The same network on two targets: what costs differ in decides what is chosen, and is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TARGETS = ("temporal", "spatial")
WORDS = ("--objective", "area", "--candidates", "mul8s_trunc3,mul8s_trunc4")
# Few samples cannot make so small a drop sure: the measured one is held.
BUDGET = ("--max-accuracy-drop", "0.005", "--confidence", "0.5")


@pytest.fixture(scope="module")
def reports(
    cli: Callable, lenet: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The reports of LeNet-5, of which a multi-mode array pays a type in every element."""
    found = {}
    for target in TARGETS:
        folder = tmp_path_factory.mktemp(target)
        cli("optimize", lenet, "-o", folder, "--target", target, *WORDS, *BUDGET).check()
        found[target] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def test_another_target_another_assignment(reports: dict[str, dict[str, Any]]) -> None:
    array, engines = (reports[target]["selected"]["assignment"] for target in TARGETS)
    assert array != engines
    # One type in every element is least; engines of their own may each have the best.
    assert len(set(array.values())) == 1
    assert len(set(engines.values())) > 1


@pytest.mark.parametrize("target", TARGETS)
def test_each_is_better_at_home(
    cli: Callable,
    lenet: Path,
    tmp_path: Path,
    reports: dict[str, dict[str, Any]],
    target: str,
) -> None:
    areas = {}
    for name, report in reports.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(report["selected"]["assignment"]), encoding="utf-8")
        words = ("cost", lenet, "--target", target, "--assignment", path, "--json")
        areas[name] = cli(*words).check().json["total"]["area_um2"]
    away = next(name for name in TARGETS if name != target)
    assert areas[target] < areas[away]


def test_the_array_tells_what_a_second_type_would_add(reports: dict[str, dict[str, Any]]) -> None:
    reasons = reports["temporal"]["reasons"]
    assert "a type counts once, however many layers use it" in reasons["shared"][0]
    assert len(reasons["layers"]) == 5
    for row in reasons["layers"]:
        assert (row["kept_by"], row["adds_type"]) == ("cost", True)
        assert row["changes"]["area"] > 0 > row["changes"]["multiplication_energy"]
        assert "but cost" in row["text"]
        assert "adds a type, +" in row["text"]


def test_the_pipeline_tells_its_bottleneck_and_that_types_cost_no_other_layer(
    reports: dict[str, dict[str, Any]],
) -> None:
    report = reports["spatial"]
    reasons = report["reasons"]
    slowest = max(report["layers"], key=lambda layer: layer["compute_cycles"])
    assert f"layer {slowest['name']} is the bottleneck" in reasons["shared"][0]
    assert "costs no other layer" in reasons["shared"][1]
    # Nothing is kept by what its type adds: what could be smaller is not accurate enough, or has
    # not been tried.
    assert {row["kept_by"] for row in reasons["layers"]} <= {"accuracy", "search", "none"}
    assert any(row["kept_by"] == "accuracy" for row in reasons["layers"])
    for row in reasons["layers"]:
        if row["changes"]:
            assert row["changes"]["area"] < 0
