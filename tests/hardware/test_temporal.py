from __future__ import annotations

import time
from dataclasses import replace

import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, TemporalTarget, load_target


def array(**keys):
    return TemporalTarget(**{"name": "t", "frequency_mhz": 500.0, "rows": 16, "cols": 16, **keys})


def test_output_stationary_cycles_of_lenet_by_hand(lenet):
    target = array()
    # conv1: ceil(784/16) * ceil(6/16) * (25 + 30) - 1 = 49 * 55 - 1
    # conv2: ceil(100/16) * ceil(16/16) * (150 + 30) - 1 = 7 * 180 - 1
    # fc:    ceil(120/16) * (400 + 30) - 1, ceil(84/16) * (120 + 30) - 1, 84 + 30 - 1
    assert [target.compute_cycles(work) for work in lenet] == [2694, 1259, 3439, 899, 113]


def test_weight_stationary_cycles_of_lenet_by_hand(lenet):
    target = array(dataflow="weight-stationary")
    # conv1: ceil(25/16) * ceil(6/16) * (784 + 46) - 1 = 2 * 830 - 1
    # conv2: ceil(150/16) * 1 * (100 + 46) - 1 = 10 * 146 - 1
    # fc:    25 * 8 * 47 - 1, 8 * 6 * 47 - 1, 6 * 1 * 47 - 1
    assert [target.compute_cycles(work) for work in lenet] == [1659, 1459, 9399, 2255, 281]


def test_input_stationary_cycles_of_lenet_by_hand(lenet):
    target = array(dataflow="input-stationary")
    # conv1: ceil(25/16) * ceil(784/16) * (6 + 46) - 1 = 2 * 49 * 52 - 1
    # conv2: 10 * 7 * (16 + 46) - 1
    # fc:    25 * 1 * (120 + 46) - 1, 8 * (84 + 46) - 1, 6 * (10 + 46) - 1
    assert [target.compute_cycles(work) for work in lenet] == [5095, 4339, 4149, 1039, 335]


def test_input_stationary_is_weight_stationary_with_the_roles_exchanged():
    layer = LayerWorkload("a", "MatMul", 100, 36, 64)
    turned = LayerWorkload("b", "MatMul", 36, 100, 64)
    stationary_inputs = array(dataflow="input-stationary").compute_cycles(layer)
    assert stationary_inputs == array(dataflow="weight-stationary").compute_cycles(turned)
    assert stationary_inputs == 4 * 7 * (36 + 32 + 14) - 1


@pytest.mark.parametrize("dataflow", ["output-stationary", "weight-stationary", "input-stationary"])
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (8, 32), (16, 16), (128, 3)])
def test_groups_run_one_after_the_other(network, dataflow, rows, cols):
    target = array(dataflow=dataflow, rows=rows, cols=cols)
    for work in network:
        part = LayerWorkload(
            "one", work.op, work.output_positions, work.filters // work.groups, work.window
        )
        assert target.compute_cycles(work) + 1 == work.groups * (target.compute_cycles(part) + 1)


def test_energy_area_and_power_of_one_layer_by_hand(exact):
    layer = LayerWorkload("fc", "Gemm", 1, 10, 84)
    report = array(rows=4, cols=4, memories="none").cost((layer,), {}, exact)
    cycles = 3 * (84 + 6) - 1
    # Adder 32, registers 2 * (8 + 8 + 16 + 32 + 1), multiplexer 32 / 4, gates 16 / 8.
    element = 32 + 130 + 8 + 2
    # The last column passes no activations on, the last row no weights.
    edge = 4 * 9 + 4 * 8
    # Of activations 0.26 of the bits change, of weights 0.5, of products 0.35, of sums 0.1; a
    # change costs 2, the clock of each of 65 bits 1 in every cycle.
    changes_fj = 2 * (8 * 0.26 + 8 * 0.5 + 16 * 0.35 + 32 * 0.1)
    clock_fj = (16 * 65 - edge) * cycles
    dynamic_uj = (840 * (300 + 16 + changes_fj + 8 + 2) + clock_fj) * 1e-9
    leakage_uj = (16 * (8000 + element) - 2 * edge) * 1e-9 * cycles / 500
    total = report.total
    assert total.latency_cycles == total.initiation_interval_cycles == cycles
    assert total.area_um2 == pytest.approx(16 * (400 + element) - 2 * edge)
    assert total.energy_uj == pytest.approx(dynamic_uj + leakage_uj)
    assert total.multiplication_energy_uj == pytest.approx(840 * 300e-9)
    assert total.power_mw == pytest.approx(total.energy_uj / (cycles / 500) * 1e3)
    assert total.inferences_per_second == pytest.approx(500e6 / cycles)
    assert report.layers[0].utilization == pytest.approx(840 / (cycles * 16))
    assert report.layers[0].mapping == {"row_folds": 1, "column_folds": 3}
    assert report.notes == ("memories are not counted: memories is none",)


def test_totals_are_sums_of_layers(network, exact, cheap):
    report = array().cost(network, {"conv2": cheap}, exact)
    assert report.total.latency_cycles == sum(layer.compute_cycles for layer in report.layers)
    assert report.total.energy_uj == pytest.approx(sum(layer.energy_uj for layer in report.layers))
    assert all(0 < layer.utilization <= 1 for layer in report.layers)
    assert all(layer.stall_cycles == 0 for layer in report.layers)


def test_each_type_in_use_adds_its_area_once(lenet, exact, cheap, cheapest):
    target = array()
    baseline = target.cost(lenet, {}, exact).total.area_um2
    one = target.cost(lenet, {"fc1": cheap}, exact).total.area_um2
    same_twice = target.cost(lenet, {"fc1": cheap, "fc2": cheap}, exact).total.area_um2
    two = target.cost(lenet, {"fc1": cheap, "fc2": cheapest}, exact).total.area_um2
    everywhere = target.cost(lenet, {work.name: cheap for work in lenet}, exact).total.area_um2
    # 16 gates for the operands and 16 to join the product with the others: 32 / 8.
    assert one == same_twice == pytest.approx(baseline + 256 * (250 + 4))
    assert two == pytest.approx(baseline + 256 * (250 + 4 + 100 + 4))
    assert everywhere == pytest.approx(baseline + 256 * (250 - 400))


def test_cheaper_multipliers_take_less_energy(lenet, exact, cheap, cheapest):
    target = array()
    energies = [
        target.cost(lenet, {work.name: choice for work in lenet}, exact).total.energy_uj
        for choice in (exact, cheap, cheapest)
    ]
    assert energies == sorted(energies, reverse=True)
    assert target.cost(lenet, {"conv2": cheapest}, exact).total.energy_uj < energies[0]


def test_multiplier_per_channel(lenet, exact, cheap):
    mixed = array().cost(lenet, {"conv1": [exact, cheap] * 3}, exact)
    assert mixed.layers[0].multipliers == {"exact": 3, "cheap": 3}
    assert mixed.total.multiplication_energy_uj == pytest.approx(
        (sum(work.macs for work in lenet[1:]) * 300 + 784 * 25 * 3 * (300 + 160)) * 1e-9
    )
    uniform = array().cost(lenet, {"conv1": [cheap] * 6}, exact)
    assert uniform == array().cost(lenet, {"conv1": cheap}, exact)


def test_only_latency_is_separable():
    target = array()
    assert target.separable("latency")
    assert not any(target.separable(objective) for objective in ("area", "energy", "power"))
    with pytest.raises(ConfigError, match="did you mean power"):
        target.separable("powr")


def test_costing_twenty_layers_takes_less_than_a_millisecond(exact, cheap, cheapest):
    layers = tuple(LayerWorkload(f"conv{i}", "Conv", 196, 64, 576) for i in range(20))
    target = load_target("temporal")
    assignment = {f"conv{i}": (cheap, cheapest)[i % 2] for i in range(15)}
    target.cost(layers, assignment, exact)
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(20):
            target.cost(layers, assignment, exact)
        rounds.append((time.process_time() - start) / 20)
    assert min(rounds) < 1e-3


def test_weights_that_stay_need_no_multiplexer_for_sums(exact):
    layer = LayerWorkload("fc", "Gemm", 10, 10, 84)
    areas, energies = {}, {}
    for dataflow in ("output-stationary", "weight-stationary"):
        total = array(rows=4, cols=4, dataflow=dataflow, memories="none").cost((layer,), {}, exact)
        areas[dataflow] = total.total.area_um2
        energies[dataflow] = total.total.energy_parts.periphery_uj
    # 9 bits are chosen in place of 32, and the last row has registers of weights.
    less = 16 * 23 / 4 - 2 * (4 + 4 * 8)
    assert areas["output-stationary"] - areas["weight-stationary"] == pytest.approx(less)
    # Changes of 8 bits of weights and a multiplexer fall away; sums change 0.43 of their bits in
    # place of 0.1, products 0.3 in place of 0.35, and an adder takes 0.69 of 16.
    saved = 8400 * (2 * (8 * 0.5 + 16 * 0.05 - 32 * 0.33) + 32 / 4 + 0.31 * 16)
    ticks = {name: array(rows=4, cols=4, dataflow=name).compute_cycles(layer) for name in areas}
    saved += ticks["output-stationary"] * (16 * 65 - 68) - ticks["weight-stationary"] * (
        16 * 65 - 32
    )
    assert energies["output-stationary"] - energies["weight-stationary"] == pytest.approx(
        saved * 1e-9
    )


class Used:
    """A multiplier that reads 6 bits of each operand and leaves the lowest 4 of its product 0."""

    activation, weight, product, low_zeros = 6, 6, 12, 4


def test_bits_that_are_not_used_are_spared(exact):
    figures = replace(exact.cost, bits=Used())
    lean = type(exact)("lean", figures)
    layer = LayerWorkload("fc", "Gemm", 10, 10, 84)
    spared = {}
    for kind in ("multi-mode", "partitioned"):
        target = array(rows=4, cols=4, heterogeneity=kind, memories="none")
        whole, part = (target.cost((layer,), {"fc": one}, one).total for one in (exact, lean))
        spared[kind] = whole.area_um2 - part.area_um2
        clock = whole.energy_parts.periphery_uj - part.energy_parts.periphery_uj
        bits = 0 if kind == "multi-mode" else 4 + 2
        cycles = target.compute_cycles(layer)
        assert clock == pytest.approx(16 * bits * cycles * 1e-9)
    # Gates of 8 bits / 8; registers of 4 bits of the product and 2 of the weight, 4 of the adder.
    assert spared["multi-mode"] == pytest.approx(16 * 1)
    assert spared["partitioned"] == pytest.approx(16 * (1 + 2 * (4 + 2) + 4))
