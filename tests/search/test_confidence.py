"""Allowances: how far a drop measured on a few samples may lie below the true one."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.search.confidence import allowance


def pair(lost: int, won: int, both: int = 900, samples: int = 1000) -> tuple[Accuracy, Accuracy]:
    """The exact network and another one that loses and wins so many samples."""
    exact, found = np.zeros(samples, bool), np.zeros(samples, bool)
    exact[: both + lost], found[:both] = True, True
    found[both + lost : both + lost + won] = True
    return Accuracy(exact), Accuracy(found)


def test_nothing_is_added_without_a_confidence():
    assert allowance(*pair(30, 10), None) == 0.0


def test_bound_is_where_the_score_reaches_the_quantile():
    """The share of wins found by trying many, instead of by the quadratic equation."""
    lost, won, samples = 30, 10, 1000
    drop = 0.02 + allowance(*pair(lost, won), 0.95)
    wins = np.linspace(1e-5, 0.1, 100_001)
    likelihood = lost * np.log(wins + drop) + won * np.log(wins)
    likelihood += (samples - lost - won) * np.log(1 - 2 * wins - drop)
    share = wins[likelihood.argmax()]
    deviation = np.sqrt((2 * share + drop - drop**2) / samples)
    assert (drop - 0.02) / deviation == pytest.approx(NormalDist().inv_cdf(0.95), rel=1e-3)


def test_grows_with_confidence_and_with_what_differs_and_falls_with_samples():
    few, many = pair(10, 5), pair(45, 40)
    assert 0 <= allowance(*few, 0.5) < allowance(*few, 0.8) < allowance(*few, 0.95)
    assert allowance(*few, 0.95) < allowance(*many, 0.95)
    assert allowance(*pair(40, 20, 3600, 4000), 0.95) < allowance(*few, 0.95)
    # No difference seen is not none at all.
    assert 0 < allowance(*pair(0, 0), 0.95) < 0.003


@pytest.mark.parametrize(("lost", "won"), [(0.02, 0.02), (0.03, 0.01), (0.08, 0.07)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_true_drop_is_no_greater_as_often_as_promised(lost, won, confidence):
    rng, samples, repeats = np.random.default_rng(0), 500, 2000
    held = 0
    for counts in rng.multinomial(samples, [lost, won, 1 - lost - won], repeats):
        exact, found = pair(int(counts[0]), int(counts[1]), 300, samples)
        more = allowance(exact, found, confidence)
        held += lost - won <= exact.value - found.value + more
    # Counts are whole numbers: half of what one of them weighs at the bound; and chance.
    normal = NormalDist()
    weight = normal.pdf(normal.inv_cdf(confidence)) / np.sqrt(samples * (lost + won))
    chance = 2 * np.sqrt(confidence * (1 - confidence) / repeats)
    assert abs(held / repeats - confidence) <= weight / 2 + chance


def test_real_scores_get_the_bound_of_student():
    """Of 2,000 simulated pairs the true drop is above the bound in about 5 %."""
    rng = np.random.default_rng(4)
    above = 0
    for _ in range(2000):
        exact = rng.standard_normal(25)
        found = exact - 0.2 - 0.5 * rng.standard_normal(25)
        more = allowance(Accuracy(exact), Accuracy(found), 0.95)
        above += float((exact - found).mean()) + more < 0.2
    assert 70 <= above <= 130
    assert allowance(Accuracy(exact), Accuracy(found), None) == 0
