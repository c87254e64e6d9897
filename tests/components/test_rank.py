from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hawx_onnx import components
from hawx_onnx.components import Encoding, Multiplier
from hawx_onnx.components import rank as module
from hawx_onnx.components.rank import rational_rank


@pytest.mark.parametrize("rank", [1, 2, 17, 100, 200, 255, 256])
def test_products_of_random_factors(rank):
    rng = np.random.default_rng(rank)
    left = rng.integers(-9, 10, (256, rank))
    right = rng.integers(-9, 10, (rank, 256))
    start = time.thread_time()  # not the wall clock, which a busy machine stretches
    assert rational_rank(left @ right) == rank
    assert time.thread_time() - start < 2


def test_trivial_matrices():
    assert rational_rank(np.zeros((256, 256), np.int32)) == 0
    assert rational_rank(np.eye(256, dtype=np.int32)) == 256
    assert rational_rank(np.full((256, 256), -(2**31), np.int64)) == 1


def test_dependence_over_the_rationals_only():
    # The last row is a third of a sum of two others: no integer combination gives it.
    rng = np.random.default_rng(1)
    matrix = 3 * rng.integers(-(2**28), 2**28, (20, 64))
    matrix[-1] = (matrix[0] + matrix[1]) // 3
    matrix[-2] = (2 * matrix[2] - matrix[3]) // 3
    assert rational_rank(matrix) == 18


def test_primes_that_divide_a_minor_do_not_lower_the_rank(monkeypatch):
    # Modulo 5 the matrix has rank 1; the certificate fails there, and the next prime finds 2.
    monkeypatch.setattr(module, "PRIMES", (5, 4194301))
    matrix = np.array([[1, 2, 3], [1, 7, 3], [1, 2, 8]])
    assert rational_rank(matrix) == 3
    # Modulo every prime in use the rank is too low: elimination without primes has the last word.
    monkeypatch.setattr(module, "PRIMES", (5,))
    assert rational_rank(matrix) == 3


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_agrees_with_fraction_free_elimination(rows, columns, inner, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-3, 4, (rows, inner)) @ rng.integers(-3, 4, (inner, columns))
    assert rational_rank(matrix) == module._fraction_free_rank(matrix)


def test_signed_evoapprox_multipliers_have_rank_1_to_5(shared):
    tables = np.load(shared("evoapprox/tables.npz"))
    ranks = {name: rational_rank(tables[name]) for name in tables if name.startswith("mul8s_")}
    assert len(ranks) == 13
    assert set(ranks.values()) <= {1, 2, 3, 4, 5}
    assert ranks["mul8s_1KR3"] == ranks["mul8s_1L2D"] == 1
    assert ranks["mul8s_1KX2"] == 5


@pytest.mark.parametrize("name", ["mul8u_KEM", "mul8u_NGR", "mul8u_185Q", "mul8u_12N4"])
def test_ranks_of_unsigned_evoapprox_multipliers(name, shared):
    table = np.load(shared("evoapprox/tables.npz"))[name]
    # Floating point finds the same here, where the spectrum has a clear gap.
    assert rational_rank(table) == np.linalg.matrix_rank(table.astype(float))


@pytest.mark.parametrize(
    ("name", "rank", "error_rank"),
    [
        ("mul8s_exact", 1, 0),
        ("mul8u_exact", 1, 0),
        ("mul8s_trunc3", 1, 2),
        ("mul8sm_drum6", 1, 2),
        ("mul8sm_ssm5", 1, 2),
        ("mul8u_kulkarni", 2, 1),
        ("mul8u_roba", 2, 1),
    ],
)
def test_ranks_of_separable_multipliers(name, rank, error_rank):
    multiplier = components.load(name)
    assert multiplier.rank == rank
    assert multiplier.error_rank == error_rank


def test_partial_product_sums_have_rank_at_most_8():
    for name in components.names():
        if "_ctrunc" in name or "_bam_" in name:
            # A constant adds one more.
            assert components.load(name).rank <= 8 + name.endswith("c"), name


def test_rank_of_a_full_table():
    rng = np.random.default_rng(5)
    table = rng.integers(-(2**31), 2**31, (256, 256))
    assert Multiplier("random", Encoding.SIGNED, table, None, "", "").rank == 256
