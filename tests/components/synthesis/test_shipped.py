"""The figures that come with the package, without any yosys."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.netlist.simulation import multiplication_table
from hawx_onnx.components.network_operands import network_operands
from hawx_onnx.components.synthesis import shipped


def test_every_built_in_multiplier_is_characterised():
    technology = shipped.technologies()[0]
    assert technology.startswith("osu018-1.8V-unit-delay-flow")
    for name in components.names():
        cost = components.load(name).cost
        assert cost is not None and cost.technology == technology
        assert min(cost.area_um2, cost.delay_ns, cost.energy_fj, cost.leakage_nw) > 0
        found = shipped.characterization(name)
        assert found is not None and found.cost == cost
        assert 0 < found.energy_error_fj < 0.03 * cost.energy_fj
        figures = shipped.figures(name)
        assert 0 < found.lut6 == figures["lut6"] <= found.cells
        assert 0 < figures["ice40_lut4"] <= found.cells
        assert figures["ice40_carry"] == 0  # circuits of gates tell of no additions
    assert shipped.characterization("mul8s_none") is None
    assert shipped.figures("mul8s_none") == {}
    assert shipped.characterization("mul8s_exact", "elsewhere") is None


@pytest.mark.parametrize("name", components.names())
def test_netlists_compute_the_tables_at_the_energies_told(name):
    netlist, multiplier = shipped.netlist(name), components.load(name)
    assert netlist is not None
    found = multiplication_table(netlist.network, signed=True)
    assert np.array_equal(found.astype(np.int16), multiplier.table.astype(np.int16))
    assert netlist.energy().energy_fj == pytest.approx(multiplier.cost.energy_fj, rel=1e-3)
    under = netlist.energy(network_operands(multiplier.encoding)).energy_fj
    assert under == pytest.approx(shipped.network_energy(name), rel=1e-3)


def test_adders_and_registers():
    costs = shipped.technology_costs(shipped.technologies()[0])
    areas = [costs.adder(bits).area_um2 for bits in (1, 8, 32, 72, 73, 74)]
    assert areas == sorted(areas)
    assert areas[5] - areas[4] == pytest.approx(areas[4] - areas[3])
    assert costs.register(32).area_um2 == 32 * 96
    assert shipped.technology_costs("elsewhere") is None
    exact = costs.exact_multiplier(components.Encoding.SIGNED)
    assert exact == components.load("mul8s_exact").cost
    assert exact.periphery is costs
