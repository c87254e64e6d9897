"""Why an assignment was chosen: the same network on two targets, and what each says of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.report import render_html, report_schema
from hawx_onnx.report.reasons import reasons_block, slowness_warnings
from hawx_onnx.search import Budget, Point, Problem
from hawx_onnx.search.problem import Choice

LAYERS = (
    LayerWorkload("wide", "Conv", 64, 32, 72),
    LayerWorkload("deep", "Conv", 16, 64, 288),
    LayerWorkload("head", "Gemm", 1, 10, 640),
)
NAMES = ("mul8s_exact", "mul8s_trunc2", "mul8s_trunc4")
HARM = np.array([[0.0, 0.002, 0.004], [0.0, 0.003, 0.03], [0.0, 0.02, 0.2]])
EXACT = 0.95


class Additive:
    """Accuracies that are known: each layer takes away its own part."""

    def accuracies(self, picks: Any) -> np.ndarray:
        index = np.asarray(picks)
        return EXACT - HARM[np.arange(len(LAYERS)), index].sum(axis=1)


def problem_on(target: str, objective: str = "area", **keys: Any) -> Problem:
    return Problem(
        workloads=LAYERS,
        multipliers=tuple(components.load(name) for name in NAMES),
        target=load_target(target).override(**keys),
        objective=objective,
        budget=Budget(max_accuracy_drop=0.01),
    )


def best(problem: Problem) -> tuple[Point, list[Point]]:
    """The cheapest assignment within the budget, of all of them."""
    choices: list[Choice] = list(itertools.product(range(len(NAMES)), repeat=len(LAYERS)))
    accuracies = Additive().accuracies(choices)
    points = [
        Point(choice, problem.report(choice).total, float(accuracy), float(accuracy), 100)
        for choice, accuracy in zip(choices, accuracies, strict=True)
    ]
    fitting = [p for p in points if EXACT - (p.measured_accuracy or 0.0) <= 0.01 + 1e-9]
    return min(fitting, key=lambda p: problem.objective_of(p.totals)), points


def reasons(problem: Problem, *, measured: bool = False) -> tuple[Point, dict[str, Any]]:
    chosen, points = best(problem)
    seen = points if measured else [chosen, points[0]]
    return chosen, reasons_block(problem, chosen, seen, Additive())


def test_another_target_another_assignment_and_each_says_why() -> None:
    array, of_array = reasons(problem_on("temporal"))
    engines, of_engines = reasons(problem_on("spatial"))
    # The head stands no approximation: a second type beside the exact one only adds area to an
    # array, but makes the engines of the other layers smaller.
    assert array.choice == (0, 0, 0)
    assert engines.choice[0] > 0
    assert engines.choice[1] > 0
    assert engines.choice[2] == 0
    wide = of_array["layers"][0]
    assert (wide["kept_by"], wide["adds_type"]) == ("cost", True)
    assert wide["changes"]["area"] > 0 > wide["changes"]["multiplication_energy"]
    assert "adds a type" in wide["text"]
    assert "would save" in wide["text"]
    assert "a type counts once" in of_array["shared"][0]
    assert "bottleneck" in of_engines["shared"][0]
    head = of_engines["layers"][2]
    assert (head["layer"], head["kept_by"], head["multiplier"]) == ("head", "accuracy", NAMES[1])
    assert "lose too much" in head["text"]


def test_changes_are_those_of_full_reports() -> None:
    problem = problem_on("temporal", "energy")
    chosen, found = reasons(problem)
    index = [m.name for m in problem.multipliers]
    told = 0
    for at, row in enumerate(found["layers"]):
        if row["multiplier"] is None:
            continue
        other = list(chosen.choice)
        other[at] = index.index(row["multiplier"])
        before, after = (problem.report(tuple(c)).total for c in (chosen.choice, other))
        assert row["changes"]["energy"] == pytest.approx(after.energy_uj / before.energy_uj - 1)
        assert row["changes"]["area"] == pytest.approx(after.area_um2 / before.area_um2 - 1)
        drop = EXACT - Additive().accuracies([other])[0]
        assert row["predicted_accuracy_drop"] == pytest.approx(drop)
        told += 1
    assert told


def test_one_multiplier_in_every_layer_is_told_for_each() -> None:
    _, found = reasons(problem_on("temporal"))
    assert [row["multiplier"] for row in found["everywhere"]] == list(NAMES[1:])
    assert {row["kept_by"] for row in found["everywhere"]} == {"accuracy"}
    assert all("in every layer" in row["text"] for row in found["everywhere"])


def test_measured_drops_win_over_predictions() -> None:
    _, found = reasons(problem_on("spatial"), measured=True)
    assert "measured" in found["layers"][2]["text"]


def test_drops_that_may_be_too_large_are_told_of() -> None:
    problem = problem_on("spatial")
    _, (exact, *others) = best(problem)
    unsure = [exact, *(replace(point, allowance=1.0) for point in others)]
    found = reasons_block(problem, exact, unsure, Additive())
    texts = [row["text"] for row in found["layers"] if row["kept_by"] == "accuracy"]
    assert any("may lose too much" in text and "perhaps 10" in text for text in texts)


def test_limits_on_hardware_and_layers_kept_exact() -> None:
    free = problem_on("spatial", "energy")
    chosen, _ = reasons(free)
    tight = Problem(
        workloads=LAYERS,
        multipliers=free.multipliers,
        target=free.target,
        objective="energy",
        budget=Budget(0.01, max_area_um2=1.0),
        kept_exact=frozenset({2}),
    )
    exact = Point((0, 0, 0), tight.report((0, 0, 0)).total, EXACT, EXACT, 100)
    found = reasons_block(tight, exact, [exact], Additive())
    assert found["layers"][0]["kept_by"] == "limit"
    assert found["layers"][2] == {
        "layer": "head",
        "multiplier": None,
        "changes": {},
        "adds_type": False,
        "predicted_accuracy_drop": None,
        "kept_by": "none",
        "text": "it was to stay exact",
    }
    assert chosen.choice != exact.choice


def test_columns_of_a_partitioned_array_are_told() -> None:
    problem = problem_on("temporal", "power", heterogeneity="partitioned")
    choice = (1, 2, 0)
    point = Point(choice, problem.report(choice).total, EXACT, EXACT, 100)
    shared = reasons_block(problem, point, [point], Additive())["shared"]
    assert "columns: " in shared[0]
    slower = point.totals.latency_cycles / problem.report((0, 0, 0)).total.latency_cycles
    assert slower > 1.2
    assert f"{slower:.2f} times" in shared[1]


def test_power_saved_by_taking_longer_is_a_warning() -> None:
    problem = problem_on("temporal", "power", heterogeneity="partitioned")
    before, after = problem.report((0, 0, 0)), problem.report((1, 2, 0))
    (text,) = slowness_warnings(problem, before, after)
    assert f"--max-latency {before.total.latency_cycles}" in text
    assert "--objective energy" in text
    assert slowness_warnings(problem, before, before) == []
    energy = problem_on("temporal", "energy", heterogeneity="partitioned")
    assert slowness_warnings(energy, before, after) == []
    plain = problem_on("temporal", "power")
    assert slowness_warnings(plain, plain.report((0, 0, 0)), plain.report((1, 2, 0))) == []


def test_reasons_fit_the_schema_and_the_page(report: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    _, report["reasons"] = reasons(problem_on("temporal"))
    schema = report_schema()
    part = {**schema["properties"]["reasons"], "$defs": schema["$defs"]}
    jsonschema.validate(report["reasons"], part)
    page = render_html(report)
    assert "Why this assignment" in page
    assert "adds a type" in page
    report["reasons"] = None
    assert "Why this assignment" not in render_html(report)
