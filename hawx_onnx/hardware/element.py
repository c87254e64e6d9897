"""What a processing element holds besides its multipliers, as its Verilog has it.

Registers change bits at the rate at which codes of networks do: weights are about normal,
activations the same behind a ReLU, products and sums theirs (the words that
`hawx_onnx.components.synthesis.periphery` finds the energy of accumulating adders with).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hawx_onnx.hardware.technology import (
    OPERAND_BITS,
    BitFigures,
    ComponentFigures,
    Periphery,
    PeripheryLibrary,
)

PRODUCT_BITS = 2 * OPERAND_BITS

ACTIVATION_ACTIVITY = 0.26
"""Share of an activation register's bits that change with each word."""

WEIGHT_ACTIVITY = 0.50
"""The same of a weight register that takes a weight each cycle."""

PRODUCT_ACTIVITY = 0.35
"""The same of a product's register."""

SUM_ACTIVITY = 0.10
"""The same of an accumulator of 32 bits."""

PASSING_PRODUCT_ACTIVITY = 0.30
"""The same of a product's register where one operand stays."""

PASSING_SUM_ACTIVITY = 0.43
"""The same of a sum's register where sums pass from element to element."""

PASSING_ADDER = 0.69
"""What an adder takes of sums that pass, as a share of what one that accumulates takes."""


@dataclass(frozen=True)
class Element:
    """An element without its multipliers.

    Args:
        base: What it holds whatever the multipliers; its energy is what a multiply-accumulate of
            typical operands switches.
        gate: A gate of one bit, of which each type of multiplier brings some along.
        spared: Bits that an element of one type spares.
        clock_fj: Energy of a clock cycle, in which registers need not change.
    """

    base: Periphery
    gate: Periphery
    spared: SparedBits
    clock_fj: float

    def of_type(self, figures: ComponentFigures, *, alone: bool) -> Periphery:
        """Returns a multiplier with what it brings along; its energy is that of the clock.

        Args:
            figures: The multiplier's.
            alone: Whether it has the element for itself, which then spares what it does not use.
        """
        bits = figures.bits
        gates = 2 * OPERAND_BITS + PRODUCT_BITS
        if bits is not None:
            gates = bits.activation + bits.weight + bits.product
        own = self.gate.times(gates)
        if alone:
            own += self.spared.by(bits).times(-1)
        return Periphery(
            figures.area_um2 + own.area_um2, own.energy_fj, figures.leakage_nw + own.leakage_nw
        )


@dataclass(frozen=True)
class SparedBits:
    """What an element spares for each bit that its multipliers do not use.

    Args:
        product: For a bit of the product that is always 0: a bit of a register.
        low: For each of the lowest such bits, further: a bit of an adder.
        weight: For a bit of the weight that is not read: a bit of a register, and of what loads it.
    """

    product: Periphery
    low: Periphery
    weight: Periphery

    def by(self, bits: BitFigures | None) -> Periphery:
        """Returns what is spared with a multiplier; its energy is that of the clock."""
        if bits is None:
            return Periphery()
        return (
            self.product.times(PRODUCT_BITS - bits.product)
            + self.low.times(bits.low_zeros)
            + self.weight.times(OPERAND_BITS - bits.weight)
        )


def spared_bits(library: PeripheryLibrary, accumulator_bits: int, *, loaded: bool) -> SparedBits:
    """Returns what elements spare.

    Args:
        library: The technology's components.
        accumulator_bits: Width of the accumulator.
        loaded: Whether a multiplexer loads weights.
    """
    register = library.register(1, 0.0)
    adder = library.adder(accumulator_bits) + library.adder(accumulator_bits - 1).times(-1)
    weight = register
    if loaded:
        weight += replace(library.multiplexer(1), energy_fj=0.0)
    return SparedBits(register, replace(adder, energy_fj=0.0), weight)


def held_product(library: PeripheryLibrary) -> Periphery:
    """Returns the register between a multiplier and the adders."""
    return library.register(PRODUCT_BITS, PRODUCT_ACTIVITY)


def accumulator(library: PeripheryLibrary, bits: int) -> Periphery:
    """Returns an adder that sums products up, with its register."""
    return library.accumulator(bits) + library.register(bits, SUM_ACTIVITY)


def array_element(
    library: PeripheryLibrary, accumulator_bits: int, chosen_bits: int, stays: str
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
        stays: What the element keeps: ``output``, ``weight`` or ``activation``.
    """
    registers = (
        library.register(OPERAND_BITS, 0.0 if stays == "activation" else ACTIVATION_ACTIVITY)
        + library.register(OPERAND_BITS, 0.0 if stays == "weight" else WEIGHT_ACTIVITY)
        + library.register(1, 0.0)
    )
    # The first type needs no gates to join others.
    joins = library.gate(PRODUCT_BITS)
    gates = library.gate(2 * OPERAND_BITS)
    choice = library.multiplexer(chosen_bits)
    if stays == "output":
        adding = held_product(library) + accumulator(library, accumulator_bits)
    else:
        adder = library.accumulator(accumulator_bits)
        adding = (
            library.register(PRODUCT_BITS, PASSING_PRODUCT_ACTIVITY)
            + library.register(accumulator_bits, PASSING_SUM_ACTIVITY)
            + replace(adder, energy_fj=PASSING_ADDER * adder.energy_fj)
        )
        # Operands are loaded once a fold.
        choice = replace(choice, energy_fj=0.0)
    clock_fj = library.register(register_bits(accumulator_bits), 0.0).energy_fj
    whole = registers + adding + choice
    base = Periphery(
        whole.area_um2 - joins.area_um2,
        whole.energy_fj + gates.energy_fj - clock_fj,
        whole.leakage_nw - joins.leakage_nw,
    )
    spared = spared_bits(library, accumulator_bits, loaded=stays != "output")
    return Element(base, replace(library.gate(1), energy_fj=0.0), spared, clock_fj)


def register_bits(accumulator_bits: int) -> int:
    """Returns the register bits of an element of an array."""
    return 2 * OPERAND_BITS + PRODUCT_BITS + accumulator_bits + 1
