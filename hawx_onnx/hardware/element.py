"""What a processing element holds besides its multipliers, as its Verilog has it.

Registers change bits at the rate at which codes of networks do: weights are about normal,
activations the same behind a ReLU, products and sums theirs (the words that
`hawx_onnx.components.synthesis.periphery` finds the energy of accumulating adders with).
"""

from __future__ import annotations

from dataclasses import dataclass

from hawx_onnx.hardware.technology import OPERAND_BITS, Periphery, PeripheryLibrary

PRODUCT_BITS = 2 * OPERAND_BITS

ACTIVATION_ACTIVITY = 0.26
"""Share of an activation register's bits that change with each word."""

WEIGHT_ACTIVITY = 0.50
"""The same of a weight register that takes a weight each cycle."""

PRODUCT_ACTIVITY = 0.35
"""The same of a product's register."""

SUM_ACTIVITY = 0.10
"""The same of an accumulator of 32 bits."""


@dataclass(frozen=True)
class Element:
    """An element without its multipliers.

    Args:
        base: What it holds whatever the multipliers; its energy is that of a multiply-accumulate.
        per_type: What each type of multiplier brings along besides itself, without energy.
    """

    base: Periphery
    per_type: Periphery


def held_product(library: PeripheryLibrary) -> Periphery:
    """Returns the register between a multiplier and the adders."""
    return library.register(PRODUCT_BITS, PRODUCT_ACTIVITY)


def accumulator(library: PeripheryLibrary, bits: int) -> Periphery:
    """Returns an adder that sums products up, with its register."""
    return library.accumulator(bits) + library.register(bits, SUM_ACTIVITY)


def array_element(
    library: PeripheryLibrary, accumulator_bits: int, chosen_bits: int, *, weights_stay: bool
) -> Element:
    """Returns an element of an array.

    Activations and weights are registered on their way to the neighbours, the product on its way
    to the adder; a bit tells whether there are operands. Each multiplier's operands are gated;
    products of several types are joined, as the idle ones are 0.

    Args:
        library: The technology's components.
        accumulator_bits: Width of the accumulator.
        chosen_bits: Bits of the multiplexer: accumulators that shift down in place of adding, or
            weights that are loaded.
        weights_stay: Whether the weight register takes a word for each fold, not each cycle.
    """
    weight = library.register(OPERAND_BITS, 0.0 if weights_stay else WEIGHT_ACTIVITY)
    base = (
        library.register(OPERAND_BITS, ACTIVATION_ACTIVITY)
        + weight
        + held_product(library)
        + accumulator(library, accumulator_bits)
        + library.register(1, 0.0)
        + library.multiplexer(chosen_bits)
    )
    gate = library.gate(1)
    # The first type needs no gates to join others.
    switched = gate.energy_fj * 2 * OPERAND_BITS
    spared = gate.times(-PRODUCT_BITS)
    base += Periphery(spared.area_um2, switched, spared.leakage_nw)
    of_type = gate.times(2 * OPERAND_BITS + PRODUCT_BITS)
    return Element(base, Periphery(of_type.area_um2, 0.0, of_type.leakage_nw))


def register_bits(accumulator_bits: int) -> int:
    """Returns the register bits of an element of an array."""
    return 2 * OPERAND_BITS + PRODUCT_BITS + accumulator_bits + 1
