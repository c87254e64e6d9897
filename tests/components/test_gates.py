from __future__ import annotations

import csv
import itertools

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import gates
from hawx_onnx.components.adder_array import CONSTANT_ONE, add_words, array_multiplier, word
from hawx_onnx.components.cells import AND, FULL_ADDER, HALF_ADDER, INVERTER, Circuit


def test_circuits_in_series_and_parallel():
    one, two = Circuit(1, 2, 3), Circuit(10, 20, 30)
    assert one.then(two) == Circuit(11, 22, 33)
    assert one.beside(two) == Circuit(11, 22, 30)


def test_the_exact_array_is_the_textbook_one():
    circuit = gates.exact_unsigned()
    assert circuit.gates == pytest.approx(64 * AND + 48 * FULL_ADDER + 8 * HALF_ADDER)
    four = array_multiplier(lambda _i, _j: True, bits=4)
    assert four.gates == pytest.approx(16 * AND + 8 * FULL_ADDER + 4 * HALF_ADDER)


def test_words_that_share_no_column_need_no_adder():
    assert add_words([word(0, 4, 1.0), word(4, 4, 1.0)]).gates == 0
    assert add_words([]) == Circuit()
    assert add_words([], constant=5) == Circuit()


def test_constants_shrink_adders():
    # x + 1 in one bit of two: an inverter and a wire.
    assert add_words([{0: 0.0}], constant=1, width=2).gates == pytest.approx(INVERTER)
    plain = add_words([word(0, 8, 0.0), word(0, 8, 0.0)])
    assert plain.gates == pytest.approx(7 * FULL_ADDER + HALF_ADDER)
    assert add_words([word(0, 8, 0.0), word(0, 8, CONSTANT_ONE)]).gates < plain.gates


def test_reference_figures():
    cost = components.load("mul8u_exact").cost
    # Horowitz, ISSCC 2014 (energy; area in Dally's tutorial table).
    assert cost.energy_fj == pytest.approx(200)
    assert cost.area_um2 == pytest.approx(282)
    assert cost.technology == "gate-count-45nm"
    assert "relative" in cost.provenance


@pytest.mark.parametrize(
    ("bits", "area", "energy"),
    # The same table: 8-, 16- and 32-bit integer adders, um2 and fJ.
    [(8, 36, 30), (16, 67, 50), (32, 137, 100)],
)
def test_adders_lie_near_published_ones(bits, area, energy):
    cost = gates.adder_cost(bits)
    assert cost.area_um2 == pytest.approx(area, rel=0.1)
    assert cost.energy_fj == pytest.approx(energy, rel=0.35)


def test_register_cost_is_linear():
    one, many = gates.register_cost(1), gates.register_cost(32)
    assert many.area_um2 == pytest.approx(32 * one.area_um2)
    assert many.energy_fj == pytest.approx(32 * one.energy_fj)


def test_model_against_published_circuits(shared):
    # Tables equal to published circuits, whose PDK 45 nm figures relative to the exact one:
    pairs = {
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
    }
    with shared("evoapprox/metrics.csv").open() as stream:
        published = {row["name"]: row for row in csv.DictReader(stream)}
    base, exact = published["mul8s_1KV8"], components.load("mul8s_exact").cost
    errors = []
    for theirs, ours in pairs.items():
        cost, row = components.load(ours).cost, published[theirs]
        area = float(row["pdk45_area_um2"]) / float(base["pdk45_area_um2"])
        power = float(row["pdk45_power_mw"]) / float(base["pdk45_power_mw"])
        assert cost.area_um2 / exact.area_um2 == pytest.approx(area, abs=0.06), ours
        errors.append(cost.energy_fj / exact.energy_fj - power)
    assert np.sqrt(np.mean(np.square(errors))) < 0.03


def test_all_costs_are_plausible():
    exact = {each: components.exact(each).cost for each in components.Encoding}
    for multiplier in components.load_library("builtin"):
        cost, most = multiplier.cost, exact[multiplier.encoding]
        assert 0 < cost.energy_fj <= most.energy_fj + 1e-9, multiplier.name
        assert 0 < cost.delay_ns < 4
        assert cost.leakage_nw > 0
        # RoBA trades area for speed and regularity; all others are smaller than the exact one.
        if "_roba" not in multiplier.name and "_bbm_v3" not in multiplier.name:
            assert cost.area_um2 <= 1.05 * most.area_um2, multiplier.name


def test_dropping_more_costs_less():
    for stems in (
        ("exact", "trunc1", "trunc2", "trunc3", "trunc4"),
        ("exact", "ctrunc2", "ctrunc3", "ctrunc4", "ctrunc5", "ctrunc6", "ctrunc7", "ctrunc8"),
        ("exact", "bam_h1_v3", "bam_h2_v4", "bam_h3_v7", "bam_h3_v8", "bam_h4_v9"),
    ):
        for prefix in ("mul8s_", "mul8u_", "mul8sm_"):
            costs = [components.load(prefix + stem).cost for stem in stems]
            for larger, smaller in itertools.pairwise(costs):
                assert smaller.area_um2 < larger.area_um2
                assert smaller.energy_fj < larger.energy_fj


def test_sign_logic_has_its_price():
    unsigned, wrapped = components.load("mul8u_drum6").cost, components.load("mul8sm_drum6").cost
    assert wrapped.energy_fj > unsigned.energy_fj
    assert wrapped.area_um2 > unsigned.area_um2
    assert wrapped.delay_ns > unsigned.delay_ns
    plain = gates.sign_magnitude(gates.exact_unsigned())
    assert gates.sign_magnitude(gates.exact_unsigned(), gate_zero=True).gates > plain.gates
    assert gates.sign_magnitude(gates.exact_unsigned(), 4).gates < plain.gates
