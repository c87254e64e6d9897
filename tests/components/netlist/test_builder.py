"""The builder: folding, sharing, and its blocks against plain arithmetic."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx.components.netlist import Gate, GateNetwork, Output, Port, simulate
from hawx_onnx.components.netlist.arithmetic import add, add_rows, negated_where, subtract
from hawx_onnx.components.netlist.array import array_product
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.datapath import (
    any_of,
    choose,
    encode,
    gated,
    leading_one,
    select,
    shift_left,
)
from hawx_onnx.components.netlist.network import ONE, PRIMITIVES, ZERO
from hawx_onnx.components.netlist.simulation import pack, unpack
from hawx_onnx.errors import LibraryError

TWO_INPUT = ("and_", "or_", "xor", "nand", "nor", "xnor", "and_not")


def evaluate(build: Builder, outputs, **operands):
    """Returns the value of an output word for each combination of operand values."""
    network = build.network("block", {"y": outputs})
    widths = {port.name: port.width for port in network.inputs}
    count = 64 * -(-len(next(iter(operands.values()))) // 64)
    words = {
        key: pack(np.resize(np.asarray(values), count), widths[key])
        for key, values in operands.items()
    }
    return unpack(simulate(network, words)["y"])[: len(next(iter(operands.values())))]


def pairs(bits: int):
    both = np.arange(1 << 2 * bits)
    return both >> bits, both & ((1 << bits) - 1)


@pytest.mark.parametrize("gate", TWO_INPUT)
def test_folding_changes_no_function(gate):
    """Each gate of a signal, its inverse and both constants, in all pairs."""
    plain = getattr(Builder((Port("x", 1),)), gate)
    truth = {
        (x, y): {
            "and_": x & y,
            "or_": x | y,
            "xor": x ^ y,
            "nand": 1 - (x & y),
            "nor": 1 - (x | y),
            "xnor": 1 - (x ^ y),
            "and_not": x & (1 - y),
        }[gate]
        for x, y in itertools.product((0, 1), repeat=2)
    }
    assert plain(ZERO, ONE) == truth[0, 1]
    for left, right in itertools.product(range(4), repeat=2):
        build = Builder((Port("x", 1),))
        (x,) = build.input("x")
        kinds = (ZERO, ONE, x, build.not_(x))
        y = evaluate(build, (getattr(build, gate)(kinds[left], kinds[right]),), x=[0, 1])
        values = ((0, 0), (1, 1), (0, 1), (1, 0))
        assert y.tolist() == [truth[values[left][v], values[right][v]] for v in (0, 1)]
        network = build.network("folded", {"y": (getattr(build, gate)(kinds[left], kinds[right]),)})
        assert all(one.kind == "NOT" for one in network.gates)


def test_multiplexers_fold():
    for kinds in itertools.product(range(6), repeat=3):
        build = Builder((Port("x", 2),))
        x, y = build.input("x")
        signals = (ZERO, ONE, x, build.not_(x), y, build.not_(y))
        values = [(0, 1, v & 1, 1 - (v & 1), v >> 1, 1 - (v >> 1)) for v in range(4)]
        chosen = build.mux(*(signals[k] for k in kinds))
        expected = [v[kinds[2]] if v[kinds[0]] else v[kinds[1]] for v in values]
        assert evaluate(build, (chosen,), x=range(4)).tolist() == expected


def test_equal_gates_are_built_once_and_unused_ones_left_out():
    build = Builder((Port("x", 3),))
    x, y, z = build.input("x")
    assert build.and_(x, y) == build.and_(y, x)
    assert build.not_(build.not_(x)) == x
    build.xor(y, z)
    network = build.network("small", {"y": (build.and_(x, y),)})
    assert network.gates == (Gate("AND", (2, 3)),)
    assert network.outputs == (Output("y", (5,)),)
    with pytest.raises(LibraryError, match="no input w"):
        build.input("w")


@pytest.mark.parametrize("kind", PRIMITIVES)
def test_inlining_keeps_the_function(kind):
    count = {"BUF": 1, "NOT": 1, "MUX": 3}.get(kind, 2)
    gate = Gate(kind, tuple(range(2, 2 + count)))
    core = GateNetwork("core", (Port("x", 3),), (Output("y", (5,)),), (gate,))
    build = Builder((Port("x", 3),))
    word = build.inline(core, {"x": build.input("x")})["y"]
    values = np.arange(64) % 8
    expected = unpack(simulate(core, {"x": pack(values, 3)})["y"])
    np.testing.assert_array_equal(evaluate(build, word, x=values), expected)


def test_inlining_says_what_does_not_fit():
    core = GateNetwork("core", (Port("x", 3),), (), ())
    with pytest.raises(LibraryError, match="core: input x needs 3 bits, not 2"):
        Builder((Port("x", 2),)).inline(core, {"x": (2, 3)})
    odd = GateNetwork("odd", (Port("x", 1),), (), (Gate("INVX1", (2,)),), {"INVX1": lambda a: ~a})
    with pytest.raises(LibraryError, match="odd: there is no primitive gate of kind 'INVX1'"):
        Builder((Port("x", 1),)).inline(odd, {"x": (2,)})


def test_adders():
    a, b = pairs(4)
    build = Builder((Port("a", 4), Port("b", 4)))
    x, y = build.input("a"), build.input("b")
    assert (evaluate(build, add(build, x, y, width=5), a=a, b=b) == a + b).all()
    total = add(build, x, y, carry=ONE, width=6)
    assert (evaluate(build, total, a=a, b=b) == a + b + 1).all()
    assert (evaluate(build, subtract(build, x, y, width=5), a=a, b=b) == (a - b) % 32).all()
    minus = negated_where(build, y[0], x)
    assert (evaluate(build, minus, a=a, b=b) == np.where(b & 1, -a, a) % 16).all()


def test_carry_save_arrays_of_random_rows():
    rng = np.random.default_rng(5)
    for _ in range(20):
        build = Builder((Port("a", 8), Port("b", 8)))
        signals = (*build.input("a"), *build.input("b"))
        rows = [
            {int(c): int(rng.choice(signals)) for c in np.flatnonzero(rng.random(12) < 0.6)}
            for _ in range(rng.integers(0, 7))
        ]
        constant = int(rng.integers(0, 1 << 12))
        a, b = rng.integers(0, 256, (2, 256))
        both = a | b << 8
        bits = {signal: both >> place & 1 for place, signal in enumerate(signals)}
        expected = constant + sum(bits[s] << c for row in rows for c, s in row.items())
        total = add_rows(build, rows, constant=constant, width=12)
        assert (evaluate(build, total, a=a, b=b) == expected % (1 << 12)).all()


def test_the_exact_array_is_the_textbook_one():
    """64 AND gates, 48 full adders of five gates, 8 half adders of two."""
    build = Builder((Port("a", 8), Port("w", 8)))
    product = array_product(build, build.input("a"), build.input("w"))
    assert len(build.network("exact", {"y": product}).gates) == 64 + 48 * 5 + 8 * 2


def test_words():
    build = Builder((Port("a", 5), Port("b", 3)))
    x, y = build.input("a"), build.input("b")
    both = np.arange(256)
    a, b = both & 31, both >> 5
    top = np.where(a > 0, 1 << np.frexp(a)[1].astype(int) >> 1, 0)
    operands = {"a": a, "b": b}
    assert (evaluate(build, (any_of(build, x),), **operands) == (a > 0)).all()
    assert any_of(build, ()) == ZERO
    assert (evaluate(build, leading_one(build, x), **operands) == top).all()
    position = evaluate(build, encode(build, leading_one(build, x)), **operands)
    assert (position == np.maximum(np.frexp(a)[1] - 1, 0)).all()
    assert (evaluate(build, gated(build, y[0], x), **operands) == a * (b & 1)).all()
    assert (evaluate(build, choose(build, y[0], x, y), **operands) == np.where(b & 1, b, a)).all()
    moved = shift_left(build, x, y, width=9)
    assert (evaluate(build, moved, **operands) == (a << b) % 512).all()
    hot = leading_one(build, x)
    words = [(*[ZERO] * k, ONE) for k in range(5)]
    chosen = select(build, hot, [(*word, *[ZERO] * (5 - len(word))) for word in words])
    assert (evaluate(build, chosen, **operands) == top).all()
