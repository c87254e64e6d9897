"""Accuracy, its interval, and paired drops against published and hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.runtime.evaluate import Accuracy, accuracy, classes, flat_outputs, paired_drop


def hits(right: int, samples: int) -> Accuracy:
    return Accuracy(np.arange(samples) < right)


@pytest.mark.parametrize(
    ("right", "samples", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 1 - 0.1611, 1.0),
    ],
)
def test_wilson_interval(right, samples, low, high):
    result = hits(right, samples)
    assert result.value == right / samples
    assert result.ci95 == pytest.approx((low, high), abs=5e-5)


def test_fields_of_the_reports():
    assert hits(3, 4).to_dict() == {
        "accuracy": 0.75,
        "accuracy_ci95": list(hits(3, 4).ci95),
        "samples": 4,
        "correct": 3,
    }


def test_top_one():
    outputs = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], np.float32)
    assert accuracy(outputs, np.array([1, 0, 0])).scores.tolist() == [True, True, False]
    shaped = outputs.reshape(3, 2, 1, 1)
    assert classes(shaped).tolist() == [1, 0, 1]
    assert flat_outputs(shaped).shape == (3, 2)


def test_paired_drop_by_hand():
    """100 samples: 8 lost, 2 won. Cells with half a sample more: 8.5 and 2.5 of 102."""
    before = np.ones(100, bool)
    before[:2] = False
    after = np.ones(100, bool)
    after[2:10] = False
    drop, (low, high) = paired_drop(Accuracy(before), Accuracy(after))
    assert drop == pytest.approx(0.06)
    centre = 6 / 102
    half = 1.959963984540054 * np.sqrt(11 - 36 / 102) / 102
    assert (low, high) == pytest.approx((centre - half, centre + half))


def test_drop_of_equal_answers_keeps_an_interval():
    drop, (low, high) = paired_drop(hits(90, 100), hits(90, 100))
    assert drop == 0
    assert low == -high
    assert 0 < high < 0.03


def test_gain_is_a_negative_drop():
    drop, (low, high) = paired_drop(hits(50, 100), hits(60, 100))
    assert drop == pytest.approx(-0.1)
    assert low < -0.1 < high < 0


def test_interval_of_the_drop_covers_the_truth():
    """95 % intervals of 2,000 simulated comparisons hold the true drop about as often."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        kind = rng.choice(4, size=300, p=[0.85, 0.06, 0.03, 0.06])
        before, after = np.isin(kind, [0, 1]), np.isin(kind, [0, 2])
        _, (low, high) = paired_drop(Accuracy(before), Accuracy(after))
        inside += low <= 0.03 <= high
    assert 0.935 < inside / 2000 < 0.97
