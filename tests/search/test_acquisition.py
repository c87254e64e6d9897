"""What is worth measuring: probabilities and gains of the front, against plain definitions."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from hawx_onnx.search.acquisition import front_gain, normal_cdf, probability
from hawx_onnx.search.early_stop import LARGEST_DROP
from hawx_onnx.search.pareto import hypervolume_2d


def test_the_normal_distribution_is_scipys():
    values = np.linspace(-9, 9, 1001)
    np.testing.assert_allclose(normal_cdf(values), ndtr(values), atol=1e-7)


def test_probability_to_stay_within_a_limit():
    found = probability(np.array([0.0, 1.0, -4.0]), np.array([1.0, 1.0, 0.5]), 0.0)
    np.testing.assert_allclose(found, ndtr([0.0, -1.0, 8.0]), atol=1e-7)


def test_gain_is_what_the_hypervolume_grows_by():
    rng = np.random.default_rng(0)
    largest = 1.05
    for count in (0, 1, 3, 20):
        known = rng.uniform([0, -0.01], [1.3, 0.14], (count, 2))
        points = rng.uniform([0, -0.01], [1.3, 0.14], (30, 2))
        corner = (largest, LARGEST_DROP)
        before = hypervolume_2d(known, corner)
        wanted = [hypervolume_2d(np.vstack([known, p]), corner) - before for p in points]
        found = front_gain(points[:, 0], points[:, 1], known, largest)
        np.testing.assert_allclose(found * largest * LARGEST_DROP, wanted, atol=1e-12)
