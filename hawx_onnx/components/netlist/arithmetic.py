"""Adders: half and full adders, ripple-carry adders, carry-save arrays, negation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.network import ONE, ZERO

Row = Mapping[int, int]
"""A summand of an array: the signal of each of its columns."""


def half_adder(build: Builder, a: int, b: int) -> tuple[int, int]:
    """Returns sum and carry of two bits."""
    return build.xor(a, b), build.and_(a, b)


def full_adder(build: Builder, a: int, b: int, c: int) -> tuple[int, int]:
    """Returns sum and carry of three bits; with a constant among them, a smaller circuit."""
    c, a, b = sorted((a, b, c))  # constants have the lowest numbers
    if c == ZERO:
        return half_adder(build, a, b)
    if c == ONE:
        return build.xnor(a, b), build.or_(a, b)
    first, carry = half_adder(build, a, b)
    total, second = half_adder(build, first, c)
    return total, build.or_(carry, second)


def add(build: Builder, a: Bits, b: Bits, *, carry: int = ZERO, width: int) -> tuple[int, ...]:
    """Returns a + b + carry modulo 2**width, by a ripple-carry adder of unsigned words."""
    total = []
    for x, y in zip(padded(a, width), padded(b, width), strict=True):
        bit, carry = full_adder(build, x, y, carry)
        total.append(bit)
    return tuple(total)


def subtract(build: Builder, a: Bits, b: Bits, *, width: int) -> tuple[int, ...]:
    """Returns a - b modulo 2**width of unsigned words."""
    inverted = [build.not_(bit) for bit in padded(b, width)]
    return add(build, a, inverted, carry=ONE, width=width)


def padded(word: Bits, width: int) -> tuple[int, ...]:
    """Returns the lowest ``width`` bits of an unsigned word, zeros above it."""
    return (*word[:width], *[ZERO] * (width - len(word)))


def negated_where(build: Builder, sign: int, word: Bits) -> tuple[int, ...]:
    """Returns -word where ``sign`` is 1, else word, modulo 2**len(word).

    A bit flips where the sign is set and a lower bit is.
    """
    result, lower = [], ZERO
    for bit in word:
        result.append(build.xor(bit, build.and_(sign, lower)))
        lower = build.or_(lower, bit)
    return tuple(result)


def add_rows(
    build: Builder, rows: Sequence[Row], *, constant: int = 0, width: int
) -> tuple[int, ...]:
    """Returns the sum of rows modulo 2**width, by a carry-save array.

    The rows enter one after another. Where the running sum, the carry of the row before and the
    new row meet in a column stands a full adder, where two of them meet a half adder; a
    ripple-carry adder merges the last sums and carries.

    Args:
        build: Where the array is built.
        rows: The summands, in the order in which they enter.
        constant: A constant that is added too.
        width: Bits of the result; higher ones are not built.
    """
    sums: dict[int, int] = {bit: ONE for bit in range(width) if constant >> bit & 1}
    carries: dict[int, int] = {}
    for index, row in enumerate(rows):
        if index == len(rows) - 1 and not carries:
            carries = dict(row)  # two rows are left: the ripple-carry adder takes them as they are
        else:
            sums, carries = _carry_save(build, (sums, carries, row), width)
    result, ripple = [], ZERO
    for column in range(width):
        meeting = sums.get(column, ZERO), carries.get(column, ZERO)
        bit, ripple = full_adder(build, *meeting, ripple)
        result.append(bit)
    return tuple(result)


def _carry_save(
    build: Builder, rows: tuple[Row, Row, Row], width: int
) -> tuple[dict[int, int], dict[int, int]]:
    """Reduces three rows to sums and carries, columns with at most two bits as far as needed."""
    sums: dict[int, int] = {}
    carries: dict[int, int] = {}
    for column in range(width):
        bits = [row[column] for row in rows if row.get(column, ZERO) != ZERO]
        taken = column in carries
        if len(bits) == 2 and column not in rows[2] and not taken:
            sums[column], carries[column] = bits  # nothing new: both move down as they are
            continue
        if len(bits) == 2 and taken and column not in rows[2]:
            bits.append(carries.pop(column))
        total, carry = full_adder(build, *padded(bits, 3))
        sums[column] = total
        if carry != ZERO:
            carries[column + 1] = carry
    return sums, carries
