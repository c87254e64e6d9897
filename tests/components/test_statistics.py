from __future__ import annotations

import csv

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding, Multiplier, error_statistics


def test_figures_against_counting():
    exact = np.multiply.outer(np.arange(4), np.arange(4))
    approximate = exact.copy()
    approximate[3, 3] = 7
    approximate[0, 2] = 1
    figures = error_statistics(approximate, exact)
    assert figures.mae == 3 / 16
    assert figures.wce == 2
    assert figures.ep == 2 / 16
    assert figures.mse == 5 / 16
    assert figures.mean_error == -1 / 16
    assert figures.mre == pytest.approx(2 / 9 / 9)  # nine pairs have a nonzero product


def test_exact_has_no_error():
    for encoding in Encoding:
        figures = components.exact(encoding).statistics
        assert (figures.mae, figures.wce, figures.mre, figures.ep, figures.mse) == (0,) * 5


def _half_unit(text: str) -> float:
    """Half a unit of a published figure's last digit."""
    mantissa, _, exponent = text.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - decimals)


def test_evoapprox_published_figures(shared):
    # EvoApproxLib's conventions: MAE, WCE, MSE and EP over all pairs, MRE over the pairs with a
    # nonzero product. Figures are rounded to two digits or to the unit, mul8s_1KRC's MAE of
    # 36.535 is cut to 36.
    tables = np.load(shared("evoapprox/tables.npz"))
    with shared("evoapprox/metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 25
    for row in rows:
        name = row["name"]
        multiplier = Multiplier(name, Encoding(row["encoding"]), tables[name], None, "", "")
        assert multiplier.content_hash == row["table_sha256"]
        figures = multiplier.statistics
        for key, value in (
            ("mae", figures.mae),
            ("wce", figures.wce),
            ("mse", figures.mse),
            ("ep_percent", 100 * figures.ep),
            ("mre_percent", 100 * figures.mre),
        ):
            slack = 2 if (name, key) == ("mul8s_1KRC", "mae") else 1.001
            assert abs(value - float(row[key])) <= slack * _half_unit(row[key]), (name, key, value)
