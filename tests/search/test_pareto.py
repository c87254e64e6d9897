from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hawx_onnx.search.pareto import (
    cheapest_within,
    hypervolume_2d,
    non_dominated,
    regret,
    relative_regret,
)

coordinates = st.integers(-3, 6).map(float)


def point_lists(dimensions):
    row = st.tuples(*[coordinates] * dimensions)
    return st.lists(row, min_size=0, max_size=25).map(
        lambda rows: np.array(rows, float).reshape(len(rows), dimensions)
    )


def brute_force_mask(points):
    mask = []
    for i, p in enumerate(points):
        beaten = any(
            (q <= p).all() and ((q < p).any() or j < i) for j, q in enumerate(points) if j != i
        )
        mask.append(not beaten)
    return mask


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_non_dominated_equals_pairwise_comparison(dimensions):
    @given(point_lists(dimensions))
    @settings(max_examples=80, deadline=None)
    def check(points):
        assert non_dominated(points).tolist() == brute_force_mask(points)

    check()


def test_non_dominated_keeps_the_first_of_equal_points():
    assert non_dominated([[1, 2], [1, 2], [2, 1]]).tolist() == [True, False, True]


def test_non_dominated_with_nan_and_infinity():
    points = [[math.nan, 0], [math.inf, 0], [1, math.inf], [2, math.inf]]
    assert non_dominated(points).tolist() == [False, True, True, False]


def test_non_dominated_of_nothing():
    assert non_dominated([]).shape == (0,)
    assert non_dominated(np.empty((0, 3))).shape == (0,)


def test_non_dominated_refuses_a_flat_list():
    with pytest.raises(ValueError, match="one row per point"):
        non_dominated([1.0, 2.0])


@given(point_lists(2))
@settings(max_examples=150, deadline=None)
def test_hypervolume_equals_counted_unit_cells(points):
    reference = (5.0, 4.0)
    cells = sum(
        any(p[0] <= x and p[1] <= y for p in points) for x in range(-3, 5) for y in range(-3, 4)
    )
    assert hypervolume_2d(points, reference) == pytest.approx(cells)


def test_hypervolume_of_one_and_two_points():
    assert hypervolume_2d([[0.25, 0.5]], [1, 1]) == pytest.approx(0.375)
    assert hypervolume_2d([[0.25, 0.5], [0.5, 0.25]], [1, 1]) == pytest.approx(0.5)
    assert hypervolume_2d([[1.0, 0.0]], [1, 1]) == 0.0
    assert hypervolume_2d([], [1, 1]) == 0.0


def test_hypervolume_refuses_three_objectives():
    with pytest.raises(ValueError, match=r"need \[n, 2\]"):
        hypervolume_2d([[0, 0, 0]], [1, 1])


def test_cheapest_within_takes_the_smaller_drop_of_equal_costs():
    points = [[0.02, 1.0], [0.01, 3.0], [0.005, 3.0], [0.0, 9.0]]
    assert cheapest_within(points, 0.01) == 2
    assert cheapest_within(points, 0.02) == 0
    assert cheapest_within(points, -0.5) is None


def test_regret_within_a_budget():
    exhaustive = [[0.0, 10.0], [0.009, 6.0], [0.05, 2.0]]
    found = [[0.0, 10.0], [0.01, 7.5], [0.05, 2.0]]
    assert regret(found, exhaustive, 0.01) == pytest.approx(1.5)
    assert relative_regret(found, exhaustive, 0.01) == pytest.approx(0.25)
    assert regret(found, exhaustive, 0.05) == 0.0
    assert regret(exhaustive, found, 0.01) == pytest.approx(-1.5)


def test_regret_is_nan_where_nothing_meets_the_budget():
    assert math.isnan(regret([[0.5, 1.0]], [[0.0, 1.0]], 0.1))
    assert math.isnan(regret([[0.0, 1.0]], [], 0.1))
    assert math.isnan(relative_regret([[0.0, 1.0]], [[0.0, 0.0]], 0.1))
