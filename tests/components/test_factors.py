"""Rows of factors: their sums are the tables, their entries are bytes."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding, Multiplier, exact_table, stacked_factors
from hawx_onnx.components.factorization import MAX_TERMS


def rebuilt(rows, count):
    """The tables of rows, in Python's integers; None where a table has no row."""
    tables = [None] * count
    for row in rows.astype(object):
        term = row[1] * np.multiply.outer(row[2:258], row[258:])
        tables[row[0]] = term if tables[row[0]] is None else tables[row[0]] + term
    return tables


def is_bytes(factor):
    return any(np.array_equal(factor.astype(kind), factor) for kind in (np.int8, np.uint8))


def check(multipliers):
    """Rows are well formed and exact; returns the names of those that have none."""
    rows = stacked_factors(multipliers)
    assert rows.dtype == np.int32
    assert rows.shape[1:] == (514,)
    assert (np.diff(rows[:, 0]) >= 0).all()
    assert all(is_bytes(row[2:258]) and is_bytes(row[258:]) for row in rows)
    left = []
    for multiplier, table in zip(multipliers, rebuilt(rows, len(multipliers)), strict=True):
        if table is None:
            left.append(multiplier.name)
        else:
            assert np.array_equal(table, multiplier.table), multiplier.name
    assert np.bincount(rows[:, 0]).max() <= MAX_TERMS + 1
    return left


def multiplier_of(table, encoding=Encoding.SIGNED):
    return Multiplier("mine", encoding, np.asarray(table, np.int64), None, "test", "")


def test_built_in_multipliers():
    multipliers = [components.load(name) for name in components.names()]
    left = check(multipliers)
    assert set(left) == {
        m.name for m in multipliers if m.plan.kind in ("general", "few-rows", "few-columns")
    }
    assert len(left) < 15


def test_evoapprox(shared):
    library = components.load_library(shared("evoapprox/tables.npz"))
    left = check(library)
    assert {name.removeprefix("mul8u_") for name in left} == {
        *("185Q", "17KS", "JV3", "L40", "NGR", "12N4")
    }


@pytest.mark.parametrize("encoding", Encoding)
def test_the_exact_product_is_one_row_of_values(encoding):
    (row,) = stacked_factors([components.exact(encoding)])
    assert row[:2].tolist() == [0, 1]
    assert np.array_equal(np.multiply.outer(row[2:258], row[258:]), exact_table(encoding))


def test_errors_come_on_top_of_the_exact_product():
    multiplier = components.load("mul8u_kulkarni")
    rows = stacked_factors([components.exact(Encoding.UNSIGNED), multiplier])
    assert rows[:, 0].tolist() == [0, 1, 1]
    assert np.array_equal(rows[0, 1:], rows[1, 1:])


def test_a_table_of_zeros_has_one_row_of_zeros():
    rows = stacked_factors([multiplier_of(np.zeros((256, 256)))])
    assert rows.shape == (1, 514)
    assert not rows.any()


def test_tables_that_are_looked_up_have_no_rows():
    assert stacked_factors([]).shape == (0, 514)
    assert stacked_factors([components.load("mul8u_mitchell")]).shape == (0, 514)
    # A rank of 20 with factors of 12 bits: 80 terms of bytes.
    rng = np.random.default_rng(0)
    sides = rng.integers(-3000, 3001, (2, 256, 20))
    wide = multiplier_of(sides[0] @ sides[1].T)
    assert wide.plan.factorization is not None
    rows = stacked_factors([wide, components.load("mul8s_trunc2")])
    assert rows[:, 0].tolist() == [1]


def test_random_tables_of_low_rank():
    rng = np.random.default_rng(1)
    sides = rng.integers(-90, 91, (2, 256, 6))
    table = sides[0] @ sides[1].T
    assert not check([multiplier_of(table), multiplier_of(table * 5), multiplier_of(table - 7)])


def test_the_largest_scales():
    for entry in (-(2**31), 2**31 - 1):
        flat = np.full((256, 256), entry, np.int64)
        assert not check([multiplier_of(flat)])
