"""New choices: single and paired moves, and fronts that follow what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.search import Problem
from hawx_onnx.search.growth import MOVES, learnt_fronts, neighbours, unit_weights

LAYERS, TYPES = 6, 4
NAMES = ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2", "mul8s_trunc3")
DAMAGE = np.outer(np.linspace(1, 2, LAYERS), [0.0, 0.001, 0.003, 0.008])


def problem_of(layers: int = LAYERS, **options) -> Problem:
    works = tuple(LayerWorkload(f"l{i}", "Conv", 50 + 10 * i, 8, 27) for i in range(layers))
    multipliers = tuple(components.load(name) for name in NAMES)
    return Problem(works, multipliers, load_target("spatial"), **options)


def test_neighbours_are_all_single_moves_and_pairs_that_save_and_heal():
    problem, base = problem_of(), np.array([1, 1, 2, 0, 3, 1])
    found = neighbours(problem, base, DAMAGE)
    changed = (found != base).sum(axis=1)
    assert set(changed.tolist()) == {1, 2}
    assert (changed == 1).sum() == LAYERS * (TYPES - 1)
    cost = problem.terms.per_layer
    for row in found[changed == 2]:
        moved = np.flatnonzero(row != base)
        gains = cost[moved, row[moved]] - cost[moved, base[moved]]
        harms = DAMAGE[moved, row[moved]] - DAMAGE[moved, base[moved]]
        assert sorted(np.sign(gains)) == sorted(np.sign(harms)) == [-1, 1]


def test_layers_kept_exact_do_not_move():
    problem = problem_of(kept_exact=frozenset({2}))
    found = neighbours(problem, np.zeros(LAYERS, np.intp), DAMAGE)
    assert (found[:, 2] == 0).all()
    assert len(found) == (LAYERS - 1) * (TYPES - 1)


def test_many_units_do_not_make_too_many_neighbours():
    layers = 150
    damage = np.outer(np.linspace(1, 2, layers), DAMAGE[0])
    found = neighbours(problem_of(layers), np.ones(layers, np.intp), damage)
    assert layers < len(found) <= 2 * MOVES + 256


def test_weights_follow_the_units_that_did_harm():
    rng = np.random.default_rng(0)
    picks = rng.integers(0, TYPES, (60, LAYERS))
    truth = np.array([3.0, 1.0, 0.3, 1.0, 1.0, 0.3])
    damage = DAMAGE[np.arange(LAYERS), picks]
    drops = damage @ truth + 0.0005 * rng.standard_normal(60)
    found = unit_weights(damage, drops, 0.01)
    found, truth = found / found.mean(), truth / truth.mean()
    # They are shrunk to one for all, so that few measurements change little.
    assert np.abs(found - truth).max() < 0.5 * np.abs(1 - truth).max()
    assert np.argmax(found) == 0


def test_without_measured_harm_all_units_count_alike():
    assert unit_weights(np.ones((3, 4)), np.zeros(3), 0.01).tolist() == [1.0] * 4


def test_learnt_fronts_spare_the_units_that_did_harm():
    problem = problem_of()
    rng = np.random.default_rng(1)
    picks = rng.integers(0, TYPES, (60, LAYERS))
    units = np.arange(LAYERS)
    truth = DAMAGE * np.array([5.0, 1.0, 1.0, 1.0, 1.0, 1.0])[:, None]
    (front,) = learnt_fronts(problem, {"output": DAMAGE}, picks, truth[units, picks].sum(axis=1))
    (plain,) = learnt_fronts(problem, {"output": DAMAGE}, picks[:1], np.zeros(1))

    def cheapest_within(rows, limit):
        good = rows[truth[units, rows].sum(axis=1) <= limit]
        return problem.scores([problem.decode(row) for row in good.tolist()]).min()

    assert cheapest_within(front, 0.02) < cheapest_within(plain, 0.02)


@pytest.mark.parametrize("count", [1, 5])
def test_few_measurements_leave_the_weights_near_one(count):
    damage = np.random.default_rng(2).uniform(0, 0.01, (count, LAYERS))
    found = unit_weights(damage, damage.sum(axis=1), 0.01)
    np.testing.assert_allclose(found, 1.0, atol=1e-6)
