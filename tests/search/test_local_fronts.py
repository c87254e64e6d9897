"""Fronts of units: true fronts, whole layers among them, and what lies near a choice."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.search import Budget, Problem
from hawx_onnx.search.local_fronts import local_fronts, neighbours
from hawx_onnx.search.pareto import non_dominated
from hawx_onnx.search.units import channel_units

NAMES = ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2", "mul8s_trunc3", "mul8s_trunc4")
MULTIPLIERS = tuple(components.load(name) for name in NAMES)
CHANNELS = 4


def problem_of(layers: int, multipliers: int = 3, target: str = "spatial", **options) -> Problem:
    workloads = tuple(
        LayerWorkload(f"l{i}", "Conv", 9 * (i + 1), CHANNELS, 9) for i in range(layers)
    )
    units = channel_units([range(CHANNELS)] * layers, [1] * layers)
    return Problem(
        workloads, MULTIPLIERS[:multipliers], load_target(target), units=units, **options
    )


def damage_of(problem: Problem, seed: int = 0) -> np.ndarray:
    """Damages that grow from one multiplier to the next."""
    steps = np.random.default_rng(seed).random((len(problem.units), len(problem.multipliers)))
    steps[:, 0] = 0
    return steps.cumsum(axis=1)


def sums(problem: Problem, damage: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """Cost and damage of choices: [choices, 2]."""
    harm = damage[np.arange(len(damage)), picks].sum(axis=1)
    return np.stack([problem.scores_of(picks), harm], axis=1)


def test_no_choice_is_below_the_hull_of_the_front():
    problem = problem_of(2)
    damage = damage_of(problem)
    every = np.array(list(itertools.product(range(3), repeat=len(problem.units))))
    best, found = sums(problem, damage, every), sums(problem, damage, local_fronts(problem, damage))
    for weight in (0.0, 0.01, 0.1, 1.0, 10.0):
        least = (best @ (1, weight)).min()
        assert (found @ (1, weight)).min() == pytest.approx(least)


def test_whole_layers_are_among_the_choices():
    """The whole front of layers, and channels give a better one."""
    problem = problem_of(4)
    damage = damage_of(problem)
    rows = local_fronts(problem, damage)
    layers = np.array(list(itertools.product(range(3), repeat=4))).repeat(CHANNELS, axis=1)
    points = sums(problem, damage, layers)
    held = {tuple(row) for row in rows.tolist()}
    assert {tuple(row) for row in layers[non_dominated(points)].tolist()} <= held
    found = sums(problem, damage, rows)
    for budget in np.quantile(points[:, 1], (0.3, 0.5, 0.7)):
        whole = points[points[:, 1] <= budget, 0].min()
        assert found[found[:, 1] <= budget, 0].min() < whole


def test_neighbours_are_one_step_away_on_each_layers_front():
    problem = problem_of(3, 5)
    damage = damage_of(problem)
    around = np.repeat([0, 2, 4], CHANNELS)
    mask = neighbours(problem, damage, around)
    assert mask.reshape(3, CHANNELS, 5).any(axis=1).tolist() == mask[::CHANNELS].tolist()
    wanted = [[1, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 1, 1]]
    assert mask[::CHANNELS].astype(int).tolist() == wanted


def test_a_dominated_multiplier_is_no_neighbour_unless_it_is_in_use():
    problem = problem_of(1, 4)
    damage = damage_of(problem)
    damage[:, 1] = damage[:, 2] + 1
    assert neighbours(problem, damage, np.full(CHANNELS, 0))[0].tolist() == [
        True,
        False,
        True,
        False,
    ]
    in_use = neighbours(problem, damage, np.full(CHANNELS, 1))[0]
    assert in_use.tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("budget", "tried"), [(Budget(0.01, max_multipliers=2), True), (Budget(0.01), False)]
)
def test_types_in_use_and_one_less_are_tried_where_they_count(budget, tried):
    """On a shared array types cost some energy, but next to nothing beside what layers save."""
    problem = problem_of(6, 5, "temporal", budget=budget)
    assert np.any(problem.terms.per_type)
    around = np.repeat([1, 1, 2, 2, 4, 4], CHANNELS)
    rows = local_fronts(problem, damage_of(problem), around)
    kinds = {frozenset(row) for row in rows.tolist()}
    assert ({frozenset(kind) for kind in ({1, 2}, {1, 4}, {2, 4})} <= kinds) == tried


def test_layers_that_are_kept_exact_stay_so():
    problem = problem_of(3, allow_exact=False, kept_exact=frozenset({1}))
    rows = local_fronts(problem, damage_of(problem), np.repeat([1, 0, 2], CHANNELS))
    rows = rows.reshape(len(rows), 3, CHANNELS)
    assert not rows[:, 1].any()
    assert rows[:, [0, 2]].all()
