"""What a multiplication costs under given operands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.network import Port
from hawx_onnx.components.statistics import operand_shares
from hawx_onnx.components.synthesis.power import draw, stimulated_energies

# Activation and weight, whatever a netlist calls them.
OPERAND_PORTS = (Port("activation", 8), Port("weight", 8))


def component_energy(
    multiplier: Multiplier, activation: npt.ArrayLike, weight: npt.ArrayLike
) -> float | None:
    """Returns the dynamic energy of one multiplication, in femtojoules, or None.

    Operands are drawn independently of each other and over time. The figure belongs to the
    technology of the multiplier's cost.

    Args:
        multiplier: One whose cost brings its netlist: a built-in one, one that computes the same,
            or one of a characterised library.
        activation: How often the activation's codes occur, [256] by bit pattern.
        weight: The same of the weight.

    Returns:
        The energy, or None where there is no netlist.

    Raises:
        ConfigError: A histogram has another shape, is negative, not finite, or counts nothing.
        ComponentError: The library's file of netlists is damaged.
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
        [operands][multipliers] in femtojoules; None for a multiplier without a netlist.

    Raises:
        ConfigError: As :func:`component_energy`.
        ComponentError: A library's file of netlists is damaged.
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
        cost = multiplier.cost
        netlist = cost.netlist() if cost is not None and cost.netlist is not None else None
        if netlist is None:
            columns.append([None] * len(stimuli))
            continue
        energies = stimulated_energies(
            netlist.network, netlist.energies, stimuli, mode=netlist.mode
        )
        columns.append([one.energy_fj for one in energies])
    return [[column[row] for column in columns] for row in range(len(stimuli))]
