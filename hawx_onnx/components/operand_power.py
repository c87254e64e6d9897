"""What a multiplication costs under given operands."""

from __future__ import annotations

import numpy.typing as npt

from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.statistics import operand_shares


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
    operands = OperandHistograms(
        operand_shares(activation, "activation"), operand_shares(weight, "weight")
    )
    cost = multiplier.cost
    netlist = cost.netlist() if cost is not None and cost.netlist is not None else None
    return None if netlist is None else netlist.energy(operands).energy_fj
