"""The gate-count cost model: blocks of datapath logic, and what they cost in 45 nm.

Every family builds its circuit from the blocks here and the arrays of
:mod:`hawx_onnx.components.adder_array`; :func:`cost` turns the count into area, energy, delay and
leakage. Area and leakage go by gate equivalents, energy by gate equivalents times activity, delay
by the longest path in NAND delays.

The absolute level is that of one exact unsigned 8-bit array multiplier:

* 0.2 pJ and 282 um2 at 45 nm and 0.9 V (M. Horowitz, "Computing's energy problem (and what we can
  do about it)", ISSCC 2014; the areas of the same table in W. Dally, "High-performance hardware
  for machine learning", NIPS 2015 tutorial). The model then gives 8-, 16- and 32-bit adders of 33,
  65 and 131 um2 where that table has 36, 67 and 137.
* 1.43 ns, the delay of EvoApproxLib's exact unsigned 8-bit multiplier in PDK 45 nm.
* Leakage of 2 % of the dynamic power at one operation per nanosecond: an assumption.

Against the published PDK 45 nm figures of EvoApproxLib's twelve truncated and broken-array signed
multipliers, relative to the exact one, the model's area errs by at most 0.06 and its energy by
0.024 (root mean square). Wires, sizing and the operands' statistics are not in it: it
ranks and scales blocks within one technology, and is no substitute for synthesis.
"""

from __future__ import annotations

import functools
import math

from hawx_onnx.components.adder_array import GLITCHES_PER_DELAY, array_multiplier
from hawx_onnx.components.cells import (
    ACTIVITY_AND,
    ACTIVITY_DETECTOR,
    ACTIVITY_XOR,
    AND,
    DELAY_AND,
    DELAY_MUX,
    DELAY_XOR,
    FLIP_FLOP,
    FULL_ADDER,
    INVERTER,
    MUX,
    OR,
    XOR,
    Circuit,
    cells,
)
from hawx_onnx.components.multiplier import ComponentCost

TECHNOLOGY = "gate-count-45nm"
PROVENANCE = (
    "gate-count model scaled to an exact 8-bit multiplier of 0.2 pJ, 282 um2 (45 nm, 0.9 V; "
    "Horowitz, ISSCC 2014) and 1.43 ns; not synthesised, for relative comparison only"
)

EXACT_AREA_UM2 = 282.0
EXACT_ENERGY_FJ = 200.0
EXACT_DELAY_NS = 1.43
# 2 % of 200 fJ per ns.
EXACT_LEAKAGE_NW = 4000.0


@functools.cache
def exact_unsigned() -> Circuit:
    """Returns the exact unsigned 8-bit array, the reference of all absolute figures."""
    return array_multiplier(lambda _i, _j: True)


def cost(circuit: Circuit) -> ComponentCost:
    """Returns what a circuit costs in the model's technology."""
    reference = exact_unsigned()
    size = circuit.gates / reference.gates
    return ComponentCost(
        technology=TECHNOLOGY,
        area_um2=EXACT_AREA_UM2 * size,
        delay_ns=EXACT_DELAY_NS * circuit.depth / reference.depth,
        energy_fj=EXACT_ENERGY_FJ * circuit.switched / reference.switched,
        leakage_nw=EXACT_LEAKAGE_NW * size,
        provenance=PROVENANCE,
    )


def adder(bits: int) -> Circuit:
    """Returns a ripple-carry adder of two words.

    Carry chains of random operands are log2(bits) long on average; glitches grow with that
    length, the delay with the longest chain.
    """
    activity = ACTIVITY_XOR * (1 + GLITCHES_PER_DELAY * DELAY_XOR * math.log2(max(bits, 2)))
    return cells(FULL_ADDER, bits, activity, DELAY_XOR * (bits + 1))


def subtractor(bits: int) -> Circuit:
    """Returns an adder with one inverted operand."""
    return cells(INVERTER, bits, ACTIVITY_XOR, DELAY_AND).then(adder(bits))


def register(bits: int) -> Circuit:
    """Returns flip-flops; the clock makes them switch in every cycle."""
    return cells(FLIP_FLOP, bits, 1.0, DELAY_XOR)


def adder_cost(bits: int) -> ComponentCost:
    """Returns the cost of one addition in an adder of so many bits, as in an accumulator."""
    return cost(adder(bits))


def register_cost(bits: int) -> ComponentCost:
    """Returns the cost of a register of so many bits; the energy is that of one clock cycle."""
    return cost(register(bits))


def or_tree(bits: int) -> Circuit:
    """Returns a tree that tells whether any of the bits is set."""
    return cells(OR, bits - 1, ACTIVITY_AND, DELAY_AND * math.ceil(math.log2(bits)))


def or_words(bits: int) -> Circuit:
    """Returns the bitwise OR of two words."""
    return cells(OR, bits, ACTIVITY_AND, DELAY_AND)


def mux_word(bits: int) -> Circuit:
    """Returns a choice between two words."""
    return cells(MUX, bits, ACTIVITY_XOR, DELAY_MUX)


def leading_one_detector(bits: int) -> Circuit:
    """Returns a detector that leaves only the highest set bit: one-hot, 0 for 0.

    Each position below the highest takes an OR of the bits above it, an inverter and an AND.
    """
    return cells(OR + INVERTER + AND, bits - 1, ACTIVITY_DETECTOR, DELAY_AND * (bits / 2 + 2))


def one_hot_encoder(bits: int) -> Circuit:
    """Returns the binary position of a one-hot word; each output bit ORs half of the inputs."""
    outputs = math.ceil(math.log2(bits))
    return cells(
        OR, outputs * (bits / 2 - 1), ACTIVITY_DETECTOR, DELAY_AND * math.ceil(math.log2(bits / 2))
    )


def one_hot_select(inputs: int, bits: int) -> Circuit:
    """Returns an AND-OR selection of one word among several, by a one-hot word."""
    return cells(
        AND * inputs + OR * (inputs - 1),
        bits,
        ACTIVITY_DETECTOR,
        DELAY_AND * (1 + math.ceil(math.log2(inputs))),
    )


def left_shifter(bits: int, steps: int, limit: int = 16) -> Circuit:
    """Returns a barrel shifter to the left by 0 to 2**steps - 1 positions.

    Stage s shifts by 2**s. Where the shifted and the unshifted word overlap stands a multiplexer,
    elsewhere an AND gate.

    Args:
        bits: Bits of the word that is shifted.
        steps: Bits of the shift amount.
        limit: Bits of the result; higher ones are not built.
    """
    shifter = Circuit()
    width = bits
    for step in range(steps):
        distance = 1 << step
        wider = min(width + distance, limit)
        overlap = max(width - distance, 0)
        stage = cells(MUX, overlap, ACTIVITY_XOR, DELAY_MUX).beside(
            cells(AND, wider - overlap, ACTIVITY_AND, DELAY_AND)
        )
        shifter = shifter.then(stage)
        width = wider
    return shifter


def normaliser(bits: int, steps: int = 3) -> Circuit:
    """Returns a barrel shifter that brings the leading one to the left end of a word."""
    stage = cells(MUX, bits, ACTIVITY_XOR, DELAY_MUX)
    return Circuit().then(*[stage] * steps)


def conditional_negation(bits: int, fixed_zeros: int = 0) -> Circuit:
    """Returns y = s ? -x : x over two's complement words.

    Bit k flips where s is set and a lower bit is: an XOR, an AND and one OR of the prefix each.

    Args:
        bits: Bits of the word.
        fixed_zeros: Lowest bits that are always 0 and need no logic.
    """
    active = max(bits - fixed_zeros - 1, 0)
    depth = DELAY_AND * (1 + math.ceil(math.log2(max(active, 1) + 1))) + DELAY_XOR
    flips = cells(XOR, active, ACTIVITY_XOR, depth)
    return flips.beside(cells(AND + OR, active, ACTIVITY_AND, 0.0))


def sign_magnitude(core: Circuit, fixed_zeros: int = 0, *, gate_zero: bool = False) -> Circuit:
    """Wraps an unsigned core for two's complement operands.

    Both operands and the product pass a conditional negation; an XOR makes the product's sign.

    Args:
        core: The unsigned 8-bit core.
        fixed_zeros: Lowest product bits that the core never sets.
        gate_zero: Whether a zero operand must be detected and the product gated, because the
            core itself does not give 0.
    """
    operand = conditional_negation(8)
    sign = cells(XOR, 1, ACTIVITY_XOR, 0.0)
    wrapped = operand.beside(operand, sign).then(core, conditional_negation(16, fixed_zeros))
    if not gate_zero:
        return wrapped
    # Detection runs beside the core and is done before it.
    gate = cells(AND, 16 - fixed_zeros, ACTIVITY_AND, DELAY_AND)
    return wrapped.beside(or_tree(8), or_tree(8)).then(gate)
