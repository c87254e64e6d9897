"""Words on their way: trees, choices, leading-one detectors, encoders, shifters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from hawx_onnx.components.netlist.arithmetic import padded
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.network import ZERO


def any_of(build: Builder, bits: Bits) -> int:
    """Returns the OR of all bits, by a balanced tree; 0 of none."""
    return _tree(build.or_, bits, ZERO)


def _tree(gate: Callable[[int, int], int], bits: Bits, empty: int) -> int:
    level = list(bits) or [empty]
    while len(level) > 1:
        odd = level[len(level) & ~1 :]
        level = [gate(*pair) for pair in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0]


def gated(build: Builder, enable: int, word: Bits) -> tuple[int, ...]:
    """Returns the word where ``enable`` is 1, else 0."""
    return tuple(build.and_(enable, bit) for bit in word)


def choose(build: Builder, select: int, zero: Bits, one: Bits) -> tuple[int, ...]:
    """Returns the word ``one`` where ``select`` is 1, else ``zero``; the shorter one is padded."""
    width = max(len(zero), len(one))
    pairs = zip(padded(zero, width), padded(one, width), strict=True)
    return tuple(build.mux(select, x, y) for x, y in pairs)


def leading_one(build: Builder, word: Bits) -> tuple[int, ...]:
    """Returns the word with its highest set bit alone: one-hot, 0 for 0."""
    found, above = [], ZERO
    for bit in reversed(word):
        found.append(build.and_not(bit, above))
        above = build.or_(above, bit)
    return tuple(reversed(found))


def encode(build: Builder, one_hot: Bits) -> tuple[int, ...]:
    """Returns the position of the set bit of a one-hot word in binary; 0 for 0."""
    width = (len(one_hot) - 1).bit_length()
    return tuple(
        any_of(build, [bit for position, bit in enumerate(one_hot) if position >> place & 1])
        for place in range(width)
    )


def select(build: Builder, one_hot: Bits, words: Sequence[Bits]) -> tuple[int, ...]:
    """Returns the word whose bit of ``one_hot`` is set, by AND and OR; 0 where none is."""
    rows = [gated(build, enable, word) for enable, word in zip(one_hot, words, strict=True)]
    return tuple(any_of(build, column) for column in zip(*rows, strict=True))


def shift_left(build: Builder, word: Bits, amount: Bits, *, width: int) -> tuple[int, ...]:
    """Returns word * 2**amount modulo 2**width, by a barrel shifter: stage s moves by 2**s."""

    def stage(current: tuple[int, ...], step: tuple[int, int]) -> tuple[int, ...]:
        place, enable = step
        moved = padded((*[ZERO] * (1 << place), *current), width)
        return choose(build, enable, current, moved)

    return functools.reduce(stage, enumerate(amount), padded(word, width))
