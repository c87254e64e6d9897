from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, SpatialTarget
from hawx_onnx.hardware.folding import divisors, smallest_folding


def engines(**keys):
    return SpatialTarget(**{"name": "s", "frequency_mhz": 200.0, "target_cycles": 4000, **keys})


def folded(report, layer=0):
    """Elements and lanes of a layer's engine."""
    mapping = report.layers[layer].mapping
    return {"pe": mapping["pe"], "simd": mapping["simd"]}


@given(st.integers(1, 5000))
def test_divisors(number):
    assert divisors(number) == [d for d in range(1, number + 1) if number % d == 0]


@given(st.integers(1, 60), st.integers(1, 48), st.integers(1, 60), st.integers(1, 4000))
@settings(max_examples=200, deadline=None)
def test_folding_is_the_smallest_that_meets_the_target(positions, filters, window, target):
    work = LayerWorkload("x", "Conv", positions, filters, window)
    got = smallest_folding(work, target)
    feasible = [
        (pe * simd, pe)
        for pe in divisors(filters)
        for simd in divisors(window)
        if positions * (filters // pe) * (window // simd) <= target
    ]
    if not feasible:
        assert got is None and positions > target
        return
    assert (got.multipliers, got.pe) == min(feasible)
    assert filters % got.pe == 0 and window % got.simd == 0
    assert got.cycles == positions * got.neuron_fold * got.synapse_fold <= target


def test_foldings_of_lenet_by_hand(lenet):
    # conv1: 784 * 6 * 25 = 117,600 MACs: 30 multipliers take 3,920 cycles; 6 x 5 is the smallest
    # of 30 products or more that divides. conv2: 240,000: 60 multipliers take 4,000.
    foldings = engines().foldings(lenet)
    assert [folding.cycles for folding in foldings] == [3920, 4000, 4000, 3360, 840]
    assert [folding.multipliers for folding in foldings] == [30, 60, 12, 3, 1]


def test_interval_is_the_slowest_layer_and_latency_the_sum(lenet, exact):
    total = engines().cost(lenet, {}, exact).total
    assert total.initiation_interval_cycles == 4000
    assert total.latency_cycles == 3920 + 4000 + 4000 + 3360 + 840
    assert total.inferences_per_second == pytest.approx(200e6 / 4000)


def test_one_engine_by_hand(exact):
    layer = LayerWorkload("fc", "Gemm", 1, 4, 6)
    report = engines(target_cycles=4).cost((layer,), {}, exact)
    # 24 MACs in 4 cycles: 6 multipliers, 1 element of 6 lanes.
    assert folded(report) == {"pe": 1, "simd": 6}
    # Tree of 6 products of 16 bits: 3 adders of 17, 1 of 18 (2 of 3 left), 1 of 19; accumulator
    # 32; registers 2 * (6 * 8 weights + 6 * 16 products + 32) per element, 2 * 6 * 8 shared; gates
    # 32 / 8.
    tree = 3 * 17 + 18 + 19
    element, shared = tree + 32 + 2 * (48 + 96 + 32) + 4, 2 * 48
    assert report.total.area_um2 == pytest.approx(6 * 400 + element + shared)
    # Half of the weights' bits change, 0.35 of the products', 0.1 of the sums', 0.26 of the
    # activations'.
    element_fj = tree + 16 + 48 * 2 + 96 * 1.7 + 32 * 1.2 + 4
    dynamic_uj = (24 * 300 + 4 * element_fj + 4 * 48 * 1.52) * 1e-9
    leakage_uj = (6 * 8000 + element + shared) * 1e-9 * 4 / 200
    assert report.total.energy_uj == pytest.approx(dynamic_uj + leakage_uj)
    assert report.total.power_mw == pytest.approx(report.total.energy_uj / (4 / 200) * 1e3)
    assert report.layers[0].utilization == 1.0


def test_totals_are_sums_of_layers(network, exact, cheap):
    report = engines().cost(network, {"conv2": cheap, "conv1": [cheap, exact] * 3}, exact)
    for field in ("energy_uj", "power_mw", "area_um2"):
        total = getattr(report.total, field)
        assert total == pytest.approx(sum(getattr(layer, field) for layer in report.layers))
    assert all(0 < layer.utilization <= 1 for layer in report.layers)


def test_channels_are_grouped_on_elements_of_their_type(exact, cheap):
    layer = LayerWorkload("fc", "Gemm", 1, 8, 5)
    target = engines(target_cycles=10)
    # 4 elements of 1 lane would take 10 cycles, each for 2 channels.
    assert folded(target.cost((layer,), {}, exact)) == {"pe": 4, "simd": 1}
    even = target.cost((layer,), {"fc": [exact] * 4 + [cheap] * 4}, exact)
    odd = target.cost((layer,), {"fc": [exact] * 5 + [cheap] * 3}, exact)
    assert folded(even) == {"pe": 4, "simd": 1}
    assert folded(odd) == {"pe": 5, "simd": 1}
    assert odd.total.latency_cycles == even.total.latency_cycles == 10
    assert even.total.area_um2 == pytest.approx(
        target.cost((layer,), {}, exact).total.area_um2 - 2 * (400 - 250)
    )


def test_cheaper_multipliers_cost_less_of_everything(lenet, exact, cheap, cheapest):
    target = engines()
    totals = [
        target.cost(lenet, {work.name: choice for work in lenet}, exact).total
        for choice in (exact, cheap, cheapest)
    ]
    for field in ("energy_uj", "power_mw", "area_um2"):
        values = [getattr(total, field) for total in totals]
        assert values == sorted(values, reverse=True) and len(set(values)) == 3


def test_everything_is_separable():
    target = engines()
    assert all(target.separable(name) for name in ("area", "energy", "power", "latency"))


def test_target_that_no_folding_meets(lenet, exact):
    with pytest.raises(ConfigError, match=r"layer conv1 takes 784 cycles.*target_cycles is 500"):
        engines(target_cycles=500).cost(lenet, {}, exact)
    relaxed = engines(target_cycles=500, when_unmet="relax").cost(lenet, {}, exact)
    assert relaxed.total.initiation_interval_cycles <= 784
    assert "conv1 takes 784 cycles" in relaxed.notes[0]
    assert folded(relaxed) == {"pe": 6, "simd": 25}
