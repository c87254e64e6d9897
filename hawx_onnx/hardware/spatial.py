"""Spatial target: one engine per layer, all at work at the same time on a stream of inferences.

Each engine is folded so that its layer meets a common number of cycles per inference
(`hawx_onnx.hardware.folding`). With M output positions, N filters, K products per output:

- cycles of a layer = M * (N / PE) * (K / SIMD)
- initiation interval = the cycles of the slowest layer; one inference ends per interval
- latency = the sum of the cycles of all layers: each engine waits for the whole of its input.
  A pipeline that passes rows on at once is faster, so the figure is an upper bound
- energy per inference = switched energy + leakage of all engines over one initiation interval
- power = energy per inference / initiation interval
- utilization of a layer = its MACs / (multipliers of its engine * initiation interval)

A processing element has multipliers of one type. With several types in a layer, the channels of
each are grouped on elements of their own: ceil(channels / (N / PE)) of them, so that the cycles
stay and the engine grows by at most one element per further type.

An element has SIMD multipliers, an adder tree, an accumulator with its register, and a weight
register per lane; the activation registers of the lanes are shared by the engine's elements.
Weight memories and line buffers are not modelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.assignment import Usage, energies_uj, switched_energy_fj
from hawx_onnx.hardware.folding import Folding, smallest_folding
from hawx_onnx.hardware.report import CostReport, CostTotals, LayerCost, objective_field
from hawx_onnx.hardware.schema import integer, word
from hawx_onnx.hardware.target import Target, clock_notes
from hawx_onnx.hardware.technology import (
    OPERAND_BITS,
    ComponentFigures,
    Periphery,
    PeripheryFigures,
    PeripheryLibrary,
    periphery_of,
)
from hawx_onnx.hardware.terms import CostTerms
from hawx_onnx.hardware.units import femto_to_micro, leakage_energy_uj, mean_power_mw
from hawx_onnx.hardware.workload import LayerWorkload

UNMET = ("relax", "refuse")


@dataclass(frozen=True, kw_only=True)
class SpatialTarget(Target):
    """A dataflow accelerator with one engine per layer.

    Args:
        target_cycles: Clock cycles per inference that every layer must meet.
        when_unmet: What happens when a layer has more output positions than target_cycles, which
            no folding meets: ``relax`` raises the target of all layers to the least that can be
            met and notes it, ``refuse`` is an error.
    """

    kind: ClassVar[str] = "spatial"

    target_cycles: int = field(metadata=integer(1, 10**12, "clock cycles per inference"))
    when_unmet: str = field(default="refuse", metadata=word(*UNMET))

    def foldings(self, workloads: tuple[LayerWorkload, ...]) -> tuple[Folding, ...]:
        """Returns the engine of each layer.

        Raises:
            ConfigError: If a layer cannot meet the target and the target refuses to relax.
        """
        return _fold_all(self, workloads)[0]

    def separable(self, objective: str) -> bool:
        """Returns whether an objective is a sum over layers of that layer's multiplier alone.

        Every one is: engines share nothing, and no multiplier changes a cycle count.
        """
        return bool(objective_field(objective))

    def _report(self, workloads: tuple[LayerWorkload, ...], usage: Usage) -> CostReport:
        plan = _plan(self, workloads, usage.technology, usage.periphery)
        interval, mhz = plan.interval, self.frequency_mhz
        layers, multiplication_fj = [], 0.0
        for work, engine, counts in zip(workloads, plan.engines, usage.layers, strict=True):
            size = engine.size(counts, usage.figures)
            switched_fj = switched_energy_fj(work, counts, usage.figures)
            multiplication_fj += switched_fj
            energy = femto_to_micro(switched_fj + engine.periphery_fj)
            energy += leakage_energy_uj(size.leakage_nw, interval, mhz)
            power = mean_power_mw(energy, interval, mhz)
            busy = work.macs / (interval * size.elements * engine.folding.simd)
            layers.append(_layer(work, engine.folding, size, counts, (busy, energy, power)))
        energy = sum(layer.energy_uj for layer in layers)
        total = CostTotals(
            power_mw=mean_power_mw(energy, interval, mhz),
            area_um2=sum(layer.area_um2 for layer in layers),
            energy_uj=energy,
            latency_cycles=plan.latency,
            multiplication_energy_uj=femto_to_micro(multiplication_fj),
            initiation_interval_cycles=interval,
            inferences_per_second=mhz * 1e6 / interval,
        )
        notes = plan.notes + clock_notes(mhz, usage.figures)
        return CostReport(self.name, self.kind, total, tuple(layers), notes)

    def _terms(
        self,
        workloads: tuple[LayerWorkload, ...],
        figures: Mapping[str, ComponentFigures],
        objective: str,
    ) -> CostTerms:
        technology = next(iter(figures.values())).technology
        plan = _plan(self, workloads, technology, periphery_of(figures))
        interval, mhz = plan.interval, self.frequency_mhz
        per_layer = np.zeros((len(workloads), len(figures)))
        multipliers = np.array([engine.folding.multipliers for engine in plan.engines], float)
        bare = [engine.bare(engine.folding.pe) for engine in plan.engines]
        constant = 0.0
        if objective == "latency":
            constant = float(plan.latency)
        elif objective == "area":
            per_layer = np.outer(multipliers, [cost.area_um2 for cost in figures.values()])
            constant = sum(part.area_um2 for part in bare)
        else:
            scale = 1.0 if objective == "energy" else mean_power_mw(1.0, interval, mhz)
            macs = np.array([work.macs for work in workloads], dtype=np.float64)
            leaking = [
                leakage_energy_uj(cost.leakage_nw, interval, mhz) for cost in figures.values()
            ]
            per_layer = macs[:, None] * energies_uj(workloads, figures)
            per_layer = scale * (per_layer + np.outer(multipliers, leaking))
            fixed = femto_to_micro(sum(engine.periphery_fj for engine in plan.engines))
            idle_nw = sum(part.leakage_nw for part in bare)
            constant = scale * (fixed + leakage_energy_uj(idle_nw, interval, mhz))
        return CostTerms(objective, constant, per_layer, np.zeros(len(figures)))


@dataclass(frozen=True)
class _Size:
    """An engine with its multipliers."""

    elements: int
    area_um2: float
    leakage_nw: float


def _layer(
    work: LayerWorkload,
    folding: Folding,
    size: _Size,
    counts: dict[str, int],
    figures: tuple[float, float, float],
) -> LayerCost:
    """Returns the row of one layer; figures are utilization, energy in uJ and power in mW."""
    utilization, energy_uj, power_mw = figures
    return LayerCost(
        name=work.name,
        op=work.op,
        macs=work.macs,
        compute_cycles=folding.cycles,
        stall_cycles=0,
        utilization=utilization,
        energy_uj=energy_uj,
        power_mw=power_mw,
        area_um2=size.area_um2,
        multipliers=counts,
        mapping={"pe": size.elements, "simd": folding.simd},
    )


@dataclass(frozen=True)
class _Engine:
    """An engine without its multipliers, and what it switches beside them per inference."""

    folding: Folding
    element: Periphery
    shared: Periphery
    periphery_fj: float

    def bare(self, elements: int) -> Periphery:
        """Returns everything but the multipliers, for so many elements."""
        return self.shared + self.element.times(elements)

    def size(self, counts: Mapping[str, int], figures: Mapping[str, ComponentFigures]) -> _Size:
        """Returns the engine with the channels of each type grouped on elements."""
        elements, area, leakage = 0, 0.0, 0.0
        for name, channels in counts.items():
            of_type = -(-channels // self.folding.neuron_fold)
            elements += of_type
            area += of_type * self.folding.simd * figures[name].area_um2
            leakage += of_type * self.folding.simd * figures[name].leakage_nw
        bare = self.bare(elements)
        return _Size(elements, area + bare.area_um2, leakage + bare.leakage_nw)


@dataclass(frozen=True)
class _Plan:
    """What no assignment changes: engines, interval, latency."""

    engines: tuple[_Engine, ...]
    interval: int
    latency: int
    notes: tuple[str, ...]


@lru_cache(maxsize=64)
def _plan(
    target: SpatialTarget,
    workloads: tuple[LayerWorkload, ...],
    technology: str,
    known: PeripheryFigures | None,
) -> _Plan:
    """Folds the layers once for all assignments."""
    library = PeripheryLibrary(technology, known, target.periphery, target.name)
    foldings, relaxed = _fold_all(target, workloads)
    engines = tuple(
        _engine(target, library, work, folding)
        for work, folding in zip(workloads, foldings, strict=True)
    )
    return _Plan(
        engines=engines,
        interval=max(folding.cycles for folding in foldings),
        latency=sum(folding.cycles for folding in foldings),
        notes=relaxed + library.notes,
    )


def _fold_all(
    target: SpatialTarget, workloads: tuple[LayerWorkload, ...]
) -> tuple[tuple[Folding, ...], tuple[str, ...]]:
    """Returns the engines, and a note where the target had to be relaxed."""
    slowest = max(workloads, key=lambda work: work.output_positions)
    cycles = target.target_cycles
    notes: tuple[str, ...] = ()
    if slowest.output_positions > cycles:
        reason = (
            f"layer {slowest.name} takes {slowest.output_positions} cycles per inference even with "
            f"one multiplier per weight, target_cycles is {cycles}"
        )
        cycles = slowest.output_positions
        if target.when_unmet == "refuse":
            raise ConfigError(
                reason,
                where=f"target {target.name}",
                mend=f"raise target_cycles to {cycles} or more, or set when_unmet to relax",
            )
        notes = (f"{reason}; all layers are folded for {cycles} cycles",)
    foldings = (smallest_folding(work, cycles) for work in workloads)
    return tuple(folding for folding in foldings if folding is not None), notes


def _engine(
    target: SpatialTarget, library: PeripheryLibrary, work: LayerWorkload, folding: Folding
) -> _Engine:
    """Returns the engine of a layer without its multipliers."""
    weights = library.register(folding.simd * OPERAND_BITS)
    accumulator = library.adder(target.accumulator_bits) + library.register(target.accumulator_bits)
    element = weights + library.adder_tree(folding.simd, 2 * OPERAND_BITS) + accumulator
    shared = library.register(folding.simd * OPERAND_BITS)
    # Every channel takes synapse_fold steps per position on its element; the shared registers
    # load once for all elements.
    element_steps = work.output_positions * work.filters * folding.synapse_fold
    return _Engine(
        folding=folding,
        element=element,
        shared=shared,
        periphery_fj=element_steps * element.energy_fj + folding.cycles * shared.energy_fj,
    )
