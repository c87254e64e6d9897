"""What a lane of a dataflow engine switches for one product, under operands as they come."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from hawx_onnx.components.adder_power import (
    SUM_BITS,
    Ints,
    bit_energy,
    changes,
    flips,
    register_change_fj,
    stimulus,
    typical_changes,
)
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.arithmetic import add
from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.network import ZERO, GateNetwork, Port
from hawx_onnx.components.operand_traces import OperandTrace
from hawx_onnx.components.synthesis.technology_costs import TechnologyCosts

PRODUCT_BITS = 16

MOST_LANES = 32
"""Lanes of the widest tree that is simulated; wider ones take as much for each lane."""

_STEPS, _SEGMENT = 512, 64


def engine_lane_fj(
    multiplier: Multiplier, known: TechnologyCosts, trace: OperandTrace, lanes: int
) -> float:
    """Returns what one product switches besides the multiplier and the clock.

    That is the weight's and the product's register, and a share of the adder tree, of the
    accumulator and of its register. Registers of activations serve several elements and are not in
    it.

    Args:
        multiplier: That of the element.
        known: Adders and registers of its technology.
        trace: The operands.
        lanes: Products that the element takes at once.
    """
    price = known.accumulator(SUM_BITS).energy_fj / typical_changes()
    weights, products, sums = _steps(multiplier, trace, min(lanes, MOST_LANES))
    lanes = products.shape[2]
    change = register_change_fj(known)
    stored = flips(weights.reshape(2, -1), 8) + flips(products.reshape(2, -1), PRODUCT_BITS)
    network = tree_network(lanes, signed=bool(multiplier.table.min() < 0))
    words = [*np.moveaxis(products, 2, 0), sums]
    operations = stimulus(words, [port.width for port in network.inputs])
    adding = changes(network, [operations], price)[0]
    held = flips(sums + products.sum(axis=2), SUM_BITS)
    gates = 2 * bit_energy(known.gate_bit) * flips(sums, SUM_BITS)
    return change * stored + (adding + change * held + gates) / lanes


@functools.cache
def tree_network(lanes: int, *, signed: bool) -> GateNetwork:
    """Returns a tree of adders, each level one bit wider than the last, and an accumulator.

    What one adder ripples through passes into the next.

    Args:
        lanes: Products that it sums up.
        signed: Whether they are in two's complement.
    """
    ports = [Port(f"P{lane}", PRODUCT_BITS) for lane in range(lanes)]
    build = Builder((*ports, Port("S", SUM_BITS)))
    level = [build.input(port.name) for port in ports]

    def wider(word: Sequence[int], bits: int) -> tuple[int, ...]:
        return (*word, *((word[-1] if signed else ZERO) for _ in range(bits - len(word))))

    bits = PRODUCT_BITS
    while len(level) > 1:
        bits += 1
        pairs = zip(level[::2], level[1::2], strict=False)
        sums = [add(build, wider(a, bits), wider(b, bits), width=bits) for a, b in pairs]
        level = [*sums, *level[2 * len(sums) :]]
    total = add(build, build.input("S"), wider(level[0], SUM_BITS), width=SUM_BITS)
    return build.network(f"tree{lanes}", {"O": total})


def _steps(multiplier: Multiplier, trace: OperandTrace, lanes: int) -> tuple[Ints, Ints, Ints]:
    """Steps of an element, each with the one before it.

    Returns:
        Weights and products [2, steps, lanes], and the sum that the products are added to, which
        starts anew with each window: [2, steps].
    """
    rng = np.random.default_rng(0)
    runs, positions, length = trace.activations.shape
    lanes = min(lanes, length)
    folds = length // lanes
    count = _STEPS // _SEGMENT
    run = rng.integers(0, runs, count)
    filter_ = rng.integers(0, trace.weights.shape[1], count)
    start = rng.integers(0, positions * folds, count)
    steps = start[:, None] + np.arange(_SEGMENT + 1)
    position, fold = steps // folds % positions, steps % folds
    index = fold[..., None] * lanes + np.arange(lanes)
    activations = trace.activations[run[:, None, None], position[..., None], index]
    weights = trace.weights[run[:, None, None], filter_[:, None, None], index]
    products = multiplier.table[activations, weights].astype(np.int64)
    # All steps of the windows that are passed, for the sums so far.
    used = slice(0, folds * lanes)
    table = multiplier.table
    whole = table[trace.activations[run][:, :, used], trace.weights[run, filter_][:, None, used]]
    per_step = whole.reshape(count, positions, folds, lanes).sum(axis=3, dtype=np.int64)
    before = np.cumsum(per_step, axis=2) - per_step
    sums = before[np.arange(count)[:, None], position, fold]

    def pairs(values: Ints) -> Ints:
        ends = np.stack([values[:, :-1], values[:, 1:]])
        return ends.reshape(2, -1, *values.shape[2:])

    return pairs(weights.astype(np.int64)), pairs(products), pairs(sums)
