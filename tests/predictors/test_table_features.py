"""Features of truth tables: against functions whose structure is known, and by brute force."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.predictors.table_features import (
    algebraic_normal_form,
    diagram_widths,
    influences,
    product_bits,
    table_features,
)

PAIRS = np.arange(65536)


def bit(number):
    """The value of an operand bit at every pair: 0 to 7 the activation's, 8 to 15 the weight's."""
    place = number + 8 if number < 8 else number - 8
    return (PAIRS >> place & 1).astype(np.uint8)


def test_influence_of_known_functions():
    found = influences(np.stack([bit(3) & bit(9), bit(0) ^ bit(15), 0 * bit(0)]))
    wanted = np.zeros((3, 16))
    wanted[0, [3, 9]] = 0.5
    wanted[1, [0, 15]] = 1.0
    np.testing.assert_array_equal(found, wanted)


def test_influence_by_brute_force():
    bits = product_bits(components.load("mul8s_trunc3").table)
    flipped = bits[:, PAIRS ^ (1 << 8 + 4)]  # bit 4 of the activation
    np.testing.assert_allclose(influences(bits)[:, 4], (bits != flipped).mean(axis=1))


def test_decision_diagrams_of_known_functions():
    conjunction = diagram_widths(np.stack([bit(3) & bit(9)]))
    assert conjunction.sum() == 2
    parity = bit(0)
    for number in range(1, 16):
        parity = parity ^ bit(number)
    widths = diagram_widths(np.stack([parity]))
    assert widths.tolist() == [2] * 15 + [1]
    # A second function that is the same shares every node.
    assert diagram_widths(np.stack([parity, parity])).tolist() == widths.tolist()
    assert diagram_widths(np.stack([0 * bit(0), 1 | bit(0)])).sum() == 0


def test_normal_form_of_known_functions():
    form = algebraic_normal_form(np.stack([bit(0) | bit(8)]))
    # x OR y = x + y + x y modulo 2.
    wanted = {1 << 8, 1 << 0, 1 << 8 | 1 << 0}
    assert set(np.flatnonzero(form[0]).tolist()) == wanted
    random = np.random.default_rng(0).integers(0, 2, (2, 65536)).astype(np.uint8)
    np.testing.assert_array_equal(algebraic_normal_form(algebraic_normal_form(random)), random)


@pytest.mark.parametrize("name", ["mul8u_trunc3", "mul8sm_drum4", "mul8s_exact"])
def test_features_are_numbers_in_one_order(name):
    features = table_features(components.load(name))
    assert list(features) == list(table_features(components.load("mul8s_trunc2")))
    assert np.isfinite(list(features.values())).all()


def test_fewer_bits_make_a_simpler_table():
    order = [table_features(components.load(f"mul8s_{n}")) for n in ("trunc3", "trunc2", "exact")]
    for name in ("diagram_nodes", "influence", "terms", "changing_bits", "distinct_rows_least"):
        values = [features[name] for features in order]
        assert values == sorted(values)
        assert values[0] < values[2]


def test_operands_may_change_places():
    multiplier = components.load("mul8u_trunc3")
    table = multiplier.table.copy()
    table[:64] &= ~7
    one = dataclasses.replace(multiplier, table=table)
    other = dataclasses.replace(multiplier, table=table.T)
    same, turned = table_features(one), table_features(other)
    for name, value in same.items():
        if not name.startswith("diagram"):
            assert turned[name] == pytest.approx(value), name
