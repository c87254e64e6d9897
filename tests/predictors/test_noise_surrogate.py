"""Predictions from noise at the outputs, where what noise does is known in closed form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from hawx_onnx.metrics import metric_named
from hawx_onnx.predictors.noise_surrogate import (
    FilterNoiseSurrogate,
    NoiseResponse,
    NoiseSurrogate,
    levels_of,
    measure_response,
)
from hawx_onnx.search.units import channel_units


class Scores:
    """Single-layer changes of two layers under two multipliers besides the exact one."""

    def output_mse(self):
        return np.array([[0.0, 0.01, 0.04], [0.0, 0.02, 0.09]])


def test_the_squared_error_grows_by_the_noise():
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((400, 50)).astype(np.float32)
    targets = outputs + 0.5 * rng.standard_normal(outputs.shape)
    scorer = metric_named("mse").bound(targets)
    surrogate = NoiseSurrogate(
        Scores(), measure_response(outputs, targets, scorer, levels_of(Scores().output_mse()))
    )
    exact = scorer.value(surrogate.accuracy((0, 0)))
    assert exact == pytest.approx(np.square(outputs - targets).mean())
    for choice, noise in (((1, 0), 0.01), ((2, 1), 0.06), ((2, 2), 0.13)):
        assert scorer.value(surrogate.accuracy(choice)) == pytest.approx(exact + noise, rel=0.01)


def test_perplexity_of_a_calibrated_model_rises_by_half_the_variance():
    """Of labels drawn from the model itself: E[rise] = (1 - sum p^2) / 2 per unit of noise."""
    rng = np.random.default_rng(1)
    outputs = rng.standard_normal((3000, 4, 8)).astype(np.float32)
    labels = (outputs + rng.gumbel(size=outputs.shape)).argmax(axis=2)
    scorer = metric_named("perplexity").bound(labels)
    response = measure_response(outputs, labels, scorer, np.array([0.005, 0.01, 0.02]))
    p = np.exp(outputs) / np.exp(outputs).sum(axis=2, keepdims=True)
    slope = 0.5 * (1 - np.square(p).sum(axis=2).mean())
    assert response.drop(np.array([0.02]))[0] == pytest.approx(0.02 * slope, rel=0.05)


def test_drops_never_fall_and_levels_span_all_sums():
    rng = np.random.default_rng(2)
    outputs = rng.standard_normal((3, 4)).astype(np.float32)
    targets = outputs.astype(np.float64)
    # Noise that hardly matters to such a figure: what the few samples say is chance.
    scorer = metric_named("mse").bound(targets + 100)
    levels = levels_of(Scores().output_mse())
    assert levels[0] == pytest.approx(0.01) and levels[-1] == pytest.approx(0.13)
    response = measure_response(outputs, targets + 100, scorer, levels)
    assert (np.diff(response.drop(np.geomspace(1e-4, 1, 50))) > 0).all()
    assert levels_of(np.zeros((2, 3))).tolist() == [1.0]


class Channels(Scores):
    """The same with single channels; under one multiplier those of the second layer are alike."""

    layers = ("a", "b")
    multipliers = ("exact", "coarse", "coarser")
    filters: ClassVar = {
        "a": SimpleNamespace(output_mse=np.array([[0.0, 0, 0], [1, 2, 1], [3, 0, 1]])),
        "b": SimpleNamespace(output_mse=np.array([[0.0, 0], [0, 0], [1, 3]])),
    }


def test_channels_share_what_their_layer_changes():
    units = channel_units([[2, 0, 1], [1, 0]], [1, 1])
    response = NoiseResponse(0.0, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    surrogate = FilterNoiseSurrogate(Channels(), units, response)
    changes = surrogate.damages()["output"]
    expected = [
        [0, 0.0025, 0.01],
        [0, 0.0025, 0.03],
        [0, 0.005, 0],
        [0, 0.01, 0.0675],
        [0, 0.01, 0.0225],
    ]
    np.testing.assert_allclose(changes, expected)
    # A drop as large as the change: what single layers measure is what their channels add up to.
    whole = surrogate.layers.accuracies([(1, 2), (2, 0)])
    np.testing.assert_allclose(surrogate.accuracies([(1, 1, 1, 2, 2), (2, 2, 2, 0, 0)]), whole)
    assert surrogate.accuracy((1, 0, 0, 0, 2)) == pytest.approx(-0.025)
