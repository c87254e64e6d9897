"""Results: selection, fronts and hypervolume of points whose answer is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import CostTotals, LayerWorkload, load_target
from hawx_onnx.search import Budget, Point, Problem, SearchResult, select
from hawx_onnx.search.result import (
    REFERENCE_COST,
    REFERENCE_DROP,
    front_mask,
    hypervolume,
    measured_array,
)

WORKLOADS = (LayerWorkload("conv", "Conv", 64, 8, 27),)
MULTIPLIERS = (components.load("mul8s_exact"), components.load("mul8s_trunc1"))


def problem_of(drop: float = 0.01, **limits) -> Problem:
    return Problem(WORKLOADS, MULTIPLIERS, load_target("spatial"), budget=Budget(drop, **limits))


def point(power, measured, predicted=None, area=1.0, choice=(1,)) -> Point:
    totals = CostTotals(
        power_mw=power,
        area_um2=area,
        energy_uj=1.0,
        latency_cycles=1,
        multiplication_energy_uj=1.0,
    )
    return Point(choice, totals, predicted, measured)


def result_of(*points: Point, baseline: float = 0.9) -> SearchResult:
    return SearchResult("test", points, baseline, len(points), 1.0, 2.0, 4.0, 2)


def test_cheapest_within_the_budget():
    good, dear = point(5, 0.895), point(6, 0.9)
    result = result_of(point(3, 0.85), dear, good, point(1, None, 0.99))
    assert select(problem_of(), result) is good
    assert select(problem_of(0.0), result) is dear
    assert select(problem_of(0.0), result_of(point(3, 0.85))) is None


def test_drop_of_exactly_the_budget_is_allowed():
    """0.9 - 0.89 is above 0.01 by the rounding of fractions."""
    assert 0.9 - 0.89 > 0.01
    only = point(5, 0.89)
    assert select(problem_of(0.01), result_of(only)) is only


def test_allowances_count_as_drops():
    sure, unsure = point(5, 0.895), dataclasses.replace(point(4, 0.895), allowance=0.006)
    assert select(problem_of(), result_of(sure, unsure)) is sure
    assert select(problem_of(0.011), result_of(sure, unsure)) is unsure


def test_hardware_limits_and_ties():
    small, large = point(5, 0.9, area=1.0), point(4, 0.9, area=3.0)
    assert select(problem_of(max_area_um2=2.0), result_of(large, small)) is small
    assert select(problem_of(max_power_mw=4.5), result_of(large, small)) is large
    better = point(4, 0.91, area=3.0)
    assert select(problem_of(), result_of(large, better)) is better


def test_best_accuracy():
    assert point(1, 0.5, 0.7).best_accuracy == 0.5
    assert point(1, None, 0.7).best_accuracy == 0.7
    assert math.isnan(point(1, None).best_accuracy)


def test_front():
    points = [point(1, 0.5), point(2, 0.8), point(3, 0.7), point(4, None, 0.9)]
    assert front_mask(problem_of(), points) == [True, True, False, True]
    assert front_mask(problem_of(), []) == []


def test_measured_points_within_the_limits():
    result = result_of(point(1, 0.8), point(2, None, 0.9), point(3, 0.9))
    np.testing.assert_allclose(measured_array(problem_of(), result), [[0.1, 1], [0, 3]], atol=1e-12)
    limited = measured_array(problem_of(max_power_mw=2), result)
    np.testing.assert_allclose(limited, [[0.1, 1]])
    assert measured_array(problem_of(), result_of()).shape == (0, 2)


def test_hypervolume_of_a_known_front():
    """Drops 0 and 0.05 at 100 % and 50 % of the exact power."""
    problem = problem_of()
    exact = problem.report((0,)).total.power_mw
    result = result_of(point(exact, 0.9), point(exact / 2, 0.85), point(exact * 2, 0.9))
    area = 0.05 * (REFERENCE_COST - 1.0) + (REFERENCE_DROP - 0.05) * (REFERENCE_COST - 0.5)
    assert hypervolume(problem, result) == pytest.approx(area / (REFERENCE_DROP * REFERENCE_COST))
    assert hypervolume(problem, result_of()) == 0


def test_seconds_are_the_sum_of_the_parts():
    assert result_of().seconds == 7.0
