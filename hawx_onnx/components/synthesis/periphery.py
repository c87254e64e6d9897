"""Adders, registers and exact multipliers of a technology, characterised by the same flow."""

from __future__ import annotations

from hawx_onnx.components.builtin import builtin_network, exact
from hawx_onnx.components.cache import cached, key_of
from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.netlist.arithmetic import add
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.network import GateNetwork, Port
from hawx_onnx.components.netlist.yosys import Yosys, find_yosys
from hawx_onnx.components.synthesis.blif import to_blif
from hawx_onnx.components.synthesis.characterization import (
    CostedNetlist,
    characterize,
    costed_netlist,
    provenance,
)
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.components.synthesis.mapping import FLOW, map_to_cells
from hawx_onnx.components.synthesis.power import UNIT_DELAY, VECTORS
from hawx_onnx.components.synthesis.technology import technology_name
from hawx_onnx.components.synthesis.technology_costs import Row, TechnologyCosts, row_of
from hawx_onnx.components.tables import Encoding

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


def characterize_periphery(
    library: CellLibrary,
    *,
    mode: str = UNIT_DELAY,
    operands: OperandHistograms | None = None,
    yosys: Yosys | None = None,
) -> TechnologyCosts:
    """Returns what every budget of a technology needs besides its candidates.

    Args:
        library: The cells.
        mode: How toggles are counted.
        operands: Distribution of the exact multipliers' operands; by default uniform. Adders and
            registers get random words in any case.
        yosys: The program; by default the one that is found.

    Raises:
        LibraryError: There is no yosys, or it cannot map to these cells.
    """
    yosys = yosys or find_yosys()
    register = register_bit(library, mode)
    known = {
        encoding: characterize(
            builtin_network(exact(encoding).name),
            library,
            mode=mode,
            operands=operands,
            yosys=yosys,
        ).cost
        for encoding in (Encoding.SIGNED, Encoding.UNSIGNED)
    }
    return TechnologyCosts(
        technology=technology_name(library, mode, operands),
        provenance=provenance(library, mode, None, yosys.version),
        adders=_adders(library, mode, yosys),
        register_bit=None if register is None else row_of(register),
        exact=known,
    )


def _adders(library: CellLibrary, mode: str, yosys: Yosys) -> tuple[Row, ...]:
    """Returns the figures of adders of all widths; seconds, and so kept in the cache."""
    networks = [adder_network(bits) for bits in range(1, WIDEST_ADDER + 1)]

    def make() -> dict[str, list[Row]]:
        mapped = map_to_cells(networks, library, yosys)
        return {"rows": [_row(costed_netlist(network, library, mode)) for network in mapped]}

    circuits = (to_blif(network) for network in networks)
    key = key_of(FLOW, str(VECTORS), mode, yosys.version, library.digest, *circuits)
    rows = cached("adders", key, make)["rows"]
    return tuple((area, delay, energy, leakage) for area, delay, energy, leakage in rows)


def _row(netlist: CostedNetlist) -> Row:
    """Returns the figures of a netlist under random words."""
    energy = netlist.energy().energy_fj
    return netlist.area_um2, netlist.delay_ns, energy, netlist.leakage_nw
