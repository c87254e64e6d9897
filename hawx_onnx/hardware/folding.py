"""Folding: how many processing elements (PE) and lanes (SIMD) the engine of a layer has.

An engine of PE elements with SIMD multipliers each computes PE output channels at a time and SIMD
products of each per cycle, so that a layer takes M * (N / PE) * (K / SIMD) cycles. PE divides the
filters and SIMD divides the window, as in FINN's matrix-vector units (Umuroglu et al., "FINN: A
Framework for Fast, Scalable Binarized Neural Network Inference", FPGA 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hawx_onnx.hardware.workload import LayerWorkload


@dataclass(frozen=True)
class Folding:
    """The engine of one layer.

    Args:
        pe: Processing elements; output channels computed at a time.
        simd: Multipliers of each element; products per cycle.
        cycles: Clock cycles per inference.
        neuron_fold: Channels that each element computes in turn: N / PE.
        synapse_fold: Cycles per output: K / SIMD.
    """

    pe: int
    simd: int
    cycles: int
    neuron_fold: int
    synapse_fold: int

    @property
    def multipliers(self) -> int:
        """Multipliers of the engine when all channels use one type."""
        return self.pe * self.simd


def divisors(number: int) -> list[int]:
    """Returns the divisors of a positive number in ascending order."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def fold(work: LayerWorkload, pe: int, simd: int) -> Folding:
    """Returns the engine of a layer with so many elements and lanes.

    Args:
        work: The layer.
        pe: A divisor of its filters.
        simd: A divisor of its window.
    """
    neuron, synapse = work.filters // pe, work.window // simd
    return Folding(pe, simd, work.output_positions * neuron * synapse, neuron, synapse)


def smallest_folding(work: LayerWorkload, target_cycles: int) -> Folding | None:
    """Returns the engine with the fewest multipliers that meets a target.

    Of equally many multipliers the one with the fewest elements is taken: it needs the fewest
    accumulators.

    Args:
        work: The layer.
        target_cycles: Clock cycles per inference that the engine may take.

    Returns:
        The engine, or None where even one multiplier per weight is too slow: no engine takes
        fewer cycles than the layer has output positions.
    """
    best: Folding | None = None
    for pe in divisors(work.filters):
        for simd in divisors(work.window):
            engine = fold(work, pe, simd)
            if engine.cycles > target_cycles:
                continue
            if best is None or engine.multipliers < best.multipliers:
                best = engine
            # More lanes only cost more.
            break
    return best


def cycles_within(workloads: Sequence[LayerWorkload], multipliers: int) -> int:
    """Returns the fewest cycles per layer that a number of multipliers can meet.

    Args:
        workloads: The layers.
        multipliers: Multipliers that all engines together may have.

    Returns:
        The least target whose smallest engines have no more; 0 if even one multiplier for each
        layer is too many.
    """
    if len(workloads) > multipliers:
        return 0
    # Cycles fall as multipliers grow, so that the least target is found by halving.
    low = max(work.output_positions for work in workloads)
    high = max(work.macs for work in workloads)
    while low < high:
        middle = (low + high) // 2
        engines = [smallest_folding(work, middle) for work in workloads]
        if sum(engine.multipliers for engine in engines if engine) <= multipliers:
            high = middle
        else:
            low = middle + 1
    return low
