"""Dynamic energy by toggle counting: how often each signal of a netlist changes, and its price.

Two ways to count. *Zero delay*: all signals settle at once, each changes once at most for each new
pair of operands; what the operands' statistics alone cause. *Unit delay*: every cell takes one
step, so that signals whose inputs arrive at different times change several times before they
settle; these glitches are a large part of the power of multipliers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.netlist.network import GateNetwork, Words
from hawx_onnx.components.netlist.simulation import all_signals, pack
from hawx_onnx.components.tables import CODES
from hawx_onnx.errors import ConfigError

ZERO_DELAY, UNIT_DELAY = "zero-delay", "unit-delay"
MODES = (UNIT_DELAY, ZERO_DELAY)

VECTORS = 4096
"""Operand pairs that are simulated one after the other, a multiple of 64."""

Stimulus = dict[str, list[Words]]
"""Words of each input port's bits, the lowest first."""

Energies = npt.NDArray[np.float64]
"""What one change of each signal costs, in fJ, by number."""


@dataclass(frozen=True)
class DynamicEnergy:
    """Mean energy of one multiplication.

    Attributes:
        energy_fj: The mean, in fJ.
        standard_error_fj: Of the mean, from runs of 64 operand pairs.
    """

    energy_fj: float
    standard_error_fj: float


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
    if mode not in MODES:
        raise ConfigError(f"there is no mode {mode!r}", mend=f"choose {' or '.join(MODES)}")
    before, after = _stimuli(network, operands, vectors, np.random.default_rng(seed))
    settled = all_signals(network, before)
    if mode == ZERO_DELAY:
        changes = [a ^ b for a, b in zip(settled, all_signals(network, after), strict=True)]
        who = list(range(len(changes)))
    else:
        words = [word for port in network.inputs for word in after[port.name]]
        who, changes = _waves(network, settled, words)
    if not changes:
        return DynamicEnergy(0.0, 0.0)
    # One word holds 64 operations; words are independent but for their borders.
    runs = energies[who] @ popcount(np.stack(changes)) / 64
    error = runs.std(ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else 0.0
    return DynamicEnergy(float(runs.mean()), float(error))


def _stimuli(
    network: GateNetwork, operands: OperandHistograms | None, vectors: int, rng: np.random.Generator
) -> tuple[Stimulus, Stimulus]:
    """Returns the inputs before and after each operation."""
    if operands is None:
        before, after = (
            {
                port.name: list(rng.integers(0, 1 << 64, (port.width, vectors // 64), np.uint64))
                for port in network.inputs
            }
            for _ in range(2)
        )
        return before, after
    shares = (operands.activation, operands.weight)
    codes = [rng.choice(CODES, size=vectors + 1, p=one / one.sum()) for one in shares]
    pairs = list(zip(network.inputs, codes, strict=True))
    return (
        {port.name: pack(values[:-1], port.width) for port, values in pairs},
        {port.name: pack(values[1:], port.width) for port, values in pairs},
    )


def _waves(
    network: GateNetwork, settled: list[Words], inputs: Sequence[Words]
) -> tuple[list[int], list[Words]]:
    """Returns the changes of all signals, step by step, as the new operands ripple through.

    Args:
        network: The circuit.
        settled: Signals under the operands before.
        inputs: The new operands.

    Returns:
        Signals, and for each the words whose ones are changes; a signal appears once a step.
    """
    now, who, changes = list(settled), [], []
    readers = _readers(network)
    first, active = network.first_gate, list(range(2, network.first_gate))
    updates = list(inputs)
    while active:
        changed = []
        for signal, word in zip(active, updates, strict=True):
            change = now[signal] ^ word
            if change.any():
                who.append(signal)
                changes.append(change)
                changed.append(signal)
                now[signal] = word
        # Gates whose inputs stayed as they were stay too.
        active = sorted({reader for signal in changed for reader in readers[signal]})
        gates = (network.gates[signal - first] for signal in active)
        updates = [network.functions[g.kind](*(now[s] for s in g.inputs)) for g in gates]
    return who, changes


def _readers(network: GateNetwork) -> list[list[int]]:
    """Returns the gates that read each signal, by number."""
    readers: list[list[int]] = [[] for _ in range(network.first_gate + len(network.gates))]
    for index, gate in enumerate(network.gates, network.first_gate):
        for signal in gate.inputs:
            readers[signal].append(index)
    return readers


_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1).astype(np.uint8)


def popcount(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Returns how many bits of each word are 1, in the words' shape."""
    counts = _ONES[np.ascontiguousarray(words).view(np.uint8)]
    ones: npt.NDArray[np.int64] = counts.reshape(*words.shape, 8).sum(axis=-1, dtype=np.int64)
    return ones
