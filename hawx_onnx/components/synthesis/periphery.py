"""Adders, registers, gates and exact multipliers of a technology, by the same flow."""

from __future__ import annotations

from typing import Any

import numpy as np

from hawx_onnx.components.builtin import builtin_network, exact
from hawx_onnx.components.cache import cached, key_of
from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.netlist.arithmetic import add
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.network import GateNetwork, Port
from hawx_onnx.components.netlist.simulation import pack
from hawx_onnx.components.netlist.yosys import Yosys, find_yosys
from hawx_onnx.components.network_operands import network_operands
from hawx_onnx.components.synthesis.blif import to_blif
from hawx_onnx.components.synthesis.characterization import (
    CostedNetlist,
    characterize,
    costed_netlist,
    provenance,
)
from hawx_onnx.components.synthesis.liberty import Cell, CellLibrary
from hawx_onnx.components.synthesis.mapping import FLOW, map_to_cells
from hawx_onnx.components.synthesis.power import (
    UNIT_DELAY,
    VECTORS,
    Stimulus,
    draw,
    stimulated_energies,
)
from hawx_onnx.components.synthesis.technology import technology_name
from hawx_onnx.components.synthesis.technology_costs import Row, TechnologyCosts, row_of
from hawx_onnx.components.tables import CODES, Encoding

WIDEST_ADDER = 72
"""Bits up to which adders are characterised one by one; each further bit costs as the last one."""

ACCUMULATED = 128
"""Products summed up before a sum starts anew; windows of layers have tens to thousands."""

WORD = 32
"""Bits of the words that gates and multiplexers are characterised with."""

ALL_ONES = np.uint64(2**64 - 1)
_PARTS = (slice(-1), slice(1, None))


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
    data = next(pin for pin in cell.inputs if pin != cell.clock)
    change = cell.energy_of_change(library.input_slew_ns, library.output_load_ff)
    return ComponentCost(
        technology=technology_name(library, mode),
        area_um2=cell.area_um2,
        delay_ns=0.0,
        energy_fj=register_clock_fj(library, cell) + (change + _drawn(library, cell, data)) / 2,
        leakage_nw=cell.leakage_nw,
        provenance=f"{cell.name} of {library.name}, {library.voltage:g} V",
    )


def register_clock_fj(library: CellLibrary, flip_flop: Cell) -> float:
    """Returns what one rise and fall of the clock costs a flip-flop whose value stays."""
    load = flip_flop.inputs[flip_flop.clock] * library.voltage**2
    return load + 2 * _drawn(library, flip_flop, flip_flop.clock)


def _drawn(library: CellLibrary, cell: Cell, pin: str) -> float:
    """Returns what one change of an input draws in a cell, the mean over rises and falls."""
    tables = cell.input_energy.get(pin, ())
    slew = library.input_slew_ns
    return sum(table(slew, 0.0) for table in tables) / max(len(tables), 1)


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
    adders, accumulate_fj = _adders(library, mode, yosys)
    gate, multiplexer = _switches(library, mode, yosys)
    return TechnologyCosts(
        technology=technology_name(library, mode, operands),
        provenance=provenance(library, mode, None, yosys.version),
        adders=adders,
        register_bit=None if register is None else row_of(register),
        exact=known,
        accumulate_fj=accumulate_fj,
        register_clock_fj=register_clock_fj(library, cell) if (cell := library.flip_flop) else None,
        gate_bit=gate,
        multiplexer_bit=multiplexer,
    )


def _adders(
    library: CellLibrary, mode: str, yosys: Yosys
) -> tuple[tuple[Row, ...], tuple[float, ...]]:
    """Returns the figures of adders of all widths; seconds, and so kept in the cache."""
    networks = [adder_network(bits) for bits in range(1, WIDEST_ADDER + 1)]

    def make() -> dict[str, list[Any]]:
        mapped = map_to_cells(networks, library, yosys)
        costed = [costed_netlist(network, library, mode) for network in mapped]
        return {
            "rows": [_row(netlist) for netlist in costed],
            "accumulate_fj": [_under(one, accumulation(n)) for n, one in enumerate(costed, 1)],
        }

    circuits = (to_blif(network) for network in networks)
    key = key_of("3", FLOW, str(VECTORS), mode, yosys.version, library.digest, *circuits)
    found = cached("adders", key, make)
    rows = tuple((area, delay, energy, leakage) for area, delay, energy, leakage in found["rows"])
    return rows, tuple(found["accumulate_fj"])


def _switches(library: CellLibrary, mode: str, yosys: Yosys) -> tuple[Row, Row]:
    """Returns a bit of a word that is gated, and of a choice of two words.

    Gates pass random words on while what controls them stays; multiplexers stand behind an adder.
    """
    ports = (Port("A", WORD), Port("B", WORD), Port("S", 1))
    gate, multiplexer = Builder((ports[0], ports[2])), Builder(ports)
    (open_,), (other,) = gate.input("S"), multiplexer.input("S")
    passed = tuple(gate.and_(bit, open_) for bit in gate.input("A"))
    pairs = zip(multiplexer.input("A"), multiplexer.input("B"), strict=True)
    chosen = tuple(multiplexer.mux(other, one, two) for one, two in pairs)
    networks = (gate.network("gate", {"O": passed}), multiplexer.network("mux", {"O": chosen}))
    rows = []
    for network, control in zip(map_to_cells(networks, library, yosys), (True, False), strict=True):
        netlist = costed_netlist(network, library, mode)
        drawn = draw(network.inputs)
        held = np.full_like(drawn.before[-1:], ALL_ONES if control else 0)
        stimulus = Stimulus(*(np.concatenate([w[:-1], held]) for w in (drawn.before, drawn.after)))
        area, delay, _, leakage = _row(netlist)
        rows.append((area / WORD, delay, _under(netlist, stimulus) / WORD, leakage / WORD))
    area, delay, _, leakage = rows[1]
    return rows[0], (area, delay, _chosen_sum_fj(library, mode, yosys), leakage)


def _chosen_sum_fj(library: CellLibrary, mode: str, yosys: Yosys) -> float:
    """Returns what a multiplexer behind an adder takes for each bit, in its place.

    It sees all that the adder ripples through. Cells of both merge, so that it is found as what
    the two take together beyond the adder alone. The other word is the sum of a neighbour.
    """
    ports = (Port("A", WORD), Port("B", WORD), Port("C", WORD), Port("S", 1))
    build = Builder(ports)
    total = add(build, build.input("A"), build.input("B"), width=WORD)
    (other,) = build.input("S")
    pairs = zip(total, build.input("C"), strict=True)
    chosen = tuple(build.mux(other, one, two) for one, two in pairs)
    networks = [adder_network(WORD), build.network("shifted", {"O": chosen})]
    own, neighbour = accumulation(WORD), accumulation(WORD, seed=1)
    zero = np.zeros_like(own.before[:1])
    wider = Stimulus(
        *(
            np.concatenate([getattr(own, when), getattr(neighbour, when)[:WORD], zero])
            for when in ("before", "after")
        )
    )
    alone, both = (costed_netlist(n, library, mode) for n in map_to_cells(networks, library, yosys))
    return max(_under(both, wider) - _under(alone, own), 0.0) / WORD


def accumulation(bits: int, vectors: int = VECTORS, seed: int = 0) -> Stimulus:
    """Returns what an accumulator adds: products of signed codes as networks have them.

    Codes are about normal; those of activations have passed a ReLU, so that half of them are 0.

    Args:
        bits: Width of the adder: its operands are the sum so far and the next product.
        vectors: Additions, a multiple of 64.
        seed: Of the operands.
    """
    share = network_operands(Encoding.SIGNED).weight
    drawn = np.random.default_rng(seed).choice(CODES, (2, vectors + 1), p=share)
    activations, weights = drawn.astype(np.uint8).view(np.int8).astype(np.int64)
    activations = np.maximum(activations, 0)
    products = activations * weights
    # Sums start anew after every window.
    starts = np.arange(vectors + 1) // ACCUMULATED * ACCUMULATED
    ends = np.concatenate([[0], np.cumsum(products)])
    sums = ends[:-1] - ends[starts]
    words = [np.stack([*pack(sums[part], bits), *pack(products[part], bits)]) for part in _PARTS]
    return Stimulus(*words)


def _under(netlist: CostedNetlist, stimulus: Stimulus) -> float:
    """Returns the energy of an operation under a stimulus, in fJ."""
    (found,) = stimulated_energies(netlist.network, netlist.energies, [stimulus], mode=netlist.mode)
    return found.energy_fj


def _row(netlist: CostedNetlist) -> Row:
    """Returns the figures of a netlist under random words."""
    energy = netlist.energy().energy_fj
    return netlist.area_um2, netlist.delay_ns, energy, netlist.leakage_nw
