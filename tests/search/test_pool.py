"""The pool: everything in a small space, knapsack fronts in a large one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.search import Budget, Problem
from hawx_onnx.search import pool as pool_module
from hawx_onnx.search.pareto import non_dominated
from hawx_onnx.search.pool import build_pool

MULTIPLIERS = tuple(
    components.load(name) for name in ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2")
)


def problem_of(layers: int, target: str = "spatial", **options) -> Problem:
    workloads = tuple(LayerWorkload(f"l{i}", "Conv", 9 * (i + 1), 4, 9) for i in range(layers))
    return Problem(workloads, MULTIPLIERS, load_target(target), **options)


def damage_of(layers: int, seed: int = 0) -> np.ndarray:
    damage = np.random.default_rng(seed).random((layers, len(MULTIPLIERS)))
    damage[:, 0] = 0
    return damage


def test_small_space_is_taken_whole():
    problem = problem_of(5)
    choices, thinned = build_pool(problem, {"output": damage_of(5)})
    assert sorted(choices) == sorted(itertools.product(range(3), repeat=5))
    assert not thinned


@pytest.mark.parametrize("target", ["spatial", "temporal"])
@pytest.mark.parametrize("allow_exact", [True, False])
def test_large_space_holds_the_true_front(target, allow_exact, monkeypatch):
    """Enumerated all the same: no choice beats the pool in cost and damage."""
    monkeypatch.setattr(pool_module, "ENUMERATE", 10)
    problem = problem_of(6, target, allow_exact=allow_exact)
    damages = {"output": damage_of(6), "loss": damage_of(6, 1)}
    choices, thinned = build_pool(problem, damages)
    assert not thinned
    assert len(set(choices)) == len(choices) < problem.space_size
    if allow_exact:
        assert problem.exact_choice in choices
    else:
        assert not any(0 in choice for choice in choices)
    every = list(itertools.product(problem.allowed, repeat=6))
    pooled = dict.fromkeys(choices)
    cost = problem.terms.evaluate(every)
    for damage in damages.values():
        harm = np.array([damage[np.arange(6), list(choice)].sum() for choice in every])
        front = np.flatnonzero(non_dominated(np.stack([cost, harm], axis=1)))
        points = {(round(cost[i], 9), round(harm[i], 9)) for i in front}
        held = {(round(cost[i], 9), round(harm[i], 9)) for i, c in enumerate(every) if c in pooled}
        assert points <= held


def test_thinned_fronts_are_told(monkeypatch):
    monkeypatch.setattr(pool_module, "MAX_STATES", 16)
    choices, thinned = build_pool(problem_of(12), {"output": damage_of(12)})
    assert thinned
    assert 2 < len(choices) <= 17


@pytest.mark.parametrize("target", ["spatial", "temporal"])
def test_choices_within_limits_on_hardware_are_the_best_there_are(target, monkeypatch):
    """For every level of damage of the program's front, against enumeration."""
    monkeypatch.setattr(pool_module, "ENUMERATE", 10)
    monkeypatch.setattr(pool_module, "MILP_POINTS", 1000)
    free = problem_of(4, target)
    every = np.array(list(itertools.product(range(3), repeat=4)))
    area = free.target.cost_terms(free.workloads, free.multipliers, "area").evaluate(every)
    limit = float(np.quantile(area, 0.4))
    problem = problem_of(4, target, budget=Budget(0.01, max_area_um2=limit, max_multipliers=2))
    damage = damage_of(4)
    choices, _ = build_pool(problem, {"output": damage})
    pool = np.array(choices)
    fit, fits = problem.affordable(choices), problem.affordable([tuple(c) for c in every.tolist()])
    layers = np.arange(4)
    harms, every_harm = (damage[layers, rows].sum(axis=1) for rows in (pool, every))
    costs, every_cost = (problem.terms.evaluate(rows) for rows in (pool, every))
    assert 2 < fits.sum() < len(every)
    for harm in harms[fit]:
        best = every_cost[fits & (every_harm <= harm + 1e-9)].min()
        assert costs[fit & (harms <= harm + 1e-9)].min() == pytest.approx(best, rel=1e-6)


def test_few_types_of_many_candidates(monkeypatch):
    monkeypatch.setattr(pool_module, "ENUMERATE", 10)
    monkeypatch.setattr(pool_module, "ALL_SUBSETS", 2)
    problem = problem_of(5, "temporal", budget=Budget(0.01, max_multipliers=2))
    choices, _ = build_pool(problem, {"output": damage_of(5)})
    few = [
        choice for choice, fits in zip(choices, problem.affordable(choices), strict=True) if fits
    ]
    assert {len(set(choice)) for choice in few} == {1, 2}


@pytest.mark.parametrize("objective", ["energy", "area"])
def test_many_types_go_to_the_program_only_where_they_cost_much(objective, monkeypatch):
    """Either way no choice of all is cheaper by more than a thousandth at the same damage."""
    monkeypatch.setattr(pool_module, "ENUMERATE", 10)
    monkeypatch.setattr(pool_module, "ALL_SUBSETS", 1)
    monkeypatch.setattr(pool_module, "MILP_POINTS", 1000)
    asked = []
    real = pool_module.solve_milp
    monkeypatch.setattr(pool_module, "solve_milp", lambda *a, **k: asked.append(1) or real(*a, **k))
    problem = problem_of(6, "temporal", objective=objective)
    damage = damage_of(6)
    choices, _ = build_pool(problem, {"output": damage})
    assert bool(asked) == (objective == "area")
    pool, every = np.array(choices), np.array(list(itertools.product(range(3), repeat=6)))
    harms, every_harm = (damage[np.arange(6), rows].sum(axis=1) for rows in (pool, every))
    costs, every_cost = (problem.terms.evaluate(rows) for rows in (pool, every))
    for harm in harms:
        best = every_cost[every_harm <= harm + 1e-9].min()
        assert costs[harms <= harm + 1e-9].min() <= 1.001 * best


def test_layers_that_are_kept_exact(monkeypatch):
    monkeypatch.setattr(pool_module, "ENUMERATE", 10)
    problem = problem_of(5, allow_exact=False, kept_exact=frozenset({1, 3}))
    assert problem.space_size == 2**3
    problem = problem_of(7, allow_exact=False, kept_exact=frozenset({1, 3}))
    choices, _ = build_pool(problem, {"output": damage_of(7)})
    assert len(choices) > 1
    assert {(choice[1], choice[3]) for choice in choices} == {(0, 0)}
    assert all(0 not in (choice[0], choice[2], *choice[4:]) for choice in choices)


def test_many_layers_go_by_lagrangian_relaxation():
    problem = problem_of(80)
    choices, thinned = build_pool(problem, {"output": damage_of(80)})
    assert thinned
    assert len(choices) > 100
    costs = problem.costs(choices)[:, 0]
    harms = damage_of(80)[np.arange(80), problem.encode(choices)].sum(axis=1)
    assert non_dominated(np.stack([costs, harms], axis=1)).sum() > 100
