"""Accuracy learnt from measured assignments: against a network whose outputs do not add up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors import AccuracyPredictor, ResponseSurrogate, spearman
from hawx_onnx.predictors.accuracy import LEAST_MEASURED
from hawx_onnx.predictors.assignment_features import AssignmentFeatures
from hawx_onnx.predictors.composition import adding
from hawx_onnx.sensitivity import OperatorScore, Sensitivity

LAYERS, TYPES, SAMPLES, CLASSES = 6, 4, 400, 10
STRENGTHS = np.array([0.0, 0.3, 1.0, 3.0])
EXACT = (0,) * LAYERS


class _Network:
    """Outputs shift by what layers add, but saturate: many layers do less harm than their sum."""

    def __init__(self, seed: int = 0, samples: int = SAMPLES) -> None:
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, CLASSES, samples)
        self.baseline = rng.standard_normal((samples, CLASSES))
        self.baseline[np.arange(samples), self.labels] += 3.5
        weights = rng.uniform(0.1, 1.0, LAYERS)
        self.noise = rng.standard_normal((LAYERS, TYPES, samples, CLASSES))
        self.noise *= weights[:, None, None, None] * STRENGTHS[None, :, None, None]

    def outputs(self, choice):
        moved = sum(self.noise[layer, m] for layer, m in enumerate(choice))
        return self.baseline + 3 * np.tanh(moved / 6)

    def accuracy(self, choice):
        return float((self.outputs(choice).argmax(axis=1) == self.labels).mean())

    def sensitivity(self, samples=150):
        """Scores of the first samples."""
        alone = np.zeros((LAYERS, TYPES, samples, CLASSES), np.float32)
        for layer, m in itertools.product(range(LAYERS), range(1, TYPES)):
            choice = tuple(m if i == layer else 0 for i in range(LAYERS))
            alone[layer, m] = (self.outputs(choice) - self.baseline)[:samples]
        score = OperatorScore(*[STRENGTHS[:, None]] * 3, np.ones(1), 10.0)
        return Sensitivity(
            layers=tuple("abcdef"),
            multipliers=("exact", "m1", "m2", "m3"),
            operator=dict.fromkeys("abcdef", score),
            baseline=self.baseline[:samples].astype(np.float32),
            responses=alone,
            labels=self.labels[:samples],
        )


@pytest.fixture(scope="module")
def network():
    return _Network()


@pytest.fixture(scope="module")
def choices():
    """Random assignments, the first 60 to learn from."""
    drawn = np.random.default_rng(1).integers(0, TYPES, (300, LAYERS))
    return [tuple(row) for row in np.unique(drawn[drawn.any(axis=1)], axis=0)[::-1].tolist()]


@pytest.fixture(scope="module")
def split(network, choices):
    """Choices and accuracies to learn from, and to be judged on."""
    order = np.random.default_rng(2).permutation(len(choices))
    known, unknown = ([choices[i] for i in part] for part in (order[:60], order[60:]))
    return (
        known,
        [network.accuracy(c) for c in known],
        unknown,
        np.array([network.accuracy(c) for c in unknown]),
    )


@pytest.fixture(scope="module")
def fitted(network, split):
    predictor = AccuracyPredictor(network.sensitivity(), max_accuracy_drop=0.05)
    return predictor.fit(split[0], split[1], baseline=network.accuracy(EXACT))


def test_beats_the_surrogate_on_assignments_not_fitted_on(network, split, fitted):
    _, _, unknown, truth = split
    sensitivity = network.sensitivity()
    surrogate = ResponseSurrogate(sensitivity)
    shift = network.accuracy(EXACT) - surrogate.accuracy(EXACT)
    before = np.abs(surrogate.accuracies(unknown) + shift - truth).mean()
    mean, error = fitted.predict(unknown)
    assert np.abs(mean - truth).mean() < 0.6 * before
    assert spearman(mean.tolist(), truth.tolist()) > 0.95
    assert fitted.method != "surrogate"
    inside = np.abs(mean - truth) <= error
    assert 0.55 < inside.mean() < 0.85
    assert (error > 0).all()


def test_report_foretells_the_error_on_others(split, fitted):
    _, _, unknown, truth = split
    mean, _ = fitted.predict(unknown)
    report = fitted.report
    assert report.assignments == 60
    assert report.method == fitted.method
    assert set(report.methods) == {"surrogate", "calibrated", "catboost"}
    off = np.abs(mean - truth).mean()
    assert 0.5 * off < report.quality.mae < 2 * off
    assert report.quality.mae < report.methods["surrogate"].mae


def test_same_seed_same_predictions(network, split, fitted):
    known, accuracies, unknown, _ = split
    again = AccuracyPredictor(network.sensitivity(), max_accuracy_drop=0.05)
    again.fit(known, accuracies, baseline=network.accuracy(EXACT))
    for one, other in zip(fitted.predict(unknown), again.predict(unknown), strict=True):
        assert one.tobytes() == other.tobytes()


def test_writes_no_files(network, split, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    AccuracyPredictor(network.sensitivity()).fit(split[0], split[1])
    assert not list(tmp_path.iterdir())


def test_too_few_measurements_leave_the_surrogate(network, split):
    known, accuracies, unknown, _ = split
    count = LEAST_MEASURED - 1
    sensitivity = network.sensitivity()
    predictor = AccuracyPredictor(sensitivity).fit(known[:count], accuracies[:count])
    assert (predictor.method, predictor.report) == ("surrogate", None)
    mean, error = predictor.predict(unknown)
    wanted = ResponseSurrogate(sensitivity).accuracies(unknown)
    np.testing.assert_allclose(mean, wanted, atol=1e-6)
    unfitted = AccuracyPredictor(sensitivity).predict(unknown)
    np.testing.assert_allclose(unfitted[0], wanted, atol=1e-6)
    assert (error > 0).all()


def test_falls_back_where_nothing_can_be_learnt(network, split):
    known, _, unknown, _ = split
    sensitivity = network.sensitivity()
    surrogate = ResponseSurrogate(sensitivity)
    # Measurements that are what the surrogate says leave nothing to correct.
    predictor = AccuracyPredictor(sensitivity).fit(
        known, surrogate.accuracies(known), baseline=surrogate.accuracy(EXACT)
    )
    assert predictor.method == "surrogate"
    assert predictor.report.method == "surrogate"
    mean, _ = predictor.predict(unknown)
    np.testing.assert_allclose(mean, surrogate.accuracies(unknown), atol=1e-6)


def test_exact_network_is_known(network, split, fitted):
    mean, error = fitted.predict([EXACT, split[2][0]])
    assert mean[0] == network.accuracy(EXACT)
    assert error[0] == 0 < error[1]
    # It also gives the baseline where it was measured itself.
    predictor = AccuracyPredictor(network.sensitivity()).fit([EXACT], [0.5])
    assert predictor.predict([EXACT])[0][0] == 0.5


def test_regret_needs_costs(network, split):
    known, accuracies, _, _ = split
    costs = [float(len(choice) - np.count_nonzero(choice)) + 1 for choice in known]
    predictor = AccuracyPredictor(network.sensitivity(), max_accuracy_drop=0.3)
    report = predictor.fit(known, accuracies, costs=costs).report
    assert report.regret_drop >= 0
    assert report.regret_cost is not None
    assert predictor.fit(known, accuracies).report.regret_cost is None


def test_refuses_what_does_not_fit(network):
    predictor = AccuracyPredictor(network.sensitivity())
    with pytest.raises(ConfigError, match="as many accuracies"):
        predictor.fit([EXACT], [0.5, 0.6])
    with pytest.raises(ConfigError, match="fractions"):
        predictor.fit([EXACT], [97.0])


def test_features_of_the_added_up_outputs(network, choices):
    sensitivity = network.sensitivity()
    features = AssignmentFeatures(sensitivity)
    found = dict(zip(features.names, features.matrix(choices).T, strict=True))
    surrogate = ResponseSurrogate(sensitivity)
    drops = surrogate.accuracy(EXACT) - surrogate.accuracies(choices)
    np.testing.assert_allclose(found["soft_drop"], drops, atol=1e-6)
    moves = adding(sensitivity, len(sensitivity.labels)).astype(np.float64)
    mse = (moves**2).mean(axis=(2, 3)) / sensitivity.baseline.var()
    summed = [mse[range(LAYERS), choice].sum() for choice in choices]
    np.testing.assert_allclose(found["sum_output_mse"], summed, rtol=1e-4)
    added = np.stack([moves[range(LAYERS), choice].sum(axis=0) for choice in choices])
    hits = [
        ((sensitivity.baseline + move).argmax(axis=1) == sensitivity.labels).mean()
        for move in added
    ]
    exact = (sensitivity.baseline.argmax(axis=1) == sensitivity.labels).mean()
    np.testing.assert_allclose(found["hard_drop"], exact - hits, atol=1e-9)
    wanted = (added**2).mean(axis=(1, 2)) / sensitivity.baseline.var()
    np.testing.assert_allclose(found["output_mse"], wanted, rtol=1e-4)
    assert len(set(features.names)) == len(features.names)
    assert not features.matrix([EXACT]).any()


def test_features_need_no_operator_scores_and_one_output_will_do(network, choices):
    sensitivity = network.sensitivity()
    bare = Sensitivity(
        layers=sensitivity.layers,
        multipliers=sensitivity.multipliers,
        operator={},
        baseline=sensitivity.baseline[:, :1],
        responses=sensitivity.responses[..., :1],
        labels=np.zeros_like(sensitivity.labels),
    )
    matrix = AssignmentFeatures(bare).matrix(choices)
    assert np.isfinite(matrix).all()
    assert AssignmentFeatures(bare).matrix([]).shape == (0, matrix.shape[1])


def test_nothing_to_predict_is_no_matter_for_catboost(network, split, capfd, monkeypatch):
    """It would print a line for each model, which JSON on standard output would not survive."""
    monkeypatch.setattr("hawx_onnx.predictors.accuracy.choose_method", lambda *_: "catboost")
    predictor = AccuracyPredictor(network.sensitivity()).fit(split[0], split[1])
    assert predictor.method == "catboost"
    mean, error = predictor.predict([])
    assert mean.shape == error.shape == (0,)
    assert capfd.readouterr() == ("", "")
