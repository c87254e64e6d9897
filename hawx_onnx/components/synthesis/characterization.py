"""A circuit's figures in one technology: mapped, timed, and its toggles counted."""

from __future__ import annotations

from dataclasses import dataclass

from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.netlist.yosys import Yosys
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.components.synthesis.mapping import map_network
from hawx_onnx.components.synthesis.netlist_energy import area_um2, change_energies, leakage_nw
from hawx_onnx.components.synthesis.power import (
    UNIT_DELAY,
    VECTORS,
    DynamicEnergy,
    Energies,
    dynamic_energy,
)
from hawx_onnx.components.synthesis.technology import cell_library, technology_name
from hawx_onnx.components.synthesis.timing import analyse_timing


@dataclass(frozen=True, eq=False)
class CostedNetlist:
    """A circuit of cells with what does not depend on its operands.

    Attributes:
        network: The cells.
        energies: What one change of each signal costs in fJ, by number.
        area_um2: Cell area.
        delay_ns: Longest path.
        leakage_nw: Static power.
        mode: How its toggles are counted, ``unit-delay`` or ``zero-delay``.
    """

    network: GateNetwork
    energies: Energies
    area_um2: float
    delay_ns: float
    leakage_nw: float
    mode: str = UNIT_DELAY

    def energy(self, operands: OperandHistograms | None = None, seed: int = 0) -> DynamicEnergy:
        """Returns the dynamic energy of one operation, by default under random operands."""
        return dynamic_energy(self.network, self.energies, operands, mode=self.mode, seed=seed)


@dataclass(frozen=True)
class Characterization:
    """What synthesis tells of a circuit.

    Attributes:
        cost: Its figures; their technology names cells, voltage, power mode and flow.
        energy_error_fj: Standard error of the energy, from the random choice of operands.
        cells: How many cells it has.
        lut6: Look-up tables of six inputs on an FPGA.
    """

    cost: ComponentCost
    energy_error_fj: float
    cells: int
    lut6: int

    def figures(self) -> dict[str, float]:
        """Returns what is no cost, by the names that libraries have for it."""
        return {
            "cells": float(self.cells),
            "lut6": float(self.lut6),
            "energy_standard_error_fj": self.energy_error_fj,
        }


def costed_netlist(
    network: GateNetwork, library: CellLibrary, mode: str = UNIT_DELAY
) -> CostedNetlist:
    """Returns a mapped circuit with its area, delay, leakage and energies."""
    timing = analyse_timing(network, library)
    return CostedNetlist(
        network=network,
        energies=change_energies(network, library, timing),
        area_um2=area_um2(network, library),
        delay_ns=timing.delay_ns,
        leakage_nw=leakage_nw(network, library),
        mode=mode,
    )


def characterize(
    network: GateNetwork,
    library: CellLibrary | None = None,
    *,
    mode: str = UNIT_DELAY,
    operands: OperandHistograms | None = None,
    yosys: Yosys | None = None,
) -> Characterization:
    """Maps a circuit and returns its figures.

    Args:
        network: The circuit; with operands given, an 8-bit multiplier, the activation first.
        library: The cells; by default those of :func:`cell_library`.
        mode: How toggles are counted, ``unit-delay`` or ``zero-delay``.
        operands: Distribution of a multiplier's operands; by default uniform.
        yosys: The program; by default the one that is found.

    Raises:
        ConfigError: There is no such mode.
        LibraryError: There is no yosys, or it cannot map to these cells.
    """
    library = library or cell_library()
    mapping = map_network(network, library, yosys)
    netlist = costed_netlist(mapping.network, library, mode)
    power = netlist.energy(operands)
    cost = ComponentCost(
        technology=technology_name(library, mode, operands),
        area_um2=netlist.area_um2,
        delay_ns=netlist.delay_ns,
        energy_fj=power.energy_fj,
        leakage_nw=netlist.leakage_nw,
        provenance=provenance(library, mode, operands, mapping.tool),
        netlist=lambda: netlist,
    )
    return Characterization(
        cost=cost,
        energy_error_fj=power.standard_error_fj,
        cells=len(mapping.network.gates),
        lut6=mapping.lut6,
    )


def provenance(
    library: CellLibrary, mode: str, operands: OperandHistograms | None, tool: str
) -> str:
    """Returns one line on how figures came about."""
    drawn = "uniform operands" if operands is None else "operands of a given distribution"
    return (
        f"mapped by {tool} to {library.name}, {library.voltage:g} V; toggles of {VECTORS} "
        f"operations with {drawn}, {mode.replace('-', ' ')}; no wires"
    )
