"""The additive response surrogate: sums of responses, and what they say of accuracy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx.predictors import ResponseSurrogate, spearman
from hawx_onnx.sensitivity import Sensitivity

LAYERS, MULTIPLIERS, SAMPLES, CLASSES = 4, 3, 200, 5


@pytest.fixture(scope="module")
def sensitivity():
    """Random responses that grow with the multiplier; index 0 is exact."""
    rng = np.random.default_rng(0)
    responses = rng.standard_normal((LAYERS, MULTIPLIERS, SAMPLES, CLASSES)).astype(np.float32)
    responses *= np.array([0.0, 0.4, 1.0], np.float32)[None, :, None, None]
    return Sensitivity(
        layers=tuple("abcd"),
        multipliers=("exact", "m1", "m2"),
        operator={},
        baseline=rng.standard_normal((SAMPLES, CLASSES)).astype(np.float32) * 2,
        responses=responses,
        labels=rng.integers(0, CLASSES, SAMPLES),
    )


ALL = list(itertools.product(range(MULTIPLIERS), repeat=LAYERS))


def test_exact_choice_is_the_baseline(sensitivity):
    surrogate = ResponseSurrogate(sensitivity)
    exact = (0,) * LAYERS
    assert surrogate.samples == SAMPLES
    assert surrogate.outputs(exact).tobytes() == sensitivity.baseline.tobytes()
    hits = sensitivity.baseline.argmax(axis=1) == sensitivity.labels
    assert surrogate.accuracy(exact) == hits.mean()


def test_single_layer_is_its_measured_response(sensitivity):
    surrogate = ResponseSurrogate(sensitivity)
    drop = sensitivity.accuracy_drop()
    base = surrogate.accuracy((0,) * LAYERS)
    for layer, multiplier in itertools.product(range(LAYERS), range(MULTIPLIERS)):
        choice = tuple(multiplier if i == layer else 0 for i in range(LAYERS))
        assert base - surrogate.accuracy(choice) == pytest.approx(drop[layer, multiplier])


def test_outputs_add_up(sensitivity):
    choice = (2, 0, 1, 2)
    wanted = sensitivity.baseline.astype(np.float64) + sum(
        sensitivity.responses[layer, m].astype(np.float64) for layer, m in enumerate(choice)
    )
    outputs = ResponseSurrogate(sensitivity).outputs(choice)
    np.testing.assert_allclose(outputs, wanted, atol=1e-5)


def test_many_at_once_equal_one_by_one(sensitivity):
    surrogate = ResponseSurrogate(sensitivity)
    order = np.random.default_rng(1).permutation(len(ALL))
    choices = [ALL[i] for i in order] + [ALL[0], ALL[7], ALL[7]]
    single = [surrogate.accuracy(choice) for choice in choices]
    assert surrogate.accuracies(choices).tolist() == single
    assert surrogate.accuracies([]).tolist() == []


def test_damages(sensitivity):
    damages = ResponseSurrogate(sensitivity).damages()
    assert set(damages) == {"output", "loss", "flips"}
    for values in damages.values():
        assert values.shape == (LAYERS, MULTIPLIERS)
        np.testing.assert_allclose(values[:, 0], 0, atol=1e-12)
    np.testing.assert_allclose(damages["output"], sensitivity.output_mse())
    np.testing.assert_allclose(damages["flips"], sensitivity.accuracy_drop())
    assert (damages["output"][:, 2] > damages["output"][:, 1]).all()


def test_loss_is_the_cross_entropy(sensitivity):
    from scipy.special import log_softmax

    rows = np.arange(SAMPLES)

    def loss(outputs):
        logs = log_softmax(outputs.astype(np.float64), axis=1)
        return -logs[rows, sensitivity.labels].mean()

    damages = ResponseSurrogate(sensitivity).damages()
    moved = sensitivity.baseline + sensitivity.responses[1, 2]
    wanted = loss(moved) - loss(sensitivity.baseline)
    assert damages["loss"][1, 2] == pytest.approx(wanted, abs=1e-6)


def test_spearman():
    assert spearman([1, 2, 3, 4], [10, 20, 30, 45]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [9, 5, 2, 1]) == pytest.approx(-1)
    # 1 - 6 * (0 + 1 + 1 + 0) / (4 * 15)
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("a", "b"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [4] * 3)]
)
def test_spearman_without_spread_is_none(a, b):
    assert spearman(a, b) is None
