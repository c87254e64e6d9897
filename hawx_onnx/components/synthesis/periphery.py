"""Adders and registers around multipliers, characterised by the same flow."""

from __future__ import annotations

from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.netlist.arithmetic import add
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.network import GateNetwork, Port
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.components.synthesis.technology import technology_name

WIDEST_ADDER = 72
"""Bits up to which adders are characterised one by one; each further bit costs as the last one."""


def adder_network(bits: int) -> GateNetwork:
    """Returns a ripple-carry adder of two words, the smallest there is, without carry out."""
    build = Builder((Port("A", bits), Port("B", bits)))
    total = add(build, build.input("A"), build.input("B"), width=bits)
    return build.network(f"adder{bits}", {"O": total})


def register_bit(library: CellLibrary, mode: str) -> ComponentCost | None:
    """Returns what one bit of a register costs, its energy that of one capture.

    The clock rises and falls once, half of the bits change; the clock's tree is not counted, and
    what the output drives is counted where it is driven to. None where the library has no
    flip-flop.
    """
    cell = library.flip_flop
    if cell is None:
        return None
    square, slew = library.voltage**2, library.input_slew_ns
    drawn = {
        pin: sum(table(slew, 0.0) for table in tables) / len(tables)
        for pin, tables in cell.input_energy.items()
    }
    data = next(pin for pin in cell.inputs if pin != cell.clock)
    clock = cell.inputs[cell.clock] * square + 2 * drawn.get(cell.clock, 0.0)
    change = cell.energy_of_change(slew, library.output_load_ff) + drawn.get(data, 0.0)
    return ComponentCost(
        technology=technology_name(library, mode),
        area_um2=cell.area_um2,
        delay_ns=0.0,
        energy_fj=clock + change / 2,
        leakage_nw=cell.leakage_nw,
        provenance=f"{cell.name} of {library.name}, {library.voltage:g} V",
    )
