"""Dynamic energy by toggle counting: how often each signal of a netlist changes, and its price.

Two ways to count. *Zero delay*: all signals settle at once, each changes once at most for each new
pair of operands; what the operands' statistics alone cause. *Unit delay*: every cell takes one
step, so that signals whose inputs arrive at different times change several times before they
settle; these glitches are a large part of the power of multipliers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.netlist.network import GateNetwork, Port, Words
from hawx_onnx.components.netlist.simulation import all_signals, pack
from hawx_onnx.components.tables import CODES
from hawx_onnx.errors import ConfigError

ZERO_DELAY, UNIT_DELAY = "zero-delay", "unit-delay"
MODES = (UNIT_DELAY, ZERO_DELAY)

VECTORS = 4096
"""Operand pairs that are simulated one after the other, a multiple of 64."""

Energies = npt.NDArray[np.float64]
"""What one change of each signal costs, in fJ, by number."""

# Stimuli that are simulated at once: enough to hide what calls cost, few enough for the caches.
_BLOCK = 16


@dataclass(frozen=True)
class DynamicEnergy:
    """Mean energy of one multiplication.

    Attributes:
        energy_fj: The mean, in fJ.
        standard_error_fj: Of the mean, from runs of 64 operand pairs.
    """

    energy_fj: float
    standard_error_fj: float


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Operations one after the other, 64 to a word.

    Attributes:
        before: Words of all input bits before each operation, in the order of the input signals:
            uint64 [bits, operations / 64].
        after: The same after it: the operands of the operation.
    """

    before: Words
    after: Words


def dynamic_energy(
    network: GateNetwork,
    energies: Energies,
    operands: OperandHistograms | None = None,
    *,
    mode: str = UNIT_DELAY,
    vectors: int = VECTORS,
    seed: int = 0,
) -> DynamicEnergy:
    """Returns what one operation costs, mean over random operands.

    Every operation gets new operands; those of the operation before are still on the nets.

    Args:
        network: A circuit of cells; with operands given a multiplier, the activation first.
        energies: What one change of each signal costs in fJ.
        operands: Their distribution; by default all input bits are random.
        mode: ``unit-delay`` or ``zero-delay``.
        vectors: Operations, a multiple of 64.
        seed: Of the operands.

    Raises:
        ConfigError: There is no such mode.
    """
    stimulus = draw(network.inputs, operands, vectors=vectors, seed=seed)
    return stimulated_energies(network, energies, [stimulus], mode=mode)[0]


def stimulated_energies(
    network: GateNetwork,
    energies: Energies,
    stimuli: Sequence[Stimulus],
    *,
    mode: str = UNIT_DELAY,
) -> list[DynamicEnergy]:
    """Returns what one operation costs under each of several stimuli, all of one length.

    They pass through the circuit together, as wider words, which takes little more time than one
    alone. A figure depends on its own stimulus only.

    Raises:
        ConfigError: There is no such mode.
    """
    if mode not in MODES:
        raise ConfigError(f"there is no mode {mode!r}", mend=f"choose {' or '.join(MODES)}")
    found = []
    for start in range(0, len(stimuli), _BLOCK):
        block = stimuli[start : start + _BLOCK]
        before, after = (
            np.concatenate([getattr(one, when) for one in block], axis=1)
            for when in ("before", "after")
        )
        counts = _toggles(network, before, after, mode)
        found += [_mean(energies, part) for part in np.split(counts, len(block), axis=1)]
    return found


def _mean(energies: Energies, counts: npt.NDArray[np.int32]) -> DynamicEnergy:
    """Returns the energy of one operation from the changes [signals, operations / 64]."""
    words = counts.shape[1]
    # Exact counts and a correctly rounded sum: the same figure on every computer.
    total = math.fsum((energies * counts.sum(axis=1)).tolist())
    # One word holds 64 operations; words are independent but for their borders.
    runs = energies @ counts / 64
    error = float(runs.std(ddof=1)) / math.sqrt(words) if words > 1 else 0.0
    return DynamicEnergy(total / (64 * words), error)


def draw(
    ports: Sequence[Port],
    operands: OperandHistograms | None = None,
    *,
    vectors: int = VECTORS,
    seed: int = 0,
) -> Stimulus:
    """Returns seeded random operations.

    Args:
        ports: The circuit's inputs; with operands given two of 8 bits, the activation first.
        operands: Their distribution; by default all input bits are random.
        vectors: Operations, a multiple of 64.
        seed: Of the operands.
    """
    rng = np.random.default_rng(seed)
    if operands is None:
        before, after = (
            np.concatenate(
                [rng.integers(0, 1 << 64, (port.width, vectors // 64), np.uint64) for port in ports]
            )
            for _ in range(2)
        )
        return Stimulus(before, after)
    shares = (operands.activation, operands.weight)
    codes = [rng.choice(CODES, size=vectors + 1, p=one / one.sum()) for one in shares]
    pairs = list(zip(ports, codes, strict=True))
    before, after = (
        np.stack([word for port, values in pairs for word in pack(values[when], port.width)])
        for when in (slice(-1), slice(1, None))
    )
    return Stimulus(before, after)


def _toggles(network: GateNetwork, before: Words, after: Words, mode: str) -> npt.NDArray[np.int32]:
    """Returns how often each signal changes: int32 [signals, words]."""
    settled = _settle(network, before)
    if mode == ZERO_DELAY:
        return popcount(settled ^ _settle(network, after))
    return _ripple(network, settled, after)[0]


def _settle(network: GateNetwork, inputs: Words) -> Words:
    """Returns all signals for words of the inputs' bits: uint64 [signals, words]."""
    named, start = {}, 0
    for port in network.inputs:
        named[port.name] = list(inputs[start : start + port.width])
        start += port.width
    return np.stack(all_signals(network, named))


def _ripple(
    network: GateNetwork, settled: Words, inputs: Words
) -> tuple[npt.NDArray[np.int32], Words]:
    """Lets new operands ripple through a circuit, step by step.

    Args:
        network: The circuit.
        settled: Signals under the operands before, uint64 [signals, words].
        inputs: The new operands, uint64 [bits, words].

    Returns:
        How often each signal changed, int32 [signals, words], and the signals after the last step.
    """
    now = settled.copy()
    counts = np.zeros(now.shape, np.int32)
    fresh: list[tuple[npt.NDArray[np.intp], Words]]
    fresh = [(np.arange(2, network.first_gate), inputs)]
    steps = iter(_schedule(network))
    while fresh:
        for signals, words in fresh:
            counts[signals] += popcount(now[signals] ^ words)
            now[signals] = words
        # All gates of a step read what the step before left.
        fresh = [
            (gates.signals, network.functions[gates.kind](*(now[s] for s in gates.inputs)))
            for gates in next(steps, ())
        ]
    return counts, now


@dataclass(frozen=True, eq=False)
class _Gates:
    """Gates of one kind that may change in one step.

    Attributes:
        kind: Their kind.
        signals: Their outputs [gates].
        inputs: What they read, [gates] for each input of the kind.
    """

    kind: str
    signals: npt.NDArray[np.intp]
    inputs: npt.NDArray[np.intp]


def _schedule(network: GateNetwork) -> list[list[_Gates]]:
    """Returns the gates that may change in each step: between their shortest and longest path."""
    first = network.first_gate
    span: list[tuple[int, int] | None] = [None, None, *[(0, 0)] * (first - 2)]
    steps: list[list[int]] = []
    for signal, gate in enumerate(network.gates, first):
        known = [s for number in gate.inputs if (s := span[number]) is not None]
        if not known:
            span.append(None)
            continue
        start, end = 1 + min(s[0] for s in known), 1 + max(s[1] for s in known)
        span.append((start, end))
        while len(steps) < end:
            steps.append([])
        for step in range(start, end + 1):
            steps[step - 1].append(signal)
    return [_by_kind(network, step) for step in steps]


def _by_kind(network: GateNetwork, signals: Sequence[int]) -> list[_Gates]:
    """Groups gates, so that one call computes all of a kind."""
    first = network.first_gate

    def kind(signal: int) -> str:
        return network.gates[signal - first].kind

    grouped = [list(group) for _, group in groupby(sorted(signals, key=kind), key=kind)]
    return [
        _Gates(
            kind(group[0]),
            np.array(group, np.intp),
            np.array([network.gates[signal - first].inputs for signal in group], np.intp).T,
        )
        for group in grouped
    ]


_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1).astype(np.uint8)


def popcount(words: Words) -> npt.NDArray[np.int32]:
    """Returns how many bits of each word are 1, in the words' shape."""
    # Not before numpy 2.
    count = getattr(np, "bitwise_count", None)
    if count is not None:
        return np.asarray(count(words), np.int32)
    counts = _ONES[np.ascontiguousarray(words).view(np.uint8)]
    ones: npt.NDArray[np.int32] = counts.reshape(*words.shape, 8).sum(axis=-1, dtype=np.int32)
    return ones
