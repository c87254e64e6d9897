"""How many scoring samples are enough."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.predictors import ResponseSurrogate
from hawx_onnx.predictors.enough_samples import EnoughSamples
from hawx_onnx.sensitivity import Sensitivity


def scored(samples: int, damage: float, seed: int = 0) -> Sensitivity:
    """Three layers, of whose multipliers the second harms by so much."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, samples)
    baseline = rng.standard_normal((samples, 4)) + 4 * np.eye(4)[labels]
    responses = damage * rng.standard_normal((3, 3, samples, 4))
    responses *= np.array([0, 0.3, 1])[None, :, None, None]
    arrays = baseline.astype(np.float32), responses.astype(np.float32), labels
    return Sensitivity(tuple("abc"), ("exact", "m1", "m2"), {}, *arrays)


def test_the_error_is_the_spread_of_predicted_drops():
    """Predictions from many samplings differ as the standard error says."""
    choice = (2, 1, 2)
    drops, errors = [], []
    for seed in range(200):
        surrogate = ResponseSurrogate(scored(100, 1.0, seed))
        drops.append(surrogate.accuracy((0, 0, 0)) - surrogate.accuracy(choice))
        errors.append(surrogate.standard_error(choice))
    assert np.mean(errors) == pytest.approx(np.std(drops), rel=0.2)


def test_more_samples_are_enough_sooner_or_later():
    rule = EnoughSamples(0.02)
    answers = [rule(scored(samples, 1.0)) for samples in (16, 10_000)]
    assert answers == [False, True]


def test_a_smaller_budget_takes_more_samples():
    assert EnoughSamples(0.2)(scored(200, 1.0))
    assert not EnoughSamples(0.001)(scored(200, 1.0))
    assert not EnoughSamples(0.0)(scored(200, 1.0))


def test_harmless_multipliers_are_known_at_once():
    assert EnoughSamples(0.01)(scored(64, 1e-4))
