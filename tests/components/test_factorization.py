from __future__ import annotations

import time

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding, exact_table, factorize
from hawx_onnx.components.factorization import MAX_TERMS
from hawx_onnx.components.planning import plan_table

DTYPES = ("int8", "uint8")


def rebuilt(found, encoding):
    """The table of a factorisation, term by term in Python's integers."""
    table = np.zeros((256, 256), dtype=object)
    if found.of == "error":
        table += exact_table(encoding).astype(object)
    for index, scale in enumerate(found.scales.tolist()):
        left, right = found.left[:, index].astype(object), found.right[index].astype(object)
        table += scale * np.multiply.outer(left, right)
    return table


def check(multiplier):
    """A plan is consistent, exact and found in time; returns it."""
    start = time.thread_time()
    plan = multiplier.plan
    assert time.thread_time() - start < 1
    table, found = multiplier.table, plan.factorization
    assert (plan.kind == "exact") == multiplier.is_exact
    assert plan.distinct_rows == len({row.tobytes() for row in table})
    assert plan.distinct_columns == len({column.tobytes() for column in table.T})
    assert plan.text.startswith(plan.kind)
    if found is None:
        assert plan.kind in ("exact", "few-rows", "few-columns", "general")
        assert plan.terms == 0
        return plan
    assert np.array_equal(rebuilt(found, multiplier.encoding), table)
    assert found.rank == (multiplier.rank if found.of == "table" else multiplier.error_rank)
    assert found.rank <= found.terms <= MAX_TERMS
    if plan.terms:
        assert plan.fits_8_bits
        for factor, dtype in zip(found.left.T, found.left_types, strict=True):
            assert dtype in DTYPES
            assert np.array_equal(factor.astype(dtype), factor)
        for factor, dtype in zip(found.right, found.right_types, strict=True):
            assert dtype in DTYPES
            assert np.array_equal(factor.astype(dtype), factor)
    return plan


@pytest.mark.parametrize(
    ("name", "kind", "terms"),
    [
        ("mul8s_exact", "exact", 0),
        ("mul8sm_exact", "exact", 0),
        ("mul8s_trunc3", "rank1", 1),
        ("mul8u_trunc4", "rank1", 1),
        ("mul8s_trunc_w2", "rank1", 1),
        ("mul8u_drum6", "rank1", 1),
        ("mul8sm_ssm5", "rank1", 1),
        ("mul8u_kulkarni", "low-rank-error", 1),
        ("mul8sm_roba", "low-rank-error", 1),
        ("mul8u_ctrunc4", "low-rank-error", 4),
        ("mul8s_bam_h4_v9", "low-rank", 4),
        # Factors reach 136 in magnitude: cut in two, on both sides.
        ("mul8sm_drum6", "low-rank", 4),
        ("mul8u_mitchell", "general", 0),
        ("mul8u_alm_soa5", "few-rows", 0),
    ],
)
def test_plans_of_known_multipliers(name, kind, terms):
    plan = check(components.load(name))
    assert (plan.kind, plan.terms) == (kind, terms)


def test_plans_of_all_builtin_multipliers():
    for name in components.names():
        check(components.load(name))


def test_truncation_takes_its_scale_into_the_factors():
    found = components.load("mul8s_trunc2").plan.factorization
    values = np.arange(256, dtype=np.uint8).view(np.int8).astype(int) // 4 * 4
    assert found.scales.tolist() == [1]
    assert np.array_equal(np.abs(found.left[:, 0]), np.abs(values))
    assert np.array_equal(np.abs(found.right[0]), np.abs(values))


@pytest.mark.parametrize(("rank", "amplitude"), [(1, 127), (2, 100), (5, 9), (12, 30), (20, 3)])
def test_random_tables_of_low_rank(rank, amplitude):
    rng = np.random.default_rng(rank)
    left = rng.integers(-amplitude, amplitude + 1, (256, rank))
    table = left @ rng.integers(-amplitude, amplitude + 1, (rank, 256))
    start = time.thread_time()
    found = factorize(table, Encoding.SIGNED)
    assert time.thread_time() - start < 1
    assert found.of == "table"
    assert found.terms == found.rank == rank
    assert found.fits_8_bits
    assert np.array_equal(rebuilt(found, Encoding.SIGNED), table)


@pytest.mark.parametrize("rank", [3, 20])
def test_factors_that_no_byte_holds(rank):
    rng = np.random.default_rng(rank)
    left = rng.integers(-3000, 3001, (256, rank))
    table = left @ rng.integers(-3000, 3001, (rank, 256))
    plan = plan_table(table, Encoding.UNSIGNED)
    found = plan.factorization
    assert np.array_equal(rebuilt(found, Encoding.UNSIGNED), table)
    # Twelve terms of bytes make three of 16 bits; 80 are too many, and the table is looked up.
    assert (plan.kind, plan.fits_8_bits) == (
        ("low-rank", True) if rank == 3 else ("general", False)
    )
    assert found.terms == (12 if rank == 3 else 20)


def test_tables_without_structure():
    rng = np.random.default_rng(1)
    table = rng.integers(-(2**31), 2**31, (256, 256))
    plan = plan_table(table, Encoding.SIGNED)
    assert (plan.kind, plan.factorization, plan.terms) == ("general", None, 0)
    few = plan_table(table[rng.permutation(256) % 40], Encoding.SIGNED)
    assert (few.kind, few.distinct_rows) == ("few-rows", 40)
    few = plan_table(table[:, rng.permutation(256) % 64], Encoding.SIGNED)
    assert (few.kind, few.distinct_columns) == ("few-columns", 64)
    assert plan_table(table[np.arange(256) % 65], Encoding.SIGNED).kind == "general"


def test_extreme_tables():
    zero = plan_table(np.zeros((256, 256), np.int32), Encoding.SIGNED)
    assert (zero.kind, zero.terms) == ("low-rank", 0)
    lowest = plan_table(np.full((256, 256), -(2**31), np.int64), Encoding.UNSIGNED)
    assert np.array_equal(
        rebuilt(lowest.factorization, Encoding.UNSIGNED), np.full((256, 256), -(2**31))
    )
    corner = np.zeros((256, 256), np.int64)
    corner[128, 255] = 2**31 - 1
    assert plan_table(corner, Encoding.SIGNED).kind == "rank1"


@pytest.mark.parametrize("side", ["left", "right"])
def test_plans_follow_the_transpose(side):
    table = components.load("mul8s_bam_h2_v5").table
    given = table if side == "left" else table.T
    assert factorize(given, Encoding.SIGNED).terms == 4


def test_signed_evoapprox_needs_rank_many_terms_of_bytes(shared):
    library = components.load_library(shared("evoapprox/tables.npz"))
    signed = [m for m in library if m.encoding is Encoding.SIGNED]
    assert len(signed) == 13
    for multiplier in signed:
        plan = check(multiplier)
        if plan.kind == "exact":
            continue
        assert plan.fits_8_bits
        assert plan.factorization.terms == plan.factorization.rank <= 5
        assert plan.factorization.products <= multiplier.rank


def test_unsigned_evoapprox(shared):
    library = components.load_library(shared("evoapprox/tables.npz"))
    found = {m.name: check(m) for m in library if m.encoding is Encoding.UNSIGNED}
    kinds = {name: (plan.kind, plan.terms) for name, plan in found.items()}
    assert kinds["mul8u_1JFF"] == ("exact", 0)
    assert kinds["mul8u_1446"] == ("low-rank-error", 1)
    assert kinds["mul8u_125K"] == ("low-rank-error", 4)
    assert kinds["mul8u_2AC"] == ("low-rank-error", 10)
    assert kinds["mul8u_KEM"] == ("low-rank-error", 15)
    assert kinds["mul8u_FTA"] == ("low-rank", 20)
    assert kinds["mul8u_JV3"] == kinds["mul8u_17KS"] == ("few-rows", 0)
    assert {kinds[f"mul8u_{name}"][0] for name in ("185Q", "L40", "NGR", "12N4")} == {"general"}
