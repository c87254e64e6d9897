"""Limits on further costs; the rest of the program is held against the knapsack next door."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx.search.milp import CostLimit, solve_milp


def enumerate_best(cost, damage, budget, shared, limits):
    layers = np.arange(len(cost))
    best = None
    for choice in itertools.product(range(cost.shape[1]), repeat=len(cost)):
        picked = np.array(choice)
        if damage[layers, picked].sum() > budget or not all(x.holds(picked) for x in limits):
            continue
        total = cost[layers, picked].sum() + shared[np.unique(picked)].sum()
        best = total if best is None else min(best, total)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_limits_equal_enumeration(seed):
    rng = np.random.default_rng(seed)
    cost, damage, area = (rng.integers(0, 40, (5, 4)) / 8 for _ in range(3))
    shared, types = rng.integers(0, 16, 4) / 8, rng.integers(0, 16, 4) / 8
    limits = [CostLimit(area, types, float(rng.integers(60, 120) / 8))]
    if seed % 2:
        limits.append(CostLimit(area[:, ::-1], np.zeros(4), 14.0))
    budget = float(rng.integers(30, 80) / 8)
    wanted = enumerate_best(cost, damage, budget, shared, limits)
    got = solve_milp(cost, damage, budget, type_cost=shared, limits=limits)
    assert (got is None) == (wanted is None)
    if got is not None:
        assert got.cost == pytest.approx(wanted, abs=1e-6)
        assert all(limit.holds(np.array(got.choice)) for limit in limits)


def test_some_limits_bind():
    """Without its limit the program above finds cheaper choices, or the test shows nothing."""
    rng = np.random.default_rng(3)
    cost, damage, area = (rng.random((6, 4)) for _ in range(3))
    free = solve_milp(cost, damage, 4.0)
    used = area[np.arange(6), list(free.choice)].sum()
    tight = solve_milp(cost, damage, 4.0, limits=[CostLimit(area, np.zeros(4), used * 0.8)])
    assert tight.cost > free.cost
    assert area[np.arange(6), list(tight.choice)].sum() <= used * 0.8


def test_a_limit_that_nothing_keeps_is_none():
    limit = CostLimit(np.ones((2, 2)), np.zeros(2), 1.5)
    assert solve_milp(np.ones((2, 2)), np.zeros((2, 2)), 1.0, limits=[limit]) is None


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_limits_are_kept_strictly_at_any_scale(scale):
    limit = CostLimit(np.array([[2.0, 1.0], [2.0, 1.0 + 1e-9]]) * scale, np.zeros(2), 3.0 * scale)
    got = solve_milp([[0.0, 9.0], [0.0, 9.0]], np.zeros((2, 2)), 0.0, limits=[limit])
    assert got.choice == (1, 0)
