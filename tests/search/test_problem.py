"""Problem and Budget."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.search import Budget, Problem
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


@pytest.mark.parametrize(
    ("objective", "target"),
    [
        (objective, target + ("-fpga" if objective == "luts" else ""))
        for objective in sorted(TOTALS_FIELD)
        for target in ("spatial-dataflow", "temporal-systolic-16x16")
    ],
)
def test_fast_costs_equal_full_reports(objective, target):
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


def test_look_up_tables_are_costs_of_fpgas_alone():
    with pytest.raises(ConfigError, match="an ASIC has no look-up tables"):
        problem_of("spatial", objective="luts")
    with pytest.raises(ConfigError, match="an ASIC has no look-up tables"):
        problem_of("spatial", budget=Budget(max_area_lut6=10_000))
    free = problem_of("spatial-dataflow-fpga")
    choices = list(itertools.product(free.allowed, repeat=3))
    luts = [free.report(choice).total.area_lut6 for choice in choices]
    limit = sorted(luts)[len(luts) // 2]
    held = problem_of("spatial-dataflow-fpga", budget=Budget(max_area_lut6=limit))
    np.testing.assert_array_equal(held.affordable(choices), np.array(luts) <= limit)


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


def test_further_limits():
    totals = problem_of().report((0, 0, 0)).total
    assert not Budget(max_energy_uj=totals.energy_uj * 0.99).allows_cost(totals)
    assert not Budget(max_latency_cycles=totals.latency_cycles - 1).allows_cost(totals)
    assert Budget(max_latency_cycles=totals.latency_cycles).allows_cost(totals)


def test_few_different_multipliers():
    problem = problem_of(budget=Budget(max_multipliers=2))
    choices = [(0, 0, 0), (0, 1, 0), (2, 1, 2), (0, 1, 2)]
    assert problem.affordable(choices).tolist() == [True, True, True, False]
    totals = problem.report((0, 1, 2)).total
    assert problem.allows((0, 1, 1), totals)
    assert not problem.allows((0, 1, 2), totals)


@pytest.mark.parametrize("target", ["spatial", "temporal"])
def test_several_objectives_are_summed_relative_to_exact(target):
    problem = problem_of(target, objective="power", further_objectives=("area", "power"))
    assert problem.objectives == ("power", "area")
    choices = list(itertools.product(problem.allowed, repeat=3))
    totals = [problem.report(choice).total for choice in choices]
    np.testing.assert_allclose(
        problem.costs(choices), [[t.power_mw, t.area_um2] for t in totals], rtol=1e-9
    )
    relative = [t.power_mw / totals[0].power_mw + t.area_um2 / totals[0].area_um2 for t in totals]
    np.testing.assert_allclose([problem.objective_of(t) for t in totals], relative, rtol=1e-12)
    np.testing.assert_allclose(problem.terms.evaluate(choices), relative, rtol=1e-9)
