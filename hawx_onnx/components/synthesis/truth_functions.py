"""Functions of a few bits as operations on words, from their truth tables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hawx_onnx.components.netlist.network import Function, Words
from hawx_onnx.components.netlist.simulation import pack

_Node = Callable[[tuple[Words, ...]], Words]


def mask_of(function: Function, arity: int) -> int:
    """Returns a function's truth table: bit i is its value where input k is bit k of i."""
    rows = np.arange(64) % (1 << arity)
    return int(function(*pack(rows, arity))[0]) & ((1 << (1 << arity)) - 1)


def function_of(mask: int, arity: int) -> Function:
    """Returns the function of a truth table of one input or more, by Shannon expansion."""
    node = _expand(mask, arity)
    return lambda *words: node(words)


def _expand(mask: int, arity: int) -> _Node:
    """Splits a function by its last input, with a cheap operation where one will do."""
    if arity == 0:
        return _ones if mask else _zeros
    last, half = arity - 1, 1 << (arity - 1)
    full = (1 << half) - 1
    low, high = mask & full, mask >> half
    if low == high:
        return _expand(low, last)
    below, above = _expand(low, last), _expand(high, last)
    if high == low ^ full:
        if low == 0:
            return lambda words: words[last]
        return lambda words: words[last] ^ below(words)
    if low == 0:
        return lambda words: words[last] & above(words)
    if high == 0:
        return lambda words: ~words[last] & below(words)
    if low == full:
        return lambda words: ~words[last] | above(words)
    if high == full:
        return lambda words: words[last] | below(words)

    def choose(words: tuple[Words, ...]) -> Words:
        zero = below(words)
        return zero ^ ((zero ^ above(words)) & words[last])

    return choose


def _zeros(words: tuple[Words, ...]) -> Words:
    return words[0] ^ words[0]


def _ones(words: tuple[Words, ...]) -> Words:
    return ~(words[0] ^ words[0])
