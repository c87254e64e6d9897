"""Cells of an iCE40, counted by the real yosys."""

from __future__ import annotations

import pytest

from hawx_onnx import components
from hawx_onnx.components import Provenance, StoredMultiplier, builtin_network
from hawx_onnx.components.netlist.network import Gate, GateNetwork, Output, Port
from hawx_onnx.components.synthesis import shipped
from hawx_onnx.components.synthesis.ice40 import ice40_cells
from hawx_onnx.components.synthesis.libraries import network_of
from hawx_onnx.errors import ComponentError

PRODUCT = "module m(input [7:0] A, input [7:0] B, output [15:0] O); assign O = A * B; endmodule\n"


def held(text: str, core: bool = False) -> StoredMultiplier:
    known = components.load("mul8sm_exact" if core else "mul8u_exact")
    about = Provenance(top="m", ports=("A", "B", "O"), core=core)
    return StoredMultiplier(
        "mine", known.encoding, known.table, None, "", "", provenance=about, verilog=text
    )


def test_small_circuits_take_as_many_tables_as_they_must(yosys):
    """Four inputs fit a table, five take two; wires and constants take none."""
    ports = (Port("A", 8), Port("B", 8))
    four = (Gate("AND", (2, 3)), Gate("XOR", (10, 11)), Gate("OR", (18, 19)))
    five = (*four, Gate("XOR", (20, 4)))
    multiplier = components.load("mul8s_exact")
    for gates, signal, count in ((four, 20, 1), (five, 21, 2), ((), 5, 0), ((), 1, 0)):
        network = GateNetwork("x.y", ports, (Output("O", (signal,)),), gates)
        found = ice40_cells(multiplier, network, yosys)
        assert (found.lut4, found.carry) == (count, 0)


def test_additions_of_the_verilog_take_carry_chains(yosys):
    multiplier = held(PRODUCT)
    network = network_of(multiplier, yosys)
    told = ice40_cells(multiplier, network, yosys)
    gates = ice40_cells(components.load("mul8u_exact"), network, yosys)
    assert told.carry > 0 == gates.carry
    assert told.lut4 > 16
    wrapped = held(PRODUCT, core=True)
    whole = ice40_cells(wrapped, network_of(wrapped, yosys), yosys)
    assert whole.lut4 > told.lut4
    assert whole.carry > told.carry  # the sign logic negates


def test_shipped_counts_are_those_of_their_yosys(yosys):
    """Other releases count otherwise, by up to a fifth."""
    told = shipped.fpga_tool()
    name = "mul8s_trunc4"
    found = ice40_cells(components.load(name), builtin_network(name), yosys)
    within = 0 if yosys.version == told else 0.25
    assert found.lut4 == pytest.approx(shipped.figures(name)["ice40_lut4"], rel=within)


def test_verilog_that_yosys_refuses_is_told(yosys):
    with pytest.raises(ComponentError, match=r"mine\.v:1: yosys: syntax error"):
        ice40_cells(held("module m(;"), builtin_network("mul8u_exact"), yosys)
