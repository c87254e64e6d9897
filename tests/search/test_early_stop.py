"""Early stop: the bound is exact, and what could be of use is not given up."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.search import Budget, Problem
from hawx_onnx.search.early_stop import (
    MOST_LOOKS,
    EarlyStop,
    critical_hits,
    hopeless,
    looks,
)

WORKLOADS = (LayerWorkload("a", "Conv", 64, 8, 27), LayerWorkload("b", "Conv", 16, 16, 72))
MULTIPLIERS = tuple(
    components.load(name) for name in ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2")
)


def tail(total, seen, least, hits) -> float:
    """P(at most so many hits among those seen), counted."""
    ways = sum(
        math.comb(least, k) * math.comb(total - least, seen - k)
        for k in range(hits + 1)
        if k <= least and seen - k <= total - least
    )
    return ways / math.comb(total, seen)


@pytest.mark.parametrize(
    ("total", "seen", "least"), list(itertools.product((40, 61), (5, 16, 32), (8, 30, 39)))
)
@pytest.mark.parametrize("alpha", [1e-5, 1e-2])
def test_critical_hits_are_the_largest_that_keep_to_alpha(total, seen, least, alpha):
    hits = critical_hits(total, seen, least, alpha)
    assert hits < 0 or tail(total, seen, least, hits) <= alpha
    assert tail(total, seen, least, hits + 1) > alpha


def test_nothing_is_ruled_out_that_any_model_reaches():
    assert critical_hits(100, 10, 0, 0.5) == -1
    # Ninety of a hundred are right: ten wrong ones cannot be among nine.
    assert critical_hits(100, 20, 90, 0.0) == 9
    assert critical_hits(100, 20, 101, 1e-5) == 19


def test_looks_leave_out_the_end_and_are_not_too_many():
    assert [looks(n) for n in (0, 1, 2, 5)] == [(), (), (1,), (1, 2, 3, 4)]
    many = looks(1000)
    assert len(many) == MOST_LOOKS
    assert 0 < many[0] < many[-1] < 1000
    assert np.ptp(np.diff(many)) <= 1


def test_share_of_useful_ones_given_up_is_within_alpha():
    """Simulated at a large alpha: 4,000 orders of 400 samples, four looks each."""
    alpha, total, least = 0.08, 400, 340
    rng = np.random.default_rng(0)
    hits = np.zeros(total, bool)
    hits[:least] = True
    at = [50, 100, 200]
    critical = [critical_hits(total, n, least, alpha / len(at)) for n in at]
    lost = 0
    for _ in range(4000):
        run = np.cumsum(rng.permutation(hits))
        lost += any(run[n - 1] <= c for n, c in zip(at, critical, strict=True))
    # Three standard deviations above alpha.
    assert lost / 4000 <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 4000)
    assert lost > 0


@pytest.mark.parametrize("wins", [0, 8, 40])
@pytest.mark.parametrize("allowed", [-5, 10, 40])
def test_useful_choices_are_given_up_no_more_often_than_alpha(allowed, wins):
    """A choice that just reaches the hits it takes, in 1,500 orders, at a large alpha."""
    alpha, total, right = 0.1, 400, 350
    wins = max(wins, -allowed)
    exact = np.arange(total) < right
    hits = exact.copy()
    hits[: wins + allowed] = False
    hits[right : right + wins] = True
    at = [50, 100, 150, 200, 300]
    rng = np.random.default_rng(0)
    lost = 0
    for _ in range(1500):
        order = rng.permutation(total)
        whole, run = Accuracy(exact[order]), hits[order]
        least = int(hits.sum())
        lost += any(hopeless(run[:n], whole, least, alpha / len(at)) for n in at)
    # Three standard deviations above alpha.
    assert lost / 1500 <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 1500)


@pytest.mark.parametrize(("lost", "won"), [(60, 5), (120, 10), (300, 5)])
def test_pairs_stop_sooner_than_hits_alone(lost, won):
    """Choices that lose more than the 20 samples they may; means over 40 orders."""
    total, right, allowed, alpha = 2000, 1840, 20, 1e-5
    exact = np.arange(total) < right
    hits = exact.copy()
    hits[:lost] = False
    hits[right : right + won] = True
    at = range(100, total, 100)
    rng = np.random.default_rng(1)
    runs: dict[str, list[int]] = {"hits": [], "pairs": []}
    for _ in range(40):
        order = rng.permutation(total)
        whole, run, least = Accuracy(exact[order]), hits[order], right - allowed
        share = alpha / len(at)
        alone = (n for n in at if run[:n].sum() <= critical_hits(total, n, least, share))
        paired = (n for n in at if hopeless(run[:n], whole, least, share))
        runs["hits"].append(next(alone, total))
        runs["pairs"].append(next(paired, total))
    assert np.mean(runs["pairs"]) <= np.mean(runs["hits"])
    if lost - won < 60:
        assert np.mean(runs["pairs"]) < 0.85 * np.mean(runs["hits"])


def accuracy(hits: int, of: int = 1000) -> Accuracy:
    return Accuracy(np.arange(of) < hits)


def problem_of(**budget) -> Problem:
    return Problem(WORKLOADS, MULTIPLIERS, load_target("spatial"), budget=Budget(**budget))


def test_largest_drop_of_interest():
    assert EarlyStop(problem_of(), accuracy(930)).least_hits([(1, 1)], []).tolist() == [830]
    wide = problem_of(max_accuracy_drop=0.3)
    assert EarlyStop(wide, accuracy(930)).least_hits([(1, 1)], []).tolist() == [630]


def test_cheaper_and_more_accurate_ones_dominate():
    stop = EarlyStop(problem_of(), accuracy(930))
    choices = [(0, 1), (2, 1), (2, 2)]
    # (1, 1) is cheaper than (0, 1) and dearer than the others.
    assert stop.least_hits(choices, [((1, 1), accuracy(915))]).tolist() == [915, 830, 830]
    both = [((1, 1), accuracy(915)), ((2, 2), accuracy(925))]
    assert stop.least_hits(choices, both).tolist() == [925, 925, 925]


def test_what_breaks_a_limit_dominates_nothing():
    power = problem_of().report((1, 1)).total.power_mw
    stop = EarlyStop(problem_of(max_power_mw=power * 0.999), accuracy(930))
    assert stop.least_hits([(0, 1)], [((1, 1), accuracy(915))]).tolist() == [830]


def test_all_objectives_must_be_cheaper():
    problem = Problem(WORKLOADS, MULTIPLIERS, load_target("temporal"), further_objectives=("area",))
    # On a shared array (0, 0) holds one type, (0, 1) two: less power, more area.
    stop = EarlyStop(problem, accuracy(930))
    assert stop.least_hits([(0, 0)], [((0, 1), accuracy(929))]).tolist() == [830]
