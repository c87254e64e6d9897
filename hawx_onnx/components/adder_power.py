"""What adders and registers of a technology switch for given words.

Changes of an adder are counted in a ripple-carry adder of gates, each of which takes one step.
Their price is that at which typical sums cost what the technology's own adder takes for them: its
cells are other ones, but change as often.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.netlist.simulation import pack
from hawx_onnx.components.synthesis.periphery import accumulation, adder_network
from hawx_onnx.components.synthesis.power import Stimulus, stimulated_energies
from hawx_onnx.components.synthesis.technology_costs import Row, TechnologyCosts

SUM_BITS = 32
"""Bits of sums whose changes are counted; wider ones repeat the highest."""

Ints = npt.NDArray[np.int64]


def stimulus(words: Sequence[Ints], widths: Sequence[int]) -> Stimulus:
    """Returns operations of a circuit.

    Args:
        words: Values of each input before and after: int64 [2, operations].
        widths: Bits of each.
    """
    parts = (
        np.stack([w for one, width in zip(words, widths, strict=True) for w in pack(one[i], width)])
        for i in (0, 1)
    )
    return Stimulus(*parts)


def adder_energies(stimuli: Sequence[Stimulus], bits: int, price: float) -> list[float]:
    """Returns energies of additions, in units of the price.

    Args:
        stimuli: Words of both operands.
        bits: Of the adder.
        price: Of a change of a gate.
    """
    return changes(adder_network(bits), stimuli, price)


def changes(network: GateNetwork, stimuli: Sequence[Stimulus], price: float) -> list[float]:
    """Returns changes of gates for each operation, in units of the price."""
    energies = np.full(network.first_gate + len(network.gates), price)
    energies[: network.first_gate] = 0.0
    return [one.energy_fj for one in stimulated_energies(network, energies, stimuli)]


@functools.cache
def typical_changes() -> float:
    """Changes of gates for each addition of typical products."""
    return adder_energies([accumulation(SUM_BITS)], SUM_BITS, 1.0)[0]


def flips(words: Ints, bits: int) -> float:
    """Returns how many bits change from before to after, on average.

    Args:
        words: int64 [2, operations].
        bits: Of a word.
    """
    changed = (words[0] ^ words[1]) & ((1 << bits) - 1)
    return float(np.unpackbits(changed.view(np.uint8)).sum()) / len(changed)


def register_change_fj(known: TechnologyCosts) -> float:
    """Returns the energy of a change of a register bit, its clock aside."""
    clock = known.register_clock_fj
    if known.register_bit is None or clock is None:
        return 0.0
    # Half of the bits change in its figure.
    return 2 * (known.register_bit[2] - clock)


def bit_energy(bit: Row | None) -> float:
    """Returns the energy in the figures of a bit, 0 where there are none."""
    return 0.0 if bit is None else bit[2]
