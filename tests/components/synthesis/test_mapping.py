"""Mapping by the real yosys: the same circuit, the same figures from every yosys."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import builtin_network
from hawx_onnx.components.netlist.network import Gate, GateNetwork, Output, Port
from hawx_onnx.components.netlist.simulation import multiplication_table
from hawx_onnx.components.synthesis import cell_library, characterize
from hawx_onnx.components.synthesis.mapping import map_network
from hawx_onnx.components.synthesis.periphery import adder_network
from hawx_onnx.components.synthesis.shipped import characterization, technologies
from hawx_onnx.components.synthesis.technology import GENERIC, OSU018

SAMPLE = ("mul8s_exact", "mul8u_drum4", "mul8sm_bam_h2_v6", "mul8s_bbm_v5")


def test_mapped_circuits_compute_the_same(yosys):
    library = cell_library(GENERIC)
    network = builtin_network("mul8sm_mitchell")
    mapping = map_network(network, library, yosys)
    assert {gate.kind for gate in mapping.network.gates} <= set(library.functions)
    assert mapping.tool == yosys.version
    table = multiplication_table(mapping.network, signed=True)
    assert np.array_equal(table, components.load("mul8sm_mitchell").table)


def test_constants_and_wires_map(yosys):
    """Outputs that are 0, 1 or an input, and one signal at two outputs."""
    ports = (Port("A", 8), Port("B", 8))
    outputs = (Output("O", (0, 1, 2, 17, 18, 18)),)
    network = GateNetwork("odd", ports, outputs, (Gate("XOR", (2, 10)),))
    mapping = map_network(network, cell_library(GENERIC), yosys)
    same = [multiplication_table(each, signed=False) for each in (network, mapping.network)]
    assert np.array_equal(*same)
    assert mapping.lut6 == 1
    empty = GateNetwork("zero", ports, (Output("O", (0,) * 16),), ())
    found = characterize(empty, cell_library(GENERIC), yosys=yosys)
    assert (found.cells, found.lut6, found.cost.area_um2, found.cost.energy_fj) == (0, 0, 0, 0)


def test_native_and_webassembly_agree(both):
    """The short form of benchmarks/yosys_agreement.py, which compares all multipliers."""
    library = cell_library()
    for name in SAMPLE:
        native, package = (characterize(builtin_network(name), library, yosys=y) for y in both)
        for field in ("area_um2", "delay_ns", "energy_fj", "leakage_nw"):
            ours, theirs = getattr(native.cost, field), getattr(package.cost, field)
            assert ours == pytest.approx(theirs, rel=0.02), (name, field)
        assert native.lut6 == package.lut6


@pytest.mark.parametrize("technology", range(len(technologies())))
def test_shipped_figures_are_those_of_the_flow(yosys, osu018, technology):
    name = technologies()[technology]
    library = cell_library(GENERIC if name.startswith("generic") else OSU018)
    mode = "zero-delay" if "zero-delay" in name else "unit-delay"
    for multiplier in SAMPLE:
        fresh = characterize(builtin_network(multiplier), library, mode=mode, yosys=yosys)
        shipped = characterization(multiplier, name)
        assert fresh.cost.technology == shipped.cost.technology
        for field in ("area_um2", "delay_ns", "energy_fj", "leakage_nw"):
            expected = getattr(shipped.cost, field)
            assert getattr(fresh.cost, field) == pytest.approx(expected, rel=0.02)


def test_runs_are_kept_by_content(yosys, tmp_path, monkeypatch):
    monkeypatch.setenv("HAWX_ONNX_CACHE", str(tmp_path))
    library, network = cell_library(GENERIC), adder_network(4)
    first = characterize(network, library, yosys=yosys)
    entries = list(tmp_path.rglob("*.json"))
    assert len(entries) == 1
    stamp = entries[0].stat().st_mtime_ns
    assert characterize(network, library, yosys=yosys) == first
    assert entries[0].stat().st_mtime_ns == stamp
    characterize(adder_network(5), library, yosys=yosys)
    assert len(list(tmp_path.rglob("*.json"))) == 2
