"""Real multipliers: every entry of their tables on every kernel, and which kernel that is."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.factors import stacked_factors
from hawx_onnx.runtime.library import describe_kernels

BUILT_IN = ("mul8s_exact", "mul8s_trunc2", "mul8sm_drum4", "mul8u_mitchell", "mul8s_ctrunc4")


def type_of(multiplier):
    unsigned = multiplier.encoding is components.Encoding.UNSIGNED
    return np.uint8 if unsigned else np.int8


def assert_every_entry(ops, multiplier):
    """Sums of one product each are the table; sums of many are those of the reference."""
    kind = type_of(multiplier)
    codes = np.arange(256, dtype=np.uint8)
    factors = stacked_factors([multiplier])
    node = ops.matmul(
        codes[:, None].view(kind), codes[None].view(kind), tables=multiplier.table[None]
    ).integer()
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, shape).astype(np.uint8) for shape in ((70, 300), (300, 33)))
    long = ops.matmul(a.view(kind), b.view(kind), tables=multiplier.table[None]).integer()
    expected = ops.reference(long)
    given = {"factors": factors} if len(factors) else {}
    for isa in ops.isas:
        for more in ({}, given):  # look-ups, then what the factors allow
            np.testing.assert_array_equal(ops.run(node.replace(**more), isa=isa), multiplier.table)
            np.testing.assert_array_equal(ops.run(long.replace(**more), isa=isa), expected)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in(ops, name):
    assert_every_entry(ops, components.load(name))


def test_evoapprox(ops, shared):
    """All 25 truth tables of the reference collection."""
    library = components.load_library(shared("evoapprox/tables.npz"))
    assert len(library) == 25
    for multiplier in library:
        assert_every_entry(ops, multiplier)


def test_few_terms_run_as_products(ops, monkeypatch):
    """Exact, rank 1 and rank 3 tables need no look-ups, tables without factors do."""
    names = ("mul8s_exact", "mul8s_trunc2", "mul8s_ctrunc4")
    multipliers = [components.load(name) for name in names]
    tables = np.stack([multiplier.table for multiplier in multipliers])
    for isa in ops.isas:
        monkeypatch.setenv("HAWX_ISA", isa)
        with_factors = describe_kernels(tables, stacked_factors(multipliers))["chosen"]
        assert with_factors[0].startswith("product_")
        if isa != "scalar":  # which multiplies too slowly to take more than a few terms
            assert all(kernel.startswith("product_") for kernel in with_factors)
        without = describe_kernels(tables)["chosen"]
        assert not any(kernel.startswith("product_") for kernel in without)
