"""The process over errors of predictions: what is alike errs alike, what is measured is known."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.predictors import spearman
from hawx_onnx.predictors.residuals import ResidualProcess

UNITS, TYPES = 6, 4
DAMAGE = np.outer(np.linspace(1, 2, UNITS), [0.0, 0.1, 1.0, 4.0])
RNG = np.random.default_rng(0)
PICKS = RNG.integers(0, TYPES, (160, UNITS))
# What the prediction does not know: some units err more than others.
HIDDEN = RNG.standard_normal((UNITS, TYPES)) * [0.0, 0.1, 0.2, 0.4]
PRIOR = np.log(0.01 + DAMAGE[np.arange(UNITS), PICKS].sum(axis=1) / 20)
TRUTH = 0.7 * PRIOR + 0.4 + HIDDEN[np.arange(UNITS), PICKS].sum(axis=1)


def fitted(known: int, noise: float = 0.0) -> ResidualProcess:
    process = ResidualProcess(DAMAGE)
    rows = slice(known)
    distances = process.distances(PICKS[rows], PICKS[rows])
    return process.fit(
        distances, PRIOR[rows], (TRUTH - PRIOR)[rows], np.full(known, noise), tune=True
    )


def test_distances_are_those_of_independent_effects():
    process = ResidualProcess(DAMAGE)
    first, second = np.array([[0, 1, 2, 3, 0, 1]]), np.array([[0, 1, 2, 2, 0, 0]])
    wanted = np.sqrt(DAMAGE[3, 3] + DAMAGE[3, 2] + DAMAGE[5, 1] + DAMAGE[5, 0])
    assert process.distances(first, second)[0, 0] == pytest.approx(wanted, rel=1e-5)
    assert process.distances(first, first)[0, 0] == 0
    every = process.distances(PICKS, PICKS)
    np.testing.assert_allclose(every, every.T, atol=1e-5)


def test_multipliers_that_do_nothing_are_no_distance_apart():
    process = ResidualProcess(np.zeros((2, 3)))
    assert process.distances(np.array([[0, 1]]), np.array([[2, 2]])).tolist() == [[0.0]]


def test_predictions_of_others_gain_from_what_is_measured():
    process = fitted(80)
    mean, deviation = process.predict(process.distances(PICKS[80:], PICKS[:80]), PRIOR[80:])
    before, after = np.abs(PRIOR - TRUTH)[80:].mean(), np.abs(mean - TRUTH[80:]).mean()
    assert after < 0.5 * before
    assert spearman(mean.tolist(), TRUTH[80:].tolist()) > spearman(
        PRIOR[80:].tolist(), TRUTH[80:].tolist()
    )
    inside = (np.abs(mean - TRUTH[80:]) <= 2 * deviation).mean()
    assert inside > 0.8


def test_what_was_measured_is_surer_than_the_rest_and_noise_makes_it_less_so():
    sure, unsure = fitted(40), fitted(40, noise=1.0)
    at = sure.distances(PICKS[:41], PICKS[:40])
    _, known = sure.predict(at, PRIOR[:41])
    assert known[:40].max() < known[40]
    _, noisy = unsure.predict(at, PRIOR[:41])
    assert (noisy[:40] > known[:40]).all()


def test_one_measurement_is_enough_to_begin():
    process = ResidualProcess(DAMAGE)
    one = PICKS[:1]
    process.fit(process.distances(one, one), PRIOR[:1], np.array([0.5]), np.zeros(1), tune=False)
    mean, deviation = process.predict(process.distances(PICKS, one), PRIOR)
    assert mean[0] == pytest.approx(PRIOR[0] + 0.5, abs=0.1)
    assert np.isfinite(mean).all()
    assert (deviation > 0).all()
