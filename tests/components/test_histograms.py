"""Error statistics as operands occur, and histogram files."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import read_histograms, weighted_error_statistics
from hawx_onnx.components.network_operands import network_operands
from hawx_onnx.components.selection import network_error
from hawx_onnx.errors import ConfigError


@pytest.mark.parametrize("name", ["mul8s_trunc2", "mul8u_drum4", "mul8sm_mitchell", "mul8u_exact"])
def test_equal_counts_give_the_plain_figures(name):
    multiplier = components.load(name)
    weighted = multiplier.statistics_under(np.full(256, 7), np.ones(256))
    assert astuple(weighted) == pytest.approx(astuple(multiplier.statistics), rel=1e-12)


def test_figures_are_those_of_drawn_operands():
    """Counts as lists of operands: every pair of the two lists, once."""
    multiplier = components.load("mul8s_ctrunc6c")
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 40, 50), rng.integers(200, 256, 60)
    counts = [np.bincount(codes, minlength=256) for codes in (first, second)]
    pairs = np.ix_(first, second)
    exact = components.exact_table(multiplier.encoding)[pairs]
    plain = components.error_statistics(multiplier.table[pairs], exact)
    assert astuple(multiplier.statistics_under(*counts)) == pytest.approx(astuple(plain))


def test_worst_case_and_relative_error_of_what_occurs():
    multiplier = components.load("mul8u_mitchell")
    only = np.zeros(256)
    only[3] = 5
    figures = multiplier.statistics_under(only, only)  # 3 * 3 gives 8
    assert astuple(figures) == pytest.approx((1, 1, 1 / 9, 1, 1, -1))
    zero = np.zeros(256)
    zero[0] = 1
    assert astuple(multiplier.statistics_under(zero, only)) == (0,) * 6


def test_network_error_is_the_weighted_one():
    multiplier = components.load("mul8s_bam_h1_v4")
    operands = network_operands(multiplier.encoding)
    weighted = multiplier.statistics_under(operands.activation, operands.weight)
    assert network_error(multiplier) ** 2 == pytest.approx(weighted.mse)


@pytest.mark.parametrize(
    ("histogram", "words"),
    [
        (np.ones(255), "255"),
        (np.ones((1, 256)), "256"),
        (np.zeros(256), "counts nothing"),
        (-np.ones(256), "negative"),
        (np.full(256, np.nan), "not finite"),
        (np.full(256, 1e308), "too much"),
        (np.array(["1"] * 256), "<U1"),
    ],
)
def test_what_is_no_histogram(histogram, words):
    table, good = components.load("mul8u_exact").table, np.ones(256)
    for operands in ((histogram, good), (good, histogram)):
        with pytest.raises(ConfigError, match=words) as caught:
            weighted_error_statistics(table, table, *operands)
        side = "activation" if operands[0] is histogram else "weight"
        assert caught.value.where == f"{side} histogram"


def test_files(tmp_path):
    path = tmp_path / "operands.npz"
    counts = np.arange(256)
    np.savez(path, activation=counts, weight=counts[::-1], more=counts)
    found = read_histograms(path)
    assert found.activation.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.weight, found.activation[::-1])

    np.savez(path, activation=counts, weight=counts[1:])
    with pytest.raises(ConfigError) as caught:
        read_histograms(path)
    assert caught.value.where == f"{path}:weight"
    np.savez(path, activation=counts)
    with pytest.raises(ConfigError, match="no entry weight"):
        read_histograms(path)
    np.savez(path, activation=counts, weight=np.array([{}] * 256, dtype=object))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_histograms(path)
    np.save(tmp_path / "one.npy", counts)
    with pytest.raises(ConfigError, match=r"no \.npz archive"):
        read_histograms(tmp_path / "one.npy")
    with pytest.raises(ConfigError, match="no such file"):
        read_histograms(tmp_path / "none.npz")
