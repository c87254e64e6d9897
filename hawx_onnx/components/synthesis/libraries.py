"""Libraries put through the flow: each multiplier's circuit found, characterised, its cost kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.netlist.simulation import multiplication_table
from hawx_onnx.components.netlist.wrapping import sign_magnitude_network
from hawx_onnx.components.netlist.yosys import Yosys, find_yosys
from hawx_onnx.components.netlist.yosys_json import elaborate
from hawx_onnx.components.rtl import circuit
from hawx_onnx.components.stored import StoredMultiplier, stored
from hawx_onnx.components.synthesis.characterization import characterize
from hawx_onnx.components.synthesis.ice40 import ice40_cells
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.components.synthesis.periphery import characterize_periphery
from hawx_onnx.components.synthesis.power import UNIT_DELAY
from hawx_onnx.components.synthesis.technology_costs import TechnologyCosts
from hawx_onnx.errors import ComponentError, HawxError


@dataclass(frozen=True)
class NotCharacterised:
    """A multiplier that got no cost, and why."""

    name: str
    error: HawxError


@dataclass(frozen=True)
class Characterised:
    """What became of a library.

    Attributes:
        multipliers: All of it, in order; those with a circuit have the new cost.
        failures: Those without.
    """

    multipliers: tuple[StoredMultiplier, ...]
    failures: tuple[NotCharacterised, ...]


def characterize_library(
    multipliers: Iterable[Multiplier],
    library: CellLibrary,
    *,
    mode: str = UNIT_DELAY,
    operands: OperandHistograms | None = None,
    jobs: int = 0,
    progress: Callable[[int], None] = lambda total: None,
    yosys: Yosys | None = None,
) -> Characterised:
    """Characterises multipliers; one that fails keeps the others.

    Costs replace those that were there; published figures stay beside, as they are.

    Args:
        multipliers: Built-in ones, or those of a library with Verilog.
        library: The cells.
        mode: How toggles are counted.
        operands: Distribution of the operands; by default uniform.
        jobs: Runs of yosys at once; 0 takes all cores.
        progress: Called after each multiplier with their number.
        yosys: The program; by default the one that is found.

    Raises:
        LibraryError: There is no yosys.
    """
    given, program = list(multipliers), yosys or find_yosys()

    def one(multiplier: Multiplier) -> StoredMultiplier | NotCharacterised:
        try:
            network = network_of(multiplier, program)
            found = characterize(network, library, mode=mode, operands=operands, yosys=program)
            cells = ice40_cells(multiplier, network, program)
        except HawxError as error:
            return NotCharacterised(multiplier.name, error)
        figures = {**found.figures(), **cells.figures()}
        kept = stored(multiplier)
        return replace(kept, cost=found.cost, figures={**kept.figures, **figures})

    results = []
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        for result in pool.map(one, given):
            results.append(result)
            progress(len(given))
    failures = tuple(result for result in results if isinstance(result, NotCharacterised))
    whole = tuple(
        stored(multiplier) if isinstance(result, NotCharacterised) else result
        for multiplier, result in zip(given, results, strict=True)
    )
    if len(failures) == len(given):
        return Characterised(whole, failures)
    around = characterize_periphery(library, mode=mode, operands=operands, yosys=program)
    return Characterised(tuple(_with_periphery(one, around) for one in whole), failures)


def _with_periphery(multiplier: StoredMultiplier, around: TechnologyCosts) -> StoredMultiplier:
    """Returns a multiplier whose cost, if it is of that technology, tells the others of it."""
    cost = multiplier.cost
    if cost is None or cost.technology != around.technology:
        return multiplier
    return replace(multiplier, cost=replace(cost, periphery=around))


def network_of(multiplier: Multiplier, yosys: Yosys | None = None) -> GateNetwork:
    """Returns the circuit of a multiplier, the activation first, held against its table.

    Args:
        multiplier: A built-in one, or one of a library with Verilog.
        yosys: Elaborates the Verilog.

    Raises:
        ComponentError: Only a table is known, or the Verilog computes something else.
        LibraryError: There is no yosys.
    """
    known = circuit(multiplier)
    if known is not None:
        return known
    text = multiplier.read_verilog() if isinstance(multiplier, StoredMultiplier) else None
    if text is None or not isinstance(multiplier, StoredMultiplier):
        raise ComponentError(
            "only its truth table is known, which tells nothing of a circuit",
            where=multiplier.name,
            mend="import its Verilog",
        )
    about = multiplier.provenance
    top = about.top or multiplier.name
    network = elaborate(text, top, where=f"{multiplier.name}.v", yosys=yosys).network
    network = _ordered(network, about.ports[0] if about.ports else network.inputs[0].name)
    if about.core:
        core = multiplication_table(network, signed=False)
        spoilt = bool(core[0].any() or core[:, 0].any())
        network = sign_magnitude_network(network, multiplier.name, gate_zero=spoilt)
    table = multiplication_table(network, signed=multiplier.encoding.codes_signed)
    if not np.array_equal(table, multiplier.table):
        raise ComponentError(
            "the Verilog computes other products than the table",
            where=multiplier.name,
            mend="import it anew",
        )
    return network


def _ordered(network: GateNetwork, activation: str) -> GateNetwork:
    """Returns the same circuit with the activation as its first input."""
    first, *others = network.inputs
    if first.name == activation or not others:
        return network
    build = Builder(tuple(reversed(network.inputs)))
    words = {port.name: build.input(port.name) for port in network.inputs}
    return build.network(network.name, build.inline(network, words))
