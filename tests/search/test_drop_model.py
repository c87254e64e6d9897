"""The model of drops: factors that it can know are found, and it knows what it does not know."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.search.drop_model import MOST, DropModel

LAYERS, SAMPLES, LIMIT = 6, 2000.0, 0.02


def measurements(count, factors, seed=0, noise=0.0, size=0.03):
    """Damages [count, layers] and drops of choices whose drops are that sum."""
    rng = np.random.default_rng(seed)
    damages = rng.random((count, LAYERS)) * size / LAYERS * 2
    drops = damages @ factors + noise * rng.standard_normal(count)
    return damages, drops, np.full(count, SAMPLES)


def test_common_factor_is_found():
    damages, drops, samples = measurements(30, np.full(LAYERS, 0.7))
    model = DropModel(damages, drops, samples, LIMIT)
    np.testing.assert_allclose(model.factors(), 0.7, rtol=0.05)
    mean, deviation = model.predict(damages)
    np.testing.assert_allclose(mean, drops, atol=5e-4)
    # What is left is the noise of a measurement.
    assert (deviation < 0.004).all()


def test_a_layer_that_counts_more_is_found():
    truth = np.array([1.0, 1.0, 4.0, 1.0, 1.0, 1.0])
    damages, drops, samples = measurements(120, truth, noise=0.0005, size=0.02)
    model = DropModel(damages, drops, samples, LIMIT)
    factors = model.factors()
    assert factors.argmax() == 2
    assert factors[2] > 2 * np.median(factors)
    fresh, wanted, _ = measurements(50, truth, seed=1, size=0.02)
    error = np.abs(model.predict(fresh)[0] - wanted)
    plain = np.abs(fresh.sum(axis=1) * (drops.sum() / damages.sum()) - wanted)
    assert error.mean() < 0.5 * plain.mean()


def test_deviations_cover_what_is_not_known():
    truth = np.random.default_rng(3).lognormal(0, 0.5, LAYERS)
    damages, drops, samples = measurements(60, truth, noise=0.002)
    model = DropModel(damages, drops, samples, LIMIT)
    fresh, wanted, _ = measurements(400, truth, seed=4, noise=0.002)
    mean, deviation = model.predict(fresh)
    assert (np.abs(wanted - mean) < 2 * deviation).mean() > 0.9
    away = np.zeros((1, LAYERS))
    away[0, 0] = 0.2
    assert model.predict(away)[1] > deviation.max()


def test_measures_that_explain_more_have_more_evidence():
    damages, drops, samples = measurements(40, np.ones(LAYERS), noise=0.001)
    shuffled = np.random.default_rng(5).permutation(damages)
    good, bad = (DropModel(one, drops, samples, LIMIT) for one in (damages, shuffled))
    assert good.evidence > bad.evidence + 3


def test_damage_never_helps():
    damages, drops, samples = measurements(10, -np.ones(LAYERS))
    model = DropModel(damages, drops, samples, LIMIT)
    assert (model.factors() > 0).all()


@pytest.mark.parametrize("count", [1, MOST + 50])
def test_any_number_of_measurements(count):
    damages, drops, samples = measurements(count, np.ones(LAYERS))
    mean, deviation = DropModel(damages, drops, samples, LIMIT).predict(damages)
    assert np.isfinite(mean).all()
    assert (deviation > 0).all()
