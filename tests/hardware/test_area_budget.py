"""Spatial accelerators folded for the fewest cycles within an area."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import load_target
from hawx_onnx.hardware.area_budget import cycles_in_area


def within(budget, target="spatial", key="area_budget_um2"):
    return load_target(target).override(**{key: budget})


def test_the_budget_is_kept_and_one_cycle_less_breaks_it(lenet, exact):
    free = load_target("spatial").override(when_unmet="relax")
    for budget in (60_000.0, 120_000.0, 250_000.0):
        target = within(budget).for_network(lenet, exact)
        assert target.cost(lenet, {}, exact).total.area_um2 <= budget
        before = free.override(target_cycles=target.target_cycles - 1)
        assert before.cost(lenet, {}, exact).total.area_um2 > budget
        assert within(budget).cost(lenet, {}, exact) == target.cost(lenet, {}, exact)
        assert f"within area_budget_um2 {budget:g}" in target.description


def test_more_area_is_never_slower(lenet, exact):
    cycles = [
        within(budget).for_network(lenet, exact).target_cycles
        for budget in (60_000.0, 120_000.0, 250_000.0)
    ]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > cycles[-1]


def test_approximate_multipliers_change_no_engine(lenet, exact, cheapest):
    target = within(120_000.0)
    chosen = {work.name: cheapest for work in lenet}
    found, plain = target.cost(lenet, chosen, exact), target.cost(lenet, {}, exact)
    assert [layer.mapping for layer in found.layers] == [layer.mapping for layer in plain.layers]
    assert found.total.area_um2 < plain.total.area_um2


def test_look_up_tables_of_an_fpga(lenet):
    exact = components.load("mul8s_exact")
    target = within(8_000, "spatial-dataflow-fpga", "lut_budget")
    assert target.cost(lenet, {}, exact).fpga.area_lut6 <= 8_000
    loose = within(80_000, "spatial-dataflow-fpga", "lut_budget").for_network(lenet, exact)
    assert loose.target_cycles < target.for_network(lenet, exact).target_cycles


def test_budgets_too_small_say_by_how_much(lenet, exact):
    with pytest.raises(ConfigError, match=r"takes [\d.e+]+ um2, area_budget_um2 is 10, .* too few"):
        within(10.0).cost(lenet, {}, exact)
    with pytest.raises(ConfigError, match="no LUT6 count of exact"):
        within(10_000, "spatial-dataflow-fpga", "lut_budget").cost(lenet, {}, exact)


@pytest.mark.parametrize(
    ("target", "keys", "words"),
    [
        ("spatial", {"lut_budget": 100}, "an ASIC has no look-up tables"),
        ("spatial-dataflow-fpga", {"area_budget_um2": 100.0}, "an FPGA has no area in um2"),
        ("spatial", {"area_budget_um2": 1.0, "multiplier_budget": 9}, "are both budgets"),
    ],
)
def test_budgets_that_contradict(target, keys, words):
    with pytest.raises(ConfigError, match=words):
        load_target(target).override(**keys)


def test_many_assignments_want_the_sized_target(lenet, exact):
    channels = np.array([[[work.filters] for work in lenet]])
    with pytest.raises(ConfigError, match="for_network"):
        within(120_000.0).cost_many(lenet, [exact], channels)
    sized = within(120_000.0).for_network(lenet, exact)
    many = sized.cost_many(lenet, [exact], channels)
    assert many.area_um2[0] == pytest.approx(sized.cost(lenet, {}, exact).total.area_um2)


def test_halving_finds_the_least(lenet):
    found = cycles_in_area(lenet, lambda cycles: 1e6 / cycles, 1e6 / 5000, "um2", "key", "t")
    assert found == 5000


def test_smaller_designs_that_happen_to_fit_are_found(lenet):
    # 4,704 cycles are those of conv1 with 25 multipliers.
    area = {4704: 1.0}
    found = cycles_in_area(
        lenet, lambda cycles: area.get(cycles, 1e6 / cycles), 1e6 / 5000, "um2", "key", "t"
    )
    assert found == 4704
