from __future__ import annotations

import itertools
import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hawx_onnx.search.knapsack import lagrangian_front, pareto_knapsack
from hawx_onnx.search.milp import _quiet_stdout, solve_milp
from hawx_onnx.search.pareto import hypervolume_2d, non_dominated

# Eighths add up without rounding, so that equal sums are equal floats.
costs = st.one_of(st.integers(0, 24).map(lambda n: n / 8), st.just(math.inf))
damages = st.one_of(st.integers(-8, 16).map(lambda n: n / 8), st.just(math.inf))


@st.composite
def instances(draw):
    layers, candidates = draw(st.integers(1, 4)), draw(st.integers(1, 4))

    def matrix(entries):
        flat = draw(st.lists(entries, min_size=layers * candidates, max_size=layers * candidates))
        return np.array(flat).reshape(layers, candidates)

    return matrix(costs), matrix(damages)


def every_choice(cost, damage):
    layers = np.arange(len(cost))
    for choice in itertools.product(range(cost.shape[1]), repeat=len(cost)):
        total, harm = cost[layers, list(choice)].sum(), damage[layers, list(choice)].sum()
        if math.isfinite(total) and math.isfinite(harm):
            yield choice, total, harm


@given(instances())
@settings(max_examples=150, deadline=None)
def test_front_equals_enumeration(instance):
    cost, damage = instance
    points = np.array([(t, h) for _, t, h in every_choice(cost, damage)]).reshape(-1, 2)
    wanted = sorted(map(tuple, points[non_dominated(points)].tolist()))
    front = pareto_knapsack(cost, damage)
    assert front.exact
    assert [(state.cost, state.damage) for state in front.states] == wanted


@given(instances())
@settings(max_examples=60, deadline=None)
def test_states_have_the_sums_of_their_choice(instance):
    cost, damage = instance
    layers = np.arange(len(cost))
    for state in pareto_knapsack(cost, damage).states:
        assert cost[layers, list(state.choice)].sum() == state.cost
        assert damage[layers, list(state.choice)].sum() == state.damage


def test_thinned_front_keeps_the_extremes_and_says_so():
    rng = np.random.default_rng(3)
    cost, damage = rng.random((12, 6)), rng.random((12, 6))
    whole, thin = pareto_knapsack(cost, damage, 100_000), pareto_knapsack(cost, damage, 64)
    assert whole.exact and not thin.exact
    assert 2 <= len(thin.states) <= 64
    assert thin.states[0].cost == pytest.approx(cost.min(axis=1).sum())
    assert thin.states[-1].damage == pytest.approx(damage.min(axis=1).sum())

    def volume(front):
        return hypervolume_2d([(s.cost, s.damage) for s in front.states], (12, 12))

    assert 0.97 * volume(whole) < volume(thin) <= volume(whole) * (1 + 1e-12)


def test_default_number_of_states_is_enough_for_twenty_layers():
    rng = np.random.default_rng(1)
    front = pareto_knapsack(rng.random((20, 6)), rng.random((20, 6)))
    assert len(front.states) <= 4096
    got = [(s.cost, s.damage) for s in front.states]
    assert non_dominated(got).all()


def test_layer_without_allowed_candidate_has_no_front():
    cost = [[1.0, 2.0], [math.inf, 1.0]]
    damage = [[0.0, 0.0], [0.0, math.inf]]
    assert pareto_knapsack(cost, damage).states == ()
    assert solve_milp(cost, damage, 10.0) is None


@given(instances(), st.integers(-16, 40), st.integers(1, 4), st.data())
@settings(max_examples=120, deadline=None)
def test_milp_equals_enumeration(instance, budget_eighths, max_types, data):
    cost, damage = instance
    budget = budget_eighths / 8
    candidates = cost.shape[1]
    eighths = st.integers(-4, 16).map(lambda n: n / 8)
    type_cost = data.draw(st.lists(eighths, min_size=candidates, max_size=candidates))
    allowed = data.draw(st.sets(st.integers(0, candidates - 1), min_size=1))
    wanted = min(
        (
            total + sum(type_cost[m] for m in set(choice))
            for choice, total, harm in every_choice(cost, damage)
            if harm <= budget and len(set(choice)) <= max_types and set(choice) <= allowed
        ),
        default=None,
    )
    got = solve_milp(cost, damage, budget, sorted(allowed), max_types, type_cost)
    if wanted is None:
        assert got is None
        return
    assert got is not None and got.optimal
    assert got.cost == pytest.approx(wanted, abs=1e-9)
    assert got.damage <= budget
    assert len(set(got.choice)) <= max_types and set(got.choice) <= allowed


def test_milp_without_type_limits_agrees_with_the_front():
    rng = np.random.default_rng(7)
    cost, damage = rng.random((10, 5)), rng.normal(size=(10, 5))
    front = pareto_knapsack(cost, damage, 100_000)
    for budget in (-4.0, 0.0, 2.0):
        best = min(s.cost for s in front.states if s.damage <= budget)
        assert solve_milp(cost, damage, budget).cost == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_milp_keeps_the_budget_at_any_scale(scale):
    cost = [[3.0, 1.0], [3.0, 1.0]]
    damage = np.array([[0.0, 1.0], [0.0, 1.0 + 1e-9]]) * scale
    got = solve_milp(cost, damage, 1.0 * scale)
    assert got.choice == (1, 0)


def test_milp_infeasible_budget_is_none():
    assert solve_milp([[1.0, 0.0]], [[0.5, 2.0]], 0.1) is None
    assert solve_milp([[1.0, 0.0]], [[0.5, 2.0]], 1.0, max_types=0) is None


def test_milp_two_types_needed_but_one_allowed():
    inf = math.inf
    assert solve_milp([[1.0, inf], [inf, 1.0]], np.zeros((2, 2)), 0.0, max_types=1) is None
    assert solve_milp([[1.0, inf], [inf, 1.0]], np.zeros((2, 2)), 0.0, max_types=2).choice == (0, 1)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: pareto_knapsack([[1.0]], [[1.0, 2.0]]), "need one shape"),
        (lambda: pareto_knapsack([[math.nan]], [[1.0]]), "NaN"),
        (lambda: pareto_knapsack([[1.0]], [[-math.inf]]), "-inf"),
        (lambda: pareto_knapsack([[1.0]], [[1.0]], max_states=1), "max_states"),
        (lambda: pareto_knapsack([], []), "need one shape"),
        (lambda: solve_milp([[1.0]], [[1.0]], 1.0, allowed_types=[1]), "allowed_types has 1"),
        (lambda: solve_milp([[1.0]], [[1.0]], 1.0, type_cost=[1.0, 2.0]), "type_cost"),
        (lambda: solve_milp([[1.0]], [[1.0]], math.nan), "budget is NaN"),
    ],
)
def test_wrong_arrays_are_refused(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()


def test_what_the_solver_prints_never_reaches_stdout(capfd):
    with _quiet_stdout():
        os.write(1, b"noise")
    print("document")  # noqa: T201
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("document\n", "noise")


@given(instances())
@settings(max_examples=150, deadline=None)
def test_lagrangian_states_are_true_and_hold_the_hull(instance):
    cost, damage = instance
    points = [(total, harm) for _, total, harm in every_choice(cost, damage)]
    front = lagrangian_front(cost, damage, 100_000)
    if not points:
        assert front.states == ()
        return
    layers = np.arange(len(cost))
    for state in front.states:
        assert cost[layers, list(state.choice)].sum() == pytest.approx(state.cost)
        assert damage[layers, list(state.choice)].sum() == pytest.approx(state.damage)
    # For any weight of damage the best of all choices is among the states.
    for weight in (0.0, 0.1, 0.35, 0.8, 1.3, 3.0, 50.0):
        best = min(total + weight * harm for total, harm in points)
        assert min(s.cost + weight * s.damage for s in front.states) == pytest.approx(best)


def test_lagrangian_front_of_many_layers_is_near_the_exact_one():
    rng = np.random.default_rng(5)
    cost, damage = rng.random((40, 5)), rng.random((40, 5))
    exact, near = pareto_knapsack(cost, damage, 20_000), lagrangian_front(cost, damage)
    for budget in (8.0, 12.0, 16.0):
        best = min(s.cost for s in exact.states if s.damage <= budget)
        found = min(s.cost for s in near.states if s.damage <= budget)
        assert best <= found <= best + cost.max()


def test_lagrangian_front_keeps_as_many_states_as_asked_for():
    rng = np.random.default_rng(6)
    cost, damage = rng.random((300, 5)), rng.random((300, 5))
    whole, few = lagrangian_front(cost, damage, 10_000), lagrangian_front(cost, damage, 50)
    assert len(few.states) <= 50 < len(whole.states)
    assert {s.choice for s in few.states} <= {s.choice for s in whole.states}
    assert few.states[0] == whole.states[0]
    assert few.states[-1] == whole.states[-1]
    with pytest.raises(ValueError, match="max_states"):
        lagrangian_front(cost, damage, 1)
