"""The parts of ``report.json``: what is derived from what a run found out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import CostTotals, LayerWorkload, load_target
from hawx_onnx.predictors.validation import AccuracyReport, Quality
from hawx_onnx.report.build import (
    _budget_warning,
    accuracy_block,
    candidates_block,
    pareto_block,
    savings,
)
from hawx_onnx.report.effort import predictor_block, search_block
from hawx_onnx.report.environment import versions
from hawx_onnx.report.layer_rows import layer_sensitivity
from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.search import Point, Problem, SearchResult
from hawx_onnx.sensitivity import Sensitivity


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem(
        workloads=(LayerWorkload("a", "Conv", 64, 8, 9), LayerWorkload("b", "MatMul", 1, 10, 64)),
        multipliers=tuple(components.load(n) for n in ("mul8s_exact", "mul8s_trunc2")),
        target=load_target("temporal"),
    )


@pytest.fixture(scope="module")
def result(problem: Problem) -> SearchResult:
    found = (
        ((1, 1), 0.90, 0.88),
        ((0, 1), 0.95, 0.94),
        ((1, 0), 0.91, None),
        ((0, 0), None, 0.96),
    )
    points = tuple(
        Point(choice, problem.report(choice).total, predicted, measured)
        for choice, predicted, measured in found
    )
    return SearchResult("hawx", points, 0.96, 3, 1.0, 0.5, 1.5, 4, samples_run=250)


def totals(**changes: float) -> CostTotals:
    known = {field.name: 1.0 for field in dataclasses.fields(CostTotals)}
    return CostTotals(**{**known, **changes})


def test_savings_are_shares_of_the_cost_before() -> None:
    found = savings(totals(power_mw=4, area_um2=2), totals(power_mw=1, area_um2=3))
    assert found["power"] == 0.75
    assert found["area"] == -0.5
    assert found["energy"] == found["latency"] == found["multiplication_energy"] == 0


def test_savings_of_nothing_are_nothing() -> None:
    assert savings(totals(power_mw=0), totals(power_mw=2))["power"] == 0


def test_accuracy_block_joins_accuracy_and_costs() -> None:
    accuracy = Accuracy(np.array([True, True, False, True]))
    alone = accuracy_block(accuracy)
    assert set(alone) == {"accuracy", "accuracy_ci95", "samples", "correct"}
    assert accuracy_block(accuracy, totals(power_mw=7))["power_mw"] == 7
    assert alone["accuracy"] == 0.75


def test_pareto_block_marks_front_and_choice(problem: Problem, result: SearchResult) -> None:
    rows = pareto_block(problem, result, result.points[1])
    assert [row["selected"] for row in rows] == [False, True, False, False]
    for row, one in zip(rows, result.points, strict=True):
        beaten = [
            other
            for other in result.points
            if other.best_accuracy >= one.best_accuracy
            and other.totals.power_mw <= one.totals.power_mw
            and other is not one
        ]
        assert row["on_front"] == (not beaten)
    assert sum(row["on_front"] for row in rows) >= 2
    assert rows[0]["assignment"] == {"a": "mul8s_trunc2", "b": "mul8s_trunc2"}
    assert rows[3]["predicted_accuracy"] is None


def test_points_tell_whether_they_meet_the_budget_and_when_they_were_measured(
    problem: Problem, result: SearchResult
) -> None:
    """The default budget is one point; 0.94 is two points below the exact model's 0.96."""
    points = [dataclasses.replace(p, order=i) for i, p in enumerate(result.points, 1)]
    points[1] = dataclasses.replace(points[1], measured_accuracy=0.955)
    rows = pareto_block(problem, dataclasses.replace(result, points=tuple(points)), None)
    assert [row["meets_budget"] for row in rows] == [False, True, None, True]
    assert [row["order"] for row in rows] == [1, 2, 3, 4]


def test_the_exhaustive_estimate_scales_with_the_space(result: SearchResult) -> None:
    block = search_block(result, samples=100)
    assert block["seconds"] == 3.0
    assert block["exhaustive_seconds_estimate"] == pytest.approx(4 * 1.5 / 2.5)
    assert block["speedup"] == pytest.approx(block["exhaustive_seconds_estimate"] / 3.0)
    assert block["samples"] == 100


def test_nothing_measured_estimates_nothing(result: SearchResult) -> None:
    empty = dataclasses.replace(
        result,
        evaluations=0,
        scoring_seconds=0.0,
        solving_seconds=0.0,
        measuring_seconds=0.0,
    )
    block = search_block(empty, samples=1)
    assert block["exhaustive_seconds_estimate"] == 0
    assert block["speedup"] is None


def test_the_predictor_is_judged_on_assignments_that_scoring_did_not_run(
    problem: Problem, result: SearchResult
) -> None:
    block = predictor_block(result)
    assert block["assignments"] == 1
    assert block["accuracy_mae"] == pytest.approx(0.02)
    assert block["learnt"] is None
    nothing = predictor_block(dataclasses.replace(result, points=result.points[1:]))
    assert nothing["assignments"] == 0
    assert nothing["accuracy_mae"] is None


def test_the_report_carries_what_was_learnt(result: SearchResult) -> None:
    quality = Quality(0.8, 0.003, None, 0.002)
    report = AccuracyReport("calibrated", 12, 20, quality, {"surrogate": quality}, 9, 0.0, None)
    learnt = predictor_block(dataclasses.replace(result, predictor=report))["learnt"]
    assert (learnt["method"], learnt["assignments"], learnt["fitted_on"]) == ("calibrated", 12, 20)
    assert learnt["quality"]["budget_mae"] == learnt["methods"]["surrogate"]["budget_mae"] == 0.002


def test_candidates_tell_errors_costs_and_kernels(problem: Problem) -> None:
    bare = dataclasses.replace(problem.multipliers[1], name="bare", cost=None)
    rows = candidates_block((*problem.multipliers, bare), {"mul8s_trunc2": "some_kernel"})
    assert [row["kernel"] for row in rows] == [None, "some_kernel", None]
    assert rows[0]["mae"] == 0
    assert rows[1]["energy_fj"] < rows[0]["energy_fj"]
    assert rows[2]["energy_fj"] is None
    assert rows[1]["sha256"] == rows[2]["sha256"] == problem.multipliers[1].content_hash


def test_layer_sensitivity_is_relative_to_the_outputs() -> None:
    baseline = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)
    responses = np.zeros((2, 3, 2, 2), np.float32)
    responses[1, 1] = 0.5
    responses[1, 2] = 0.1
    scores = Sensitivity(
        ("a", "b"), ("e", "m", "n"), {}, baseline, responses, np.zeros(2, np.int64)
    )
    assert layer_sensitivity(scores) == {"a": 0.0, "b": pytest.approx(0.3)}
    alone = dataclasses.replace(scores, multipliers=("e",), responses=responses[:, :1])
    assert layer_sensitivity(alone) == {"a": 0.0, "b": 0.0}


def test_versions_name_what_results_depend_on() -> None:
    found = versions()
    assert {"hawx-onnx", "python", "onnx", "onnxruntime", "numpy"} <= set(found)
    assert all(text[0].isdigit() for text in found.values())


def test_a_budget_that_test_samples_do_not_confirm_is_told(problem: Problem) -> None:
    assert _budget_warning(problem, 0.01) == []
    (text,) = _budget_warning(problem, 0.0234)
    assert "2.34 points" in text
    assert "budget of 1 points" in text
