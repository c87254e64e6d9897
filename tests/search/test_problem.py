"""Problem, Budget and Measurer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.search import Budget, Measurer, Problem
from hawx_onnx.search.problem import TOTALS_FIELD

WORKLOADS = (
    LayerWorkload("conv1", "Conv", 64, 8, 27),
    LayerWorkload("conv2", "Conv", 16, 16, 72),
    LayerWorkload("fc", "Gemm", 1, 10, 64),
)
MULTIPLIERS = tuple(
    components.load(name) for name in ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2")
)


def problem_of(target="spatial", **options) -> Problem:
    return Problem(WORKLOADS, MULTIPLIERS, load_target(target), **options)


def test_space():
    assert problem_of().space_size == 27
    assert problem_of().allowed == range(0, 3)
    assert problem_of(allow_exact=False).space_size == 8
    assert problem_of(allow_exact=False).allowed == range(1, 3)
    assert problem_of().exact_choice == (0, 0, 0)


def test_nothing_to_choose_from_is_told():
    with pytest.raises(ConfigError, match="no candidate multiplier"):
        Problem(WORKLOADS, MULTIPLIERS[:1], load_target("spatial"), allow_exact=False)


def test_assignment_names_every_layer():
    assert problem_of().assignment((0, 2, 1)).to_dict() == {
        "conv1": "mul8s_exact",
        "conv2": "mul8s_trunc2",
        "fc": "mul8s_trunc1",
    }


@pytest.mark.parametrize("target", ["spatial", "temporal"])
@pytest.mark.parametrize("objective", sorted(TOTALS_FIELD))
def test_fast_costs_equal_full_reports(target, objective):
    problem = problem_of(target, objective=objective)
    choices = list(itertools.product(problem.allowed, repeat=3))
    full = [problem.objective_of(problem.report(choice).total) for choice in choices]
    np.testing.assert_allclose(problem.terms.evaluate(choices), full, rtol=1e-9)


def test_budget_of_cost():
    totals = problem_of().report((0, 0, 0)).total
    assert Budget().allows_cost(totals)
    assert Budget(max_power_mw=totals.power_mw, max_area_um2=totals.area_um2).allows_cost(totals)
    assert not Budget(max_power_mw=totals.power_mw * 0.99).allows_cost(totals)
    assert not Budget(max_area_um2=totals.area_um2 * 0.99).allows_cost(totals)


@pytest.mark.parametrize("target", ["spatial", "temporal"])
def test_affordable_choices(target):
    free = problem_of(target)
    choices = list(itertools.product(free.allowed, repeat=3))
    totals = [free.report(choice).total for choice in choices]
    budget = Budget(
        max_power_mw=float(np.median([t.power_mw for t in totals])) * 1.0001,
        max_area_um2=float(np.median([t.area_um2 for t in totals])) * 1.0001,
    )
    wanted = [budget.allows_cost(t) for t in totals]
    assert problem_of(target, budget=budget).affordable(choices).tolist() == wanted
    assert 0 < sum(wanted) < len(wanted)
    assert free.affordable(choices).all()


def test_measurer_runs_each_choice_once():
    seen = []

    def outputs(assignment):
        seen.append(assignment)
        return np.eye(4, dtype=np.float32)[[0, 1, 2, 2]]

    ticks = []
    measurer = Measurer(
        outputs, problem_of(), np.array([0, 1, 2, 3]), 2, progress=lambda: ticks.append(1)
    )
    assert measurer.known((1, 0, 0)) is None
    assert not measurer.exhausted
    for _ in range(3):
        assert measurer.measure((1, 0, 0)).value == 0.75
    assert (len(seen), measurer.evaluations, len(ticks)) == (1, 1, 1)
    assert measurer.known((1, 0, 0)).hits.tolist() == [True, True, True, False]
    measurer.measure((0, 0, 0))
    assert measurer.exhausted
    assert [choice for choice, _ in measurer.measured()] == [(1, 0, 0), (0, 0, 0)]
    assert measurer.seconds > 0
