"""The response surrogate: composed responses, and what they say of accuracy."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from hawx_onnx.predictors import ResponseSurrogate, spearman
from hawx_onnx.predictors import surrogate as surrogate_module
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


def soft_hits(outputs, labels, width):
    """Mean logistic function of the margins."""
    rows = np.arange(len(outputs))
    others = outputs.astype(np.float64).copy()
    others[rows, labels] = -np.inf
    margins = outputs[rows, labels] - others.max(axis=1)
    return (1 / (1 + np.exp(-margins / width))).mean()


def test_exact_choice_is_the_baseline(sensitivity):
    surrogate = ResponseSurrogate(sensitivity)
    exact = (0,) * LAYERS
    assert surrogate.samples == SAMPLES
    assert surrogate.outputs(exact).tobytes() == sensitivity.baseline.tobytes()
    hits = sensitivity.baseline.argmax(axis=1) == sensitivity.labels
    assert surrogate.accuracy(exact) == pytest.approx(hits.mean())


def test_the_step_is_a_fifth_of_the_median_margin(sensitivity):
    top = np.sort(sensitivity.baseline, axis=1)
    right = sensitivity.baseline.argmax(axis=1) == sensitivity.labels
    own = sensitivity.baseline[np.arange(SAMPLES), sensitivity.labels]
    margins = np.where(right, top[:, -1] - top[:, -2], own - top[:, -1])
    surrogate = ResponseSurrogate(sensitivity)
    assert surrogate.width == pytest.approx(0.2 * np.median(np.abs(margins)), rel=1e-5)


def test_single_layer_is_its_measured_response(sensitivity):
    surrogate = ResponseSurrogate(sensitivity)
    for layer, multiplier in itertools.product(range(LAYERS), range(MULTIPLIERS)):
        choice = tuple(multiplier if i == layer else 0 for i in range(LAYERS))
        wanted = sensitivity.baseline + sensitivity.responses[layer, multiplier]
        np.testing.assert_allclose(surrogate.outputs(choice), wanted, atol=1e-5)


def test_factors_of_layers_multiply(sensitivity):
    """Layers that shrink all outputs change no prediction, alone or together."""
    factors = np.array([[1, 0.9, 0.5], [1, 0.8, 0.4], [1, 0.7, 0.3], [1, 1.2, 0.6]])
    responses = (factors[:, :, None, None] - 1) * sensitivity.baseline
    shrunk = replace(sensitivity, responses=responses.astype(np.float32))
    surrogate = ResponseSurrogate(shrunk)
    exact = surrogate.accuracy((0,) * LAYERS)
    for choice in ALL:
        factor = np.prod(factors[range(LAYERS), choice])
        centred = sensitivity.baseline - sensitivity.baseline.mean(axis=1, keepdims=True)
        found = surrogate.outputs(choice)
        found = found - found.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(found, factor * centred, atol=1e-5)
    np.testing.assert_allclose(surrogate.accuracies(ALL), exact, atol=1e-6)
    np.testing.assert_allclose(surrogate.damages()["output"], 0, atol=1e-9)


def test_what_shrinks_nothing_adds_up(sensitivity):
    """Responses without a part along the exact outputs: plain sums."""
    exact = sensitivity.baseline - sensitivity.baseline.mean(axis=1, keepdims=True)
    along = np.einsum("ltsc,sc->lt", sensitivity.responses, exact) / (exact**2).sum()
    plain = sensitivity.responses - along[:, :, None, None] * exact
    straight = replace(sensitivity, responses=plain.astype(np.float32))
    for choice in ALL:
        wanted = sensitivity.baseline + plain[range(LAYERS), choice].sum(axis=0)
        found = ResponseSurrogate(straight).outputs(choice)
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_accuracy_counts_samples_by_their_margin(sensitivity):
    surrogate = ResponseSurrogate(sensitivity)
    labels, baseline = sensitivity.labels, sensitivity.baseline
    before = soft_hits(baseline, labels, surrogate.width)
    base = surrogate.accuracy((0,) * LAYERS)
    exact = baseline - baseline.mean(axis=1, keepdims=True)
    for choice in ((0, 0, 1, 0), (2, 0, 1, 2), (1, 1, 1, 1)):
        outputs = surrogate.outputs(choice)
        outputs = outputs - outputs.mean(axis=1, keepdims=True)
        # A factor of all outputs leaves the margins of the samples as they compare.
        factor = 1.0
        for layer, multiplier in enumerate(choice):
            along = (sensitivity.responses[layer, multiplier] * exact).sum() / (exact**2).sum()
            factor *= 1 + along
        after = soft_hits(outputs / factor, labels, surrogate.width)
        assert surrogate.accuracy(choice) == pytest.approx(base + after - before, abs=1e-5)


def test_many_at_once_equal_one_by_one(sensitivity):
    surrogate = ResponseSurrogate(sensitivity)
    order = np.random.default_rng(1).permutation(len(ALL))
    choices = [ALL[i] for i in order] + [ALL[0], ALL[7], ALL[7]]
    single = [surrogate.accuracy(choice) for choice in choices]
    np.testing.assert_allclose(surrogate.accuracies(choices), single, atol=1e-6)
    assert surrogate.accuracies([]).tolist() == []


def test_samples_in_parts_make_no_difference(sensitivity, monkeypatch):
    wanted = ResponseSurrogate(sensitivity).accuracies(ALL)
    monkeypatch.setattr(surrogate_module, "_CHUNK", len(ALL) * CLASSES * 7)
    found = ResponseSurrogate(sensitivity).accuracies(ALL)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_damages(sensitivity):
    damages = ResponseSurrogate(sensitivity).damages()
    assert set(damages) == {"output", "loss", "flips"}
    for values in damages.values():
        assert values.shape == (LAYERS, MULTIPLIERS)
        np.testing.assert_allclose(values[:, 0], 0, atol=1e-12)
    np.testing.assert_allclose(damages["flips"], sensitivity.accuracy_drop())
    assert (damages["output"][:, 2] > damages["output"][:, 1]).all()


def test_damages_are_those_of_the_outputs_without_their_factor(sensitivity):
    from scipy.special import log_softmax

    exact = sensitivity.baseline - sensitivity.baseline.mean(axis=1, keepdims=True)
    response = sensitivity.responses[1, 2]
    factor = 1 + (response * exact).sum() / (exact**2).sum()
    moved = (exact + response - response.mean(axis=1, keepdims=True)) / factor
    rows = np.arange(SAMPLES)

    def loss(outputs):
        return -log_softmax(outputs.astype(np.float64), axis=1)[rows, sensitivity.labels].mean()

    damages = ResponseSurrogate(sensitivity).damages()
    assert damages["loss"][1, 2] == pytest.approx(loss(moved) - loss(exact), abs=1e-5)
    assert damages["output"][1, 2] == pytest.approx(((moved - exact) ** 2).mean(), rel=1e-4)


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
