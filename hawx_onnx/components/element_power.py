"""What an element of an accelerator switches for one product, under operands as they come.

Behind the multiplier lies a register that holds the product, so that the adder sees it settled;
sums are kept in a register. Toggles are counted over operations of a trace: of the multiplier in
its own netlist; of the adder in a ripple-carry adder of gates, priced so that typical sums cost
what the technology's own adder takes for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hawx_onnx.components.adder_power import (
    SUM_BITS,
    Ints,
    adder_energies,
    bit_energy,
    flips,
    register_change_fj,
    stimulus,
    typical_changes,
)
from hawx_onnx.components.engine_power import engine_lane_fj
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.operand_traces import Moves, OperandTrace, moves
from hawx_onnx.components.synthesis import shipped
from hawx_onnx.components.synthesis.power import stimulated_energies
from hawx_onnx.components.synthesis.technology_costs import TechnologyCosts

OPERAND_BITS, PRODUCT_BITS = 8, 16


@dataclass(frozen=True)
class ElementEnergy:
    """Mean energy of one multiply-accumulate in an element, its clock aside.

    Attributes:
        multiplication_fj: In the multiplier.
        around_fj: In the gates and registers of the operands, the product's and the sum's register,
            the adder, and the multiplexer behind it; None where the technology has no registers.
    """

    multiplication_fj: float
    around_fj: float | None


def element_energies(
    multipliers: Sequence[Multiplier],
    traces: Sequence[OperandTrace],
    stays: str = "output",
    accumulator_bits: int = SUM_BITS,
    lanes: Sequence[int] | None = None,
) -> list[list[ElementEnergy | None]]:
    """Returns what elements with these multipliers switch under these operands.

    Args:
        multipliers: The multipliers.
        traces: The layers' operands.
        stays: What an element keeps: one of ``STAYS``.
        accumulator_bits: Width of adder and sum.
        lanes: Products that an element of an ``engine`` takes at once, for each trace.

    Returns:
        [traces][multipliers]; None for a multiplier without a netlist.

    Raises:
        ConfigError: ``stays`` is something else.
        ComponentError: A library's file of netlists is damaged.
    """
    wide = [1] * len(traces) if lanes is None else lanes
    drawn = [moves(trace, stays, count) for trace, count in zip(traces, wide, strict=True)]
    stimuli = [
        stimulus((one.activations(), one.weights()), (OPERAND_BITS, OPERAND_BITS)) for one in drawn
    ]
    columns: list[Sequence[ElementEnergy | None]] = []
    for multiplier in multipliers:
        cost = multiplier.cost
        netlist = cost.netlist() if cost is not None and cost.netlist is not None else None
        if cost is None or netlist is None:
            columns.append([None] * len(drawn))
            continue
        found = stimulated_energies(netlist.network, netlist.energies, stimuli, mode=netlist.mode)
        known = cost.periphery or shipped.technology_costs(cost.technology)
        around: Sequence[float | None] = [None] * len(drawn)
        if known is not None and known.register_bit is not None:
            if stays == "engine":
                pairs = zip(traces, wide, strict=True)
                around = [engine_lane_fj(multiplier, known, *one) for one in pairs]
            else:
                around = _around(multiplier, known, drawn, stays, accumulator_bits)
        columns.append(
            [ElementEnergy(one.energy_fj, fj) for one, fj in zip(found, around, strict=True)]
        )
    return [[column[row] for column in columns] for row in range(len(drawn))]


def _around(
    multiplier: Multiplier,
    known: TechnologyCosts,
    drawn: Sequence[Moves],
    stays: str,
    accumulator_bits: int,
) -> list[float]:
    """Energies of all but the multiplier, in fJ."""
    words = [_words(one, multiplier) for one in drawn]
    adding = [stimulus((one.sums, one.products), (SUM_BITS, SUM_BITS)) for one in words]
    typical = known.accumulator(accumulator_bits).energy_fj
    if stays == "output":
        # Where sums stay they shift out through a multiplexer, which sees what the adder ripples.
        typical += accumulator_bits * bit_energy(known.multiplexer_bit)
    adders = adder_energies(adding, SUM_BITS, typical / typical_changes())
    change, gate = register_change_fj(known), 2 * bit_energy(known.gate_bit)
    return [
        adder
        + change * (one.stored + flips(one.sums + one.products, SUM_BITS))
        + gate * one.operands
        for adder, one in zip(adders, words, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Words:
    """Sums and products before and after, int64 [2, operations], and changes of bits."""

    sums: Ints
    products: Ints
    operands: float
    stored: float


def _words(drawn: Moves, multiplier: Multiplier) -> _Words:
    activations, weights = drawn.activations(), drawn.weights()
    products = drawn.products(multiplier.table)
    operands = flips(activations, OPERAND_BITS) + flips(weights, OPERAND_BITS)
    stored = operands + flips(products, PRODUCT_BITS)
    return _Words(drawn.sums(multiplier.table), products, operands, stored)
