"""What one change of each signal of a mapped netlist costs."""

from __future__ import annotations

import numpy as np

from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.components.synthesis.power import Energies
from hawx_onnx.components.synthesis.timing import Timing


def change_energies(network: GateNetwork, library: CellLibrary, timing: Timing) -> Energies:
    """Returns the energy of one change of each signal, in fJ.

    That is the internal energy of the cell that drives it, at the load and the transition found by
    timing; charging or discharging what it drives, C V^2 / 2; and what changes of their inputs cost
    the cells that it drives. A circuit's inputs are driven from elsewhere: their loads count, their
    drivers do not. Rises and falls alternate, so that their mean is what a change costs.
    """
    half_square = library.voltage**2 / 2
    energies = np.array(timing.loads_ff) * half_square
    energies[:2] = 0.0
    for index, gate in enumerate(network.gates, network.first_gate):
        cell = library.cells[gate.kind]
        slew = max(timing.slews_ns[signal] for signal in gate.inputs)
        energies[index] += cell.energy_of_change(slew, timing.loads_ff[index])
        for pin, signal in zip(cell.inputs, gate.inputs, strict=True):
            tables = cell.input_energy.get(pin, ())
            if tables and signal > 1:
                drawn = sum(table(timing.slews_ns[signal], 0.0) for table in tables)
                energies[signal] += drawn / len(tables)
    return energies


def leakage_nw(network: GateNetwork, library: CellLibrary) -> float:
    """Returns the static power of a netlist in nW: the sum over its cells."""
    return sum(library.cells[gate.kind].leakage_nw for gate in network.gates)


def area_um2(network: GateNetwork, library: CellLibrary) -> float:
    """Returns the cell area of a netlist in um2."""
    return sum(library.cells[gate.kind].area_um2 for gate in network.gates)
