"""Metrics against values worked out by hand, and their refusals."""

from __future__ import annotations

import math
import sys
import types

import numpy as np
import pytest
from scipy.stats import t as student

from hawx_onnx.errors import ConfigError, DataError, ModelError
from hawx_onnx.metrics import Scorer, metric_named, score_of, value_of
from hawx_onnx.runtime.evaluate import Accuracy, measured, paired_drop


def test_top_1_and_its_other_name():
    outputs = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], np.float32)
    for name in ("accuracy", "top-1"):
        scores = metric_named(name).bound(np.array([1, 0, 0])).scores(outputs, np.array([1, 0, 0]))
        assert scores.dtype == bool and scores.tolist() == [True, True, False]


def test_top_5_counts_equal_scores_as_argmax_does():
    outputs = np.array([[6, 5, 4, 3, 2, 1.0], [6, 5, 4, 3, 2, 1.0], [1, 1, 1, 1, 1, 1.0]])
    outputs = np.concatenate([outputs, outputs[2:]])
    labels = np.array([4, 5, 4, 5])
    scores = metric_named("top-5").bound(labels).scores(outputs, labels)
    assert scores.tolist() == [True, False, True, False]


def test_squared_error_in_shares_of_the_variance():
    outputs = np.array([[1.0, 3.0], [2.0, 2.0]])
    targets = np.array([[1.0, 1.0], [2.0, 4.0]])
    scorer = metric_named("mse").bound(targets)
    assert scorer.scale == targets.var()
    scores = scorer.scores(outputs, targets)
    assert scorer.value(scores.mean()) == pytest.approx(2.0)
    assert scores.mean() == pytest.approx(1 - 2.0 / targets.var())


def test_perplexity_is_that_of_all_tokens_whatever_the_samples_lengths():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((3, 4, 5))
    labels = np.array([[0, 1, 2, 3], [4, -100, -100, -100], [-100, 1, 1, -1]])
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    scored = [(i, j) for i in range(3) for j in range(4) if labels[i, j] >= 0]
    expected = math.exp(-sum(math.log(p[i, j, labels[i, j]]) for i, j in scored) / len(scored))
    scorer = metric_named("perplexity").bound(labels)
    for outputs in (logits, logits + 7, p):
        # Batch by batch, as a search sees them.
        found = measured([outputs[:2], outputs[2:]], labels, scorer)
        assert scorer.value(found.value) == pytest.approx(expected, rel=1e-12)
        low, high = scorer.interval(found.ci95)
        assert low < expected < high


def test_a_drop_of_perplexity_is_the_logarithm_of_the_ratio():
    labels = np.array([[0], [1], [1]])
    logits = np.array([[[0.0, 1.0]], [[0.5, 0.2]], [[3.0, 0.0]]])
    scorer = metric_named("perplexity").bound(labels)
    before, after = (measured([x], labels, scorer) for x in (logits, 0.5 * logits))
    drop, _ = paired_drop(before, after)
    assert drop == pytest.approx(
        math.log(scorer.value(after.value)) - math.log(scorer.value(before.value))
    )


def user_function(monkeypatch, function):
    module = types.ModuleType("my_metrics")
    module.figure = function
    monkeypatch.setitem(sys.modules, "my_metrics", module)
    return metric_named("my_metrics:figure")


def test_a_users_function_and_its_attributes(monkeypatch):
    def largest_error(outputs, targets):
        return np.abs(outputs - targets).max(axis=1)

    largest_error.higher_is_better, largest_error.unit = False, "mm"
    metric = user_function(monkeypatch, largest_error)
    outputs, targets = np.array([[1.0, 2.0], [3.0, 5.0]]), np.zeros((2, 2))
    scorer = metric.bound(targets)
    scores = scorer.scores(outputs, targets)
    assert scores.tolist() == [-2, -5] and scorer.value(scores.mean()) == 3.5
    assert (metric.title, metric.unit, metric.higher_is_better) == ("figure", "mm", False)


def test_truth_values_that_had_better_be_false(monkeypatch):
    def wrong(outputs, targets):
        return outputs[:, 0] != targets

    wrong.higher_is_better = False
    scorer = user_function(monkeypatch, wrong).bound(np.zeros(4))
    scores = scorer.scores(np.array([[0.0], [1.0], [1.0], [0.0]]), np.zeros(4))
    assert scores.tolist() == [0, -1, -1, 0] and scorer.value(scores.mean()) == 0.5


@pytest.mark.parametrize("name", ["accuracy", "top-5", "mse", "perplexity"])
def test_values_and_scores_are_each_others_reverse(name):
    metric = metric_named(name)
    for score in (0.25, -1.5):
        value = value_of(name, score, 3.0, metric.higher_is_better)
        assert score_of(name, value, 3.0, metric.higher_is_better) == pytest.approx(score)


@pytest.mark.parametrize(
    ("gives", "text"),
    [
        (lambda outputs, targets: 0.5, r"gives float64 \[\] for 2 samples"),
        (lambda outputs, targets: outputs, r"gives float64 \[2, 3\]"),
        (lambda outputs, targets: np.array(["a", "b"]), "gives <U1"),
        (lambda outputs, targets: np.array([1.0, np.nan]), "NaN or infinite for 1 of 2"),
    ],
)
def test_what_a_users_function_must_not_give(monkeypatch, gives, text):
    scorer = Scorer(user_function(monkeypatch, gives))
    with pytest.raises(ConfigError, match=text):
        scorer.scores(np.ones((2, 3)), np.ones((2, 3)))


def test_refusals():
    with pytest.raises(ConfigError, match="perplexity"):
        metric_named("perplexty")
    with pytest.raises(ConfigError, match="cannot be imported"):
        metric_named("no_such_module:figure")
    with pytest.raises(DataError, match="nothing is scored"):
        metric_named("perplexity").bound(np.full((2, 3), -100))
    tokens = np.array([[1, 9]])
    with pytest.raises(DataError, match="label 9, but the model has 5 tokens"):
        metric_named("perplexity").bound(tokens).scores(np.zeros((1, 2, 5)), tokens)
    with pytest.raises(ModelError, match="one score for each token"):
        metric_named("perplexity").bound(tokens).scores(np.zeros((1, 5)), tokens)
    with pytest.raises(ModelError, match="the labels hold"):
        metric_named("mse").bound(np.zeros((2, 3))).scores(np.zeros((2, 4)), np.zeros((2, 3)))
    with pytest.raises(ModelError, match="one score for each class"):
        metric_named("top-1").bound(np.zeros(2)).scores(np.zeros((2, 4, 5)), np.zeros(2))


def test_intervals_of_means_are_students():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(1000):
        before, after = rng.standard_normal((2, 12)) + np.array([[1.0], [0.7]])
        _, (low, high) = paired_drop(Accuracy(before), Accuracy(after))
        inside += low < 0.3 < high
    assert 930 <= inside <= 970
    values = np.array([1.0, 2.0, 4.0])
    half = student.ppf(0.975, 2) * values.std(ddof=1) / math.sqrt(3)
    assert Accuracy(values).ci95 == pytest.approx((7 / 3 - half, 7 / 3 + half))
    assert Accuracy(values[:1]).to_dict()["accuracy_ci95"] == [None, None]
