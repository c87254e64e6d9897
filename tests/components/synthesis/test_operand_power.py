"""Energies under given operands, of components and of layers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.operand_power import component_energies, component_energy
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, load_target

UNIFORM = np.ones(256)


def only(*codes: int) -> np.ndarray:
    counts = np.zeros(256)
    counts[list(codes)] = 1
    return counts


def test_energy_follows_the_operands():
    multiplier = components.load("mul8s_exact")
    whole = component_energy(multiplier, UNIFORM, UNIFORM)
    assert whole == pytest.approx(multiplier.cost.energy_fj, rel=0.03)
    assert component_energy(multiplier, only(3), only(77)) == 0
    small = component_energy(multiplier, only(0, 1, 2, 3), UNIFORM)
    assert 0 < small < 0.5 * whole


def test_without_a_netlist_there_is_no_energy():
    multiplier = components.load("mul8s_trunc2")
    bare = dataclasses.replace(multiplier, cost=None)
    assert component_energy(bare, UNIFORM, UNIFORM) is None
    foreign = dataclasses.replace(multiplier.cost, technology="elsewhere", netlist=None)
    other = dataclasses.replace(multiplier, cost=foreign)
    assert component_energy(other, UNIFORM, UNIFORM) is None


def test_many_at_once_are_the_same_as_one_by_one():
    known = [components.load(name) for name in ("mul8s_exact", "mul8sm_drum4", "mul8s_trunc2")]
    multipliers = [*known, dataclasses.replace(known[0], name="bare", cost=None)]
    operands = [(UNIFORM, UNIFORM), (only(0, 3, 200), UNIFORM), (UNIFORM, only(1, 9))]
    found = component_energies(multipliers, operands)
    assert found == [[component_energy(m, *pair) for m in multipliers] for pair in operands]
    assert [row[3] for row in found] == [None] * 3
    assert len({row[0] for row in found}) == 3


def test_a_table_that_equals_a_built_in_one_costs_what_that_does():
    known = components.load("mul8s_trunc2")
    found = components.with_known_cost(dataclasses.replace(known, name="mine", cost=None))
    assert component_energy(found, UNIFORM, UNIFORM) == component_energy(known, UNIFORM, UNIFORM)


def test_histograms_are_checked():
    with pytest.raises(ConfigError, match="weight"):
        component_energy(components.load("mul8s_exact"), UNIFORM, np.zeros(256))


@pytest.mark.parametrize("kind", ["temporal", "spatial"])
def test_layers_cost_their_own_energy(kind):
    exact, cheap = components.load("mul8s_exact"), components.load("mul8s_trunc2")
    plain = tuple(LayerWorkload(name, "Conv", 64, 8, 27) for name in "ab")
    energies = (("mul8s_exact", 1000.0), ("mul8s_trunc2", 400.0))
    own = (dataclasses.replace(plain[0], energies_fj=energies), plain[1])
    target = load_target(kind)
    choice = {"a": cheap, "b": cheap}
    change = (cheap.cost.energy_fj - 400.0) * plain[0].macs * 1e-9
    before = target.cost(plain, choice, exact).total.energy_uj
    report = target.cost(own, choice, exact)
    assert before - report.total.energy_uj == pytest.approx(change)
    terms = target.cost_terms(own, [exact, cheap], "energy")
    assert terms.evaluate([(1, 1)])[0] == pytest.approx(report.total.energy_uj)
