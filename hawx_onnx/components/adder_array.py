"""Carry-save adder arrays: the summation behind a multiplier, counted adder by adder.

The words to be summed enter one after another. Where the running sum, the carry of the row before
and the new word meet in a column stands a full adder, where two of them meet a half adder; a
ripple-carry adder merges the last sums and carries. For the partial products of 8 x 8 bits this
is the textbook's array of 48 full and 8 half adders. An adder with one constant 1 among its
inputs shrinks to the next smaller cell, and the carry out of the result's highest bit is not built.

An adder fed by late signals switches several times before it settles. Its activity therefore
grows with the arrival time of its latest input; ``GLITCHES_PER_DELAY`` says by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hawx_onnx.components.cells import (
    ACTIVITY_AND,
    ACTIVITY_XOR,
    AND,
    DELAY_AND,
    DELAY_XOR,
    FULL_ADDER,
    HALF_ADDER,
    INVERTER,
    NAND,
    XOR,
    Circuit,
    cells,
)

# Chosen on the published power ratios of the twelve truncated and broken-array multipliers of
# EvoApproxLib (PDK 45 nm): a shallower array saves more power than area.
GLITCHES_PER_DELAY = 0.08

PRODUCT_BITS = 16

Word = Mapping[int, float]
"""Bits by weight, each with its arrival time in NAND delays; CONSTANT_ONE marks a wired 1."""

CONSTANT_ONE = -1.0


@dataclass
class _Tally:
    """Running totals while adders are placed."""

    width: int
    gates: float = 0.0
    switched: float = 0.0

    def add(self, weight: int, bits: Sequence[float]) -> tuple[float | None, float | None]:
        """Places the adder that a column needs; returns the arrivals of its sum and carry."""
        wires = sorted(bit for bit in bits if bit != CONSTANT_ONE)
        constants = len(bits) - len(wires)
        if len(bits) < 2:
            return (bits[0] if bits else None), None
        if not wires:
            return (None if constants == 2 else CONSTANT_ONE), CONSTANT_ONE
        if constants == 2:
            return wires[0], CONSTANT_ONE
        size, delay = {
            (1, 1): (INVERTER, 0.0),
            (2, 0): (HALF_ADDER, DELAY_XOR),
            (2, 1): (HALF_ADDER, DELAY_XOR),
            (3, 0): (FULL_ADDER, 2 * DELAY_XOR),
        }[len(wires), constants]
        top = weight == self.width - 1
        if top:
            size = min(size, XOR * (len(wires) - 1) + INVERTER * constants)
        latest = wires[-1]
        self.gates += size
        self.switched += size * ACTIVITY_XOR * (1 + GLITCHES_PER_DELAY * latest)
        # The latest of three inputs passes one XOR only.
        done = latest + delay
        if len(wires) == 3:
            done = max(wires[1] + delay, latest + DELAY_XOR)
        return done, (None if top else done)


def word(weight: int, bits: int, arrival: float) -> dict[int, float]:
    """Returns a word of so many bits, its lowest bit at ``weight``."""
    return {weight + bit: arrival for bit in range(bits)}


def add_words(words: Sequence[Word], *, constant: int = 0, width: int = PRODUCT_BITS) -> Circuit:
    """Returns the carry-save array that sums words.

    Args:
        words: The summands in the order in which they enter.
        constant: A constant that is added too, modulo 2**width.
        width: Bits of the result; higher ones are not built.
    """
    tally = _Tally(width)
    wired = {bit: CONSTANT_ONE for bit in range(width) if constant >> bit & 1}
    sums: dict[int, float] = dict(wired)
    carries: dict[int, float] = {}
    for index, summand in enumerate(words):
        if index == len(words) - 1 and not carries:
            # Two words are left: the ripple-carry adder takes them as they are.
            carries = dict(summand)
        else:
            sums, carries = _carry_save_row(tally, sums, carries, summand)
    ripple: float | None = None
    depth = 0.0
    for weight in range(width):
        bits = [bit for bit in (sums.get(weight), carries.get(weight), ripple) if bit is not None]
        total, ripple = tally.add(weight, bits)
        depth = max(depth, total or 0.0)
    return Circuit(tally.gates, tally.switched, depth)


def _carry_save_row(
    tally: _Tally, sums: Word, carries: Word, summand: Word
) -> tuple[dict[int, float], dict[int, float]]:
    """Adds one word to a carry-save number."""
    new_sums: dict[int, float] = {}
    new_carries: dict[int, float] = {}
    for weight in range(tally.width):
        bits = [bit for row in (sums, carries, summand) if (bit := row.get(weight)) is not None]
        if weight not in summand and len(bits) == 2:
            # Nothing new in this column: sum and carry move down as they are.
            new_sums[weight] = bits[0]
            if weight in new_carries:
                total, carry = tally.add(weight, [*bits, new_carries.pop(weight)])
                _keep(new_sums, weight, total)
                _keep(new_carries, weight + 1, carry)
            else:
                new_carries[weight] = bits[1]
            continue
        total, carry = tally.add(weight, bits)
        _keep(new_sums, weight, total)
        _keep(new_carries, weight + 1, carry)
    return new_sums, new_carries


def _keep(row: dict[int, float], weight: int, bit: float | None) -> None:
    """Puts a bit into a row where there is one."""
    if bit is not None:
        row[weight] = bit
    else:
        row.pop(weight, None)


def array_multiplier(
    keep: Callable[[int, int], bool],
    *,
    signed: bool = False,
    constant: int = 0,
    bits: int = 8,
) -> Circuit:
    """Returns an array of partial products with its adders.

    Args:
        keep: Whether the partial product of activation bit i and weight bit j is built.
        signed: Two's complement operands by the modified Baugh-Wooley scheme: products with one
            sign bit come from NAND gates, and constants correct them.
        constant: A further constant that the array adds.
        bits: Operand width.
    """
    rows: list[dict[int, float]] = []
    products = Circuit()
    for i in range(bits):
        row = {}
        for j in range(bits):
            if not keep(i, j):
                continue
            negative = signed and (i == bits - 1) != (j == bits - 1)
            products = products.beside(cells(NAND if negative else AND, 1, ACTIVITY_AND, DELAY_AND))
            row[i + j] = DELAY_AND
            # -x * 2**c = (not x) * 2**c - 2**c
            constant -= (1 << (i + j)) if negative else 0
        rows.append(row)
    width = 2 * bits
    adders = add_words(rows, constant=constant % (1 << width), width=width)
    return products.beside(adders)
