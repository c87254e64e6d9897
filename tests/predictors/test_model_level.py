"""The model level: sums of responses and margin shifts, and what they say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hawx_onnx.assignment import Assignment
from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors import ResponseSurrogate, predict, predict_uniform
from hawx_onnx.sensitivity import GRADIENT, FilterScore, Sensitivity

SAMPLES, CLASSES, CHANNELS = 60, 4, 3


def filter_score(rng: np.random.Generator) -> FilterScore:
    shifts = rng.standard_normal((3, CHANNELS, SAMPLES)).astype(np.float32)
    shifts[0] = 0
    mse = (shifts.astype(np.float64) ** 2).mean(axis=2)
    return FilterScore(mse, mse, shifts.mean(axis=2), shifts, GRADIENT)


@pytest.fixture
def sensitivity() -> Sensitivity:
    rng = np.random.default_rng(0)
    responses = rng.standard_normal((2, 3, SAMPLES, CLASSES)).astype(np.float32)
    responses[:, 0] = 0
    return Sensitivity(
        layers=("a", "b"),
        multipliers=("exact", "m1", "m2"),
        operator={},
        baseline=rng.standard_normal((SAMPLES, CLASSES)).astype(np.float32) * 2,
        responses=responses,
        labels=rng.integers(0, CLASSES, SAMPLES),
        filters={"a": filter_score(rng), "b": filter_score(rng)},
    )


def cross_entropy(outputs: np.ndarray, labels: np.ndarray) -> float:
    shares = np.exp(outputs.astype(np.float64))
    shares /= shares.sum(axis=1, keepdims=True)
    return float(-np.log(shares[np.arange(len(labels)), labels]).mean())


def test_nothing_approximate(sensitivity: Sensitivity) -> None:
    for assignment in (Assignment(()), Assignment.of({"a": "exact", "b": ["exact"] * CHANNELS})):
        found = predict(sensitivity, assignment)
        assert found.outputs.tobytes() == sensitivity.baseline.tobytes()
        assert found.output_mse == 0
        assert found.agreement == 1
        hits = sensitivity.baseline.argmax(axis=1) == sensitivity.labels
        assert found.accuracy == hits.mean()
        assert found.loss == pytest.approx(cross_entropy(sensitivity.baseline, sensitivity.labels))


def test_one_layer_is_measured(sensitivity: Sensitivity) -> None:
    found = predict(sensitivity, Assignment.of({"b": "m2"}))
    assert found.output_mse == pytest.approx(sensitivity.output_mse()[1, 2], rel=1e-5)
    assert found.agreement == sensitivity.agreement()[1, 2]
    base = predict(sensitivity, Assignment(())).accuracy
    assert base is not None
    assert found.accuracy is not None
    assert base - found.accuracy == pytest.approx(sensitivity.accuracy_drop()[1, 2])


def test_layers_add_up(sensitivity: Sensitivity) -> None:
    found = predict(sensitivity, Assignment.of({"a": "m1", "b": "m2"}))
    wanted = ResponseSurrogate(sensitivity).outputs((1, 2))
    np.testing.assert_allclose(found.outputs, wanted, rtol=1e-6)
    assert found.loss == pytest.approx(cross_entropy(wanted, sensitivity.labels))
    assert found.output_mse == pytest.approx(((wanted - sensitivity.baseline) ** 2).mean())


def test_channels_move_the_true_class(sensitivity: Sensitivity) -> None:
    choice = ["m1", "exact", "m2"]
    found = predict(sensitivity, Assignment.of({"a": choice, "b": "m1"}))
    shifts = sensitivity.filters["a"].margin_shifts
    wanted = sensitivity.baseline + sensitivity.responses[1, 1]
    wanted[np.arange(SAMPLES), sensitivity.labels] += shifts[1, 0] + shifts[2, 2]
    np.testing.assert_allclose(found.outputs, wanted, rtol=1e-5)
    assert found.accuracy == (wanted.argmax(axis=1) == sensitivity.labels).mean()
    mse = sensitivity.filters["a"].output_mse
    layer = (sensitivity.responses[1, 1].astype(float) ** 2).mean()
    assert found.output_mse == pytest.approx(mse[1, 0] + mse[2, 2] + layer, rel=1e-5)


def test_one_multiplier_for_all_channels_is_the_layer(sensitivity: Sensitivity) -> None:
    listed = predict(sensitivity, Assignment.of({"a": ["m1"] * CHANNELS}))
    assert (
        listed.outputs.tobytes()
        == predict(sensitivity, Assignment.of({"a": "m1"})).outputs.tobytes()
    )


def test_uniform_ones(sensitivity: Sensitivity) -> None:
    found = predict_uniform(sensitivity)
    assert list(found) == ["exact", "m1", "m2"]
    wanted = predict(sensitivity, Assignment.of({"a": "m2", "b": "m2"}))
    assert found["m2"].to_dict() == wanted.to_dict()
    assert set(wanted.to_dict()) == {"accuracy", "agreement", "loss", "output_mse"}


def test_outputs_without_classes(sensitivity: Sensitivity) -> None:
    plain = dataclasses.replace(sensitivity, labels=None)
    found = predict(plain, Assignment.of({"a": "m1"}))
    assert found.accuracy is None
    assert found.loss is None
    assert found.agreement == pytest.approx(float(plain.agreement()[0, 1]), abs=1e-6)
    mixed = predict(plain, Assignment.of({"a": ["m1", "exact", "exact"]}))
    assert mixed.output_mse == pytest.approx(plain.filters["a"].output_mse[1, 0])


def test_what_was_not_scored_is_refused(sensitivity: Sensitivity) -> None:
    with pytest.raises(ConfigError, match="no candidate layer is named 'c'"):
        predict(sensitivity, Assignment.of({"c": "m1"}))
    with pytest.raises(ConfigError, match="'m3' is not among"):
        predict(sensitivity, Assignment.of({"a": "m3"}))
    with pytest.raises(ConfigError, match="2 multipliers given, the layer has 3"):
        predict(sensitivity, Assignment.of({"a": ["m1", "m2"]}))
    without = dataclasses.replace(sensitivity, filters={})
    with pytest.raises(ConfigError, match="single channels were not scored"):
        predict(without, Assignment.of({"a": ["m1", "m2", "m2"]}))
