"""Cells and circuits of the gate-count cost model.

A cell's size is its area in 2-input NAND gates (gate equivalents, GE), after the cell areas of
the Nangate 45 nm Open Cell Library (NAND2_X1 0.798 um2, AND2_X1 1.064, XOR2_X1 1.596,
MUX2_X1 1.862, HA_X1 2.660, FA_X1 4.256, DFF_X1 4.522). A cell's activity is how often it switches
per operation: for a gate with random inputs, twice the product of its output's probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

INVERTER = 0.67
NAND = 1.0
AND = OR = 1.33
XOR = 2.0
MUX = 2.33
HALF_ADDER = 3.33
FULL_ADDER = 5.33
FLIP_FLOP = 5.67

# Output probability 1/4 toggles with 2 * 1/4 * 3/4, output probability 1/2 with 1/2.
ACTIVITY_AND = 0.375
ACTIVITY_XOR = 0.5
# A leading-one or segment detector is 0 for nearly all bits of an operand.
ACTIVITY_DETECTOR = 0.25

# Delays in units of a NAND gate.
DELAY_AND = 1.0
DELAY_XOR = 2.0
DELAY_MUX = 2.0


@dataclass(frozen=True)
class Circuit:
    """The size of a block of logic, before any technology.

    Attributes:
        gates: Gate equivalents.
        switched: Gate equivalents times the activity of each.
        depth: Longest path, in NAND delays.
    """

    gates: float = 0.0
    switched: float = 0.0
    depth: float = 0.0

    def then(self, *later: Circuit) -> Circuit:
        """Chains blocks: sizes and depths add."""
        chain = (self, *later)
        return Circuit(
            sum(block.gates for block in chain),
            sum(block.switched for block in chain),
            sum(block.depth for block in chain),
        )

    def beside(self, *others: Circuit) -> Circuit:
        """Sets blocks side by side: sizes add, the deepest one counts."""
        row = (self, *others)
        return Circuit(
            sum(block.gates for block in row),
            sum(block.switched for block in row),
            max(block.depth for block in row),
        )


def cells(size: float, count: float, activity: float, depth: float) -> Circuit:
    """Returns ``count`` cells of one kind.

    Args:
        size: GE of one cell.
        count: How many.
        activity: Switching activity of each.
        depth: Longest path through them, in NAND delays.
    """
    return Circuit(size * count, size * count * activity, depth)


def row_of(blocks: Iterable[Circuit]) -> Circuit:
    """Returns blocks side by side; an empty row has no size."""
    return Circuit().beside(*blocks)
