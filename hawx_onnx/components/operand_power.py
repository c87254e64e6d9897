"""What a multiplication costs under given operands."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy.typing as npt

from hawx_onnx.components.builtin import builtin, builtin_names
from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.network import Port
from hawx_onnx.components.statistics import operand_shares
from hawx_onnx.components.synthesis import shipped
from hawx_onnx.components.synthesis.characterization import CostedNetlist, costed_netlist
from hawx_onnx.components.synthesis.libraries import network_of
from hawx_onnx.components.synthesis.mapping import map_network
from hawx_onnx.components.synthesis.power import MODES, UNIT_DELAY, draw, stimulated_energies
from hawx_onnx.components.synthesis.technology import cell_library, technology_name
from hawx_onnx.errors import HawxError

# Activation and weight, whatever a netlist calls them.
OPERAND_PORTS = (Port("activation", 8), Port("weight", 8))


def component_energy(
    multiplier: Multiplier, activation: npt.ArrayLike, weight: npt.ArrayLike
) -> float | None:
    """Returns the dynamic energy of one multiplication, in femtojoules, or None.

    Operands are drawn independently of each other and over time. The figure belongs to the
    technology of the multiplier's cost.

    Args:
        multiplier: A built-in one, or one that computes the same; or one of a library with
            Verilog, characterised with the default cells and uniform operands.
        activation: How often the activation's codes occur, [256] by bit pattern.
        weight: The same of the weight.

    Returns:
        The energy, or None where circuit, cells or yosys are not at hand.

    Raises:
        ConfigError: A histogram has another shape, is negative, not finite, or counts nothing.
    """
    return component_energies((multiplier,), ((activation, weight),))[0][0]


def component_energies(
    multipliers: Sequence[Multiplier],
    operands: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]],
) -> list[list[float | None]]:
    """Returns the dynamic energy of one multiplication for all multipliers and operands.

    The same figures as :func:`component_energy` gives one by one, in a fraction of the time.

    Args:
        multipliers: The multipliers.
        operands: Pairs of histograms, activation and weight.

    Returns:
        [operands][multipliers] in femtojoules; None for a multiplier whose circuit, cells or yosys
        are not at hand.

    Raises:
        ConfigError: As :func:`component_energy`.
    """
    histograms = [
        OperandHistograms(
            operand_shares(activation, "activation"), operand_shares(weight, "weight")
        )
        for activation, weight in operands
    ]
    stimuli = [draw(OPERAND_PORTS, one) for one in histograms]
    columns: list[list[float] | list[None]] = []
    for multiplier in multipliers:
        found = _netlist(multiplier)
        if found is None:
            columns.append([None] * len(stimuli))
            continue
        netlist, mode = found
        energies = stimulated_energies(netlist.network, netlist.energies, stimuli, mode=mode)
        columns.append([one.energy_fj for one in energies])
    return [[column[row] for column in columns] for row in range(len(stimuli))]


@functools.lru_cache(maxsize=512)
def _netlist(multiplier: Multiplier) -> tuple[CostedNetlist, str] | None:
    """Returns the netlist of a multiplier in the technology of its cost, and the power mode."""
    if multiplier.cost is None:
        return None
    technology = multiplier.cost.technology
    if technology == shipped.technologies()[0] and (name := _builtin_name(multiplier)):
        netlist = shipped.netlist(name)
        return None if netlist is None else (netlist, UNIT_DELAY)
    try:
        library = cell_library()
        for mode in MODES:
            if technology == technology_name(library, mode):
                network = map_network(network_of(multiplier), library).network
                return costed_netlist(network, library), mode
    except HawxError:
        return None
    return None


def _builtin_name(multiplier: Multiplier) -> str | None:
    """Returns the built-in multiplier whose circuit a cost is of, or None."""
    if multiplier.name in builtin_names():
        known = builtin(multiplier.name)
        same = known.cost is not None and known.cost.area_um2 == _area(multiplier)
        if known.content_hash == multiplier.content_hash and same:
            return known.name
    told = multiplier.cost.provenance if multiplier.cost is not None else ""
    if told.startswith("that of "):
        name = told.removeprefix("that of ").split(",", 1)[0]
        return name if name in builtin_names() else None
    return None


def _area(multiplier: Multiplier) -> float:
    assert multiplier.cost is not None
    return multiplier.cost.area_um2
