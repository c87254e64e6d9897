"""The families against their published definitions, circuits and error figures."""

from __future__ import annotations

import functools
import time

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding, builtin, error_statistics, realization
from hawx_onnx.components.families import drum, etm, kulkarni, mitchell, roba, static_segment
from hawx_onnx.components.families.broken_booth import booth_digit, broken_booth_product
from hawx_onnx.components.families.column_truncation import correction
from hawx_onnx.components.families.lower_or import or_product
from hawx_onnx.components.families.powers import leading_one
from hawx_onnx.components.tables import tabulate


def random_operands(bits: int, count: int = 1_000_000):
    rng = np.random.default_rng(bits)
    return rng.integers(1, 1 << bits, (2, count))


def mean_relative_error(product, bits: int) -> float:
    a, w = random_operands(bits)
    return error_statistics(product(a, w), a * w).mre


def test_there_are_many_of_each_encoding():
    names = components.names()
    assert len(names) == len(set(names)) >= 60
    for prefix, encoding in (
        ("mul8s_", Encoding.SIGNED),
        ("mul8u_", Encoding.UNSIGNED),
        ("mul8sm_", Encoding.SIGN_MAGNITUDE),
    ):
        group = [name for name in names if name.startswith(prefix)]
        assert len(group) >= 20
        assert {components.load(name).encoding for name in group} == {encoding}
    unsigned = {name.removeprefix("mul8u_") for name in names if name.startswith("mul8u_")}
    wrapped = {name.removeprefix("mul8sm_") for name in names if name.startswith("mul8sm_")}
    assert unsigned == wrapped


def test_listing_builds_nothing_and_building_is_quick():
    builtin.builtin.cache_clear()
    realization.core.cache_clear()
    components.names()
    assert builtin.builtin.cache_info().currsize == realization.core.cache_info().currsize == 0
    start = time.thread_time()
    library = components.load_library("builtin")
    assert time.thread_time() - start < 2
    assert [multiplier.name for multiplier in library] == list(components.names())
    assert components.load("mul8s_trunc3") is components.load("mul8s_trunc3")


def test_every_multiplier_says_where_it_comes_from():
    for multiplier in components.load_library("builtin"):
        assert multiplier.source
        assert multiplier.description
        assert multiplier.is_exact == multiplier.name.endswith("_exact")


@pytest.mark.parametrize(
    "stem",
    [
        "exact",
        "trunc3",
        "ctrunc6",
        "ctrunc6c",
        "drum5",
        "ssm5",
        "mitchell",
        "mitchell_t3",
        "alm_soa5",
        "roba",
        "kulkarni",
        "etm",
        "loam6",
        "loam8",
    ],
)
def test_commutative(stem):
    table = components.load(f"mul8u_{stem}").table
    assert np.array_equal(table, table.T)


def test_families_that_keep_zero():
    for multiplier in components.load_library("builtin"):
        stem = multiplier.name.partition("_")[2]
        nonzero = stem == "etm" or (stem.startswith("ctrunc") and stem.endswith("c"))
        if multiplier.encoding is not Encoding.SIGN_MAGNITUDE and nonzero:
            continue
        assert not multiplier.table[:, 0].any(), multiplier.name
        # Broken-Booth rows of a zero activation are the ones' complement of 0, cut off.
        assert multiplier.table[0].any() == stem.startswith("bbm"), multiplier.name


# The truncated and broken-array circuits that EvoApproxLib publishes under names of its own.
EVOAPPROX = {
    "mul8s_1KV8": "mul8s_exact",
    "mul8s_1L2H": "mul8s_trunc1",
    "mul8s_1L2D": "mul8s_trunc2",
    "mul8s_1L1G": "mul8s_trunc3",
    "mul8s_1KR8": "mul8s_trunc_a1",
    "mul8s_1KTY": "mul8s_trunc_a3",
    "mul8s_1KR3": "mul8s_trunc_a6",
    "mul8s_1KVA": "mul8s_ctrunc2",
    "mul8s_1KVB": "mul8s_ctrunc3",
    "mul8s_1KX2": "mul8s_ctrunc4",
    "mul8s_1KR6": "mul8s_bam_h1_v3",
    "mul8s_1KRC": "mul8s_bam_h1_v4",
    "mul8s_1KVL": "mul8s_bam_h2_v5",
    "mul8u_1JFF": "mul8u_exact",
}


@pytest.mark.parametrize(("published", "name"), EVOAPPROX.items())
def test_equal_to_published_circuits(published, name, shared):
    tables = np.load(shared("evoapprox/tables.npz"))
    assert np.array_equal(components.load(name).table, tables[published])


@pytest.mark.parametrize(
    ("k", "percent"),
    # Hashemi, Bahar, Reda, ICCAD 2015: mean absolute relative error, 16-bit operands.
    [(3, 11.90), (4, 5.89), (5, 2.94), (6, 1.47)],
)
def test_drum_published_error(k, percent):
    error = mean_relative_error(functools.partial(drum.drum_product, k=k), 16)
    assert 100 * error == pytest.approx(percent, rel=0.02)


def test_drum_is_exact_below_2_to_the_k_and_unbiased():
    table = components.load("mul8u_drum6").table
    assert np.array_equal(table[:64, :64], components.exact_table(Encoding.UNSIGNED)[:64, :64])
    a, w = random_operands(16)
    error = drum.drum_product(a, w, 6) - a * w
    # The paper reports a mean relative error with sign of 0.04 % for k = 6.
    assert abs((error / (a * w)).mean()) < 0.001


def test_mitchell_published_error():
    a, w = random_operands(16)
    error = mitchell.log_product(a, w, width=16) - a * w
    # Mitchell 1962: never above the product, at most 1/9 below it. Mean 3.85 %, as Saadat,
    # Javaid, Parameswaran, IEEE TCAD 37(11), 2018 give for 16-bit operands.
    assert error.max() <= 0
    assert -(error / (a * w)).min() <= 1 / 9
    assert -(error / (a * w)).mean() == pytest.approx(0.0385, rel=0.01)
    table = components.load("mul8u_mitchell")
    assert table.table[3, 3] == 8  # 2 * 1.5: the worst case, 8 for 9
    powers = [1, 2, 4, 8, 16, 32, 64, 128]
    assert np.array_equal(table.table[powers], components.exact_table(Encoding.UNSIGNED)[powers])


def test_truncated_and_set_one_logarithms_reduce_to_mitchell():
    a, w = random_operands(8, 5000)
    exact = mitchell.log_product(a, w)
    assert np.array_equal(mitchell.log_product(a, w, kept=7), exact)
    assert (mitchell.log_product(a, w, kept=3) <= exact).all()
    one = mitchell.log_product(a, w, set_one=1)
    assert (np.abs(one - exact) <= np.maximum(exact // 64, 1)).all()


def test_roba_published_error():
    a, w = random_operands(16)
    error = roba.roba_product(a, w) - a * w
    # Zendegani et al. 2017: mean relative error 2.9 %, maximum 11.1 %.
    relative = np.abs(error) / (a * w)
    assert relative.mean() == pytest.approx(0.029, rel=0.02)
    assert relative.max() <= 1 / 9
    assert roba.rounded(np.array([0, 1, 2, 3, 5, 6, 191, 192])).tolist() == [
        *(0, 1, 2, 2, 4, 8, 128, 256)
    ]


def test_kulkarni_published_error():
    # Kulkarni, Gupta, Ercegovac 2011: mean error 1.39 % (2 x 2) to 3.32 % (large), maximum 22.22 %.
    two = np.arange(4)
    block = kulkarni.kulkarni_product(two[:, None], two[None, :], width=2)
    exact = np.multiply.outer(two, two)
    assert (block != exact).sum() == 1
    assert block[3, 3] == 7
    relative = np.abs(block - exact) / np.maximum(exact, 1)
    assert 100 * relative.mean() == pytest.approx(1.39, abs=0.005)
    wide = functools.partial(kulkarni.kulkarni_product, width=16)
    assert 100 * mean_relative_error(wide, 16) == pytest.approx(3.32, abs=0.02)
    multiplier = components.load("mul8u_kulkarni")
    exact_products = components.exact_table(Encoding.UNSIGNED)[1:, 1:]
    worst = (np.abs(multiplier.error_table[1:, 1:]) / exact_products).max()
    assert 100 * worst == pytest.approx(22.22, abs=0.01)
    # The recursion, spelt out: four products of half the width.
    a, w = random_operands(8, 5000)
    half = functools.partial(kulkarni.kulkarni_product, width=4)
    low_a, high_a, low_w, high_w = a & 15, a >> 4, w & 15, w >> 4
    recursive = (
        (half(high_a, high_w) << 8)
        + ((half(high_a, low_w) + half(low_a, high_w)) << 4)
        + half(low_a, low_w)
    )
    assert np.array_equal(multiplier.table[a, w], recursive)


def test_etm_by_hand():
    def product(a: int, w: int) -> int:
        return int(etm.etm_product(np.array(a), np.array(w)))

    assert product(13, 11) == 143  # high halves are 0: exact
    assert product(0x20, 0x30) == 6 << 8  # low halves are 0
    # a_L OR w_L = 0b0101: the first 1 is bit 2, so that bits 6 to 0 of the product are 1.
    assert product(0x21, 0x34) == (6 << 8) + 0x7F


def test_static_segments_by_hand():
    a, w = np.array([15, 16, 255]), np.array([200, 31, 255])
    product = static_segment.segment_product(a, w, m=4)
    assert product.tolist() == [15 * 192, 16 * 16, 240 * 240]


def test_correction_constants():
    # Eight columns lose (7 * 256 + 1) / 4 = 448.25 on average; the nearest multiple of 256 is 512.
    assert correction(8, signed=False) == 512
    for columns in (4, 5, 6, 7, 8):
        for prefix, signed in (("mul8u", False), ("mul8s", True)):
            plain = components.load(f"{prefix}_ctrunc{columns}")
            compensated = components.load(f"{prefix}_ctrunc{columns}c")
            constant = correction(columns, signed)
            assert np.array_equal(compensated.table, plain.table + constant)
            assert abs(compensated.statistics.mean_error) <= 2 ** (columns - 1)
            assert compensated.statistics.mse <= plain.statistics.mse


def test_broken_booth_is_exact_unbroken():
    values = np.arange(-128, 128)
    a, w = values[:, None], values[None, :]
    digits = sum(booth_digit(w, row) << (2 * row) for row in range(4))
    assert np.array_equal(digits, w)
    assert np.array_equal(broken_booth_product(a, w, 0), a * w)
    loss = a * w - broken_booth_product(a, w, 5)
    # Every row loses at most 2**5 - 1, and the three first separate bits lose 1, 4 and 16 more.
    assert 0 <= loss.min() <= loss.max() <= 4 * 31 + 21


def test_or_of_one_row_at_a_time_is_exact():
    exact = tabulate(functools.partial(or_product, columns=15, rows_per_group=1), Encoding.UNSIGNED)
    assert np.array_equal(exact, components.exact_table(Encoding.UNSIGNED))
    # 3 * 3: column 1 has two partial products, whose OR gives 2 instead of 4.
    assert components.load("mul8u_loam4").table[3, 3] == 7


def test_broken_array_by_counting():
    table = components.load("mul8u_bam_h2_v4").table
    rng = np.random.default_rng(3)
    for a, w in rng.integers(0, 256, (50, 2)):
        kept = [(i, j) for i in range(2, 8) for j in range(8) if i + j >= 4]
        expected = sum((a >> i & 1) * (w >> j & 1) << (i + j) for i, j in kept)
        assert table[a, w] == expected


def test_leading_one():
    assert leading_one(np.array([0, 1, 2, 3, 255, 256, 2**52])).tolist() == [0, 0, 1, 1, 7, 8, 52]
