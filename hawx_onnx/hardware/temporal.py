"""Temporal target: one systolic array that computes the layers one after the other.

Compute cycles with M output positions, N filters per group, K products per output, G groups, on
an array of R rows and C columns:

- output-stationary: G * ceil(M/R) * ceil(N/C) * (K + R + C - 2) - 1
- weight-stationary: G * ceil(K/R) * ceil(N/C) * (M + 2R + C - 2) - 1
- input-stationary: G * ceil(K/R) * ceil(M/C) * (N + 2R + C - 2) - 1, the weight-stationary one
  with the roles of M and N exchanged, since inputs stay and weights stream

One cycle less than the number of steps: the figure is the index of the last cycle, the convention
of SCALE-Sim's compute reports, whose cycles without stalls it equals (version 3.0, all three
dataflows; Samajdar et al., "A Systematic Methodology for Characterizing Scalability of DNN
Accelerators using SCALE-Sim", ISPASS 2020). Latency is the sum over the layers. Groups run one
after the other. Memory bandwidth is not modelled.

Every processing element holds each multiplier type that the network uses; idle ones are
operand-gated, so that they cost area and leakage but no dynamic energy. So do idle elements.

- energy = MACs * (multiplier + accumulator adder + registers) + leakage of the array * time
- power = energy / time; a layer's power is that while it runs
- area = elements * (all types in use + adder + registers); a layer's area is the part of the
  array that it keeps switching, so that the layers' areas do not add up to the array's
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hawx_onnx.hardware.assignment import Usage, energies_uj, switched_energy_fj
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

DATAFLOWS = ("output-stationary", "weight-stationary", "input-stationary")


@dataclass(frozen=True, kw_only=True)
class TemporalTarget(Target):
    """A systolic array of rows x cols processing elements, shared by all layers in turn.

    Args:
        rows: Rows of the array.
        cols: Columns of the array.
        dataflow: Which operand stays in place: ``output-stationary``, ``weight-stationary`` or
            ``input-stationary``.
    """

    kind: ClassVar[str] = "temporal"

    rows: int = field(metadata=integer(1, 4096, "processing elements"))
    cols: int = field(metadata=integer(1, 4096, "processing elements"))
    dataflow: str = field(default="output-stationary", metadata=word(*DATAFLOWS))

    @property
    def elements(self) -> int:
        """Processing elements of the array."""
        return self.rows * self.cols

    def folds(self, work: LayerWorkload) -> tuple[int, int]:
        """Returns how often a group of the layer wraps around the rows and the columns."""
        filters = work.filters // work.groups
        on_rows = work.output_positions if self.dataflow == "output-stationary" else work.window
        on_cols = work.output_positions if self.dataflow == "input-stationary" else filters
        return -(-on_rows // self.rows), -(-on_cols // self.cols)

    def compute_cycles(self, work: LayerWorkload) -> int:
        """Returns the index of the last compute cycle of a layer (module docstring)."""
        filters = work.filters // work.groups
        row_folds, col_folds = self.folds(work)
        if self.dataflow == "output-stationary":
            steps = work.window + self.rows + self.cols - 2
        else:
            streamed = work.output_positions if self.dataflow == "weight-stationary" else filters
            steps = streamed + 2 * self.rows + self.cols - 2
        return work.groups * row_folds * col_folds * steps - 1

    def separable(self, objective: str) -> bool:
        """Returns whether an objective is a sum over layers of that layer's multiplier alone.

        Latency is: no multiplier changes it. Area is not: a type counts once, however many layers
        use it. Energy and power are not either, if only slightly: a type in use leaks all the
        time, in every layer. `cost_terms` gives the exact parts.
        """
        return objective_field(objective) == "latency_cycles"

    def _report(self, workloads: tuple[LayerWorkload, ...], usage: Usage) -> CostReport:
        plan = _plan(self, workloads, usage.technology, usage.periphery)
        types_nw = sum(cost.leakage_nw for cost in usage.figures.values())
        leakage_nw = plan.array_leakage_nw + self.elements * types_nw
        layers, multiplication_fj = [], 0.0
        for index, (work, counts) in enumerate(zip(workloads, usage.layers, strict=True)):
            switched_fj = switched_energy_fj(work, counts, usage.figures)
            multiplication_fj += switched_fj
            energy = femto_to_micro(switched_fj + work.macs * plan.element.energy_fj)
            energy += leakage_energy_uj(leakage_nw, plan.cycles[index], self.frequency_mhz)
            area = plan.element.area_um2 + sum(usage.figures[name].area_um2 for name in counts)
            layers.append(self._layer(plan, index, work, counts, energy, area))
        energy = sum(layer.energy_uj for layer in layers)
        types_um2 = sum(cost.area_um2 for cost in usage.figures.values())
        total = CostTotals(
            power_mw=mean_power_mw(energy, plan.total_cycles, self.frequency_mhz),
            area_um2=self.elements * (plan.element.area_um2 + types_um2),
            energy_uj=energy,
            latency_cycles=plan.total_cycles,
            multiplication_energy_uj=femto_to_micro(multiplication_fj),
            initiation_interval_cycles=plan.total_cycles,
            inferences_per_second=self.frequency_mhz * 1e6 / max(plan.total_cycles, 1),
        )
        notes = plan.notes + clock_notes(self.frequency_mhz, usage.figures)
        return CostReport(self.name, self.kind, total, tuple(layers), notes)

    def _layer(
        self,
        plan: _Plan,
        index: int,
        work: LayerWorkload,
        counts: dict[str, int],
        energy_uj: float,
        element_um2: float,
    ) -> LayerCost:
        """Returns the row of one layer."""
        cycles = plan.cycles[index]
        row_folds, column_folds = plan.folds[index]
        return LayerCost(
            name=work.name,
            op=work.op,
            macs=work.macs,
            compute_cycles=cycles,
            stall_cycles=0,
            # Only a single element, which never idles, has fewer cycles than products.
            utilization=min(1.0, work.macs / (max(cycles, 1) * self.elements)),
            energy_uj=energy_uj,
            power_mw=mean_power_mw(energy_uj, cycles, self.frequency_mhz),
            area_um2=self.elements * element_um2,
            multipliers=counts,
            mapping={"row_folds": row_folds, "column_folds": column_folds},
        )

    def _terms(
        self,
        workloads: tuple[LayerWorkload, ...],
        figures: Mapping[str, ComponentFigures],
        objective: str,
    ) -> CostTerms:
        technology = next(iter(figures.values())).technology
        plan = _plan(self, workloads, technology, periphery_of(figures))
        cycles, mhz = plan.total_cycles, self.frequency_mhz
        per_layer = np.zeros((len(workloads), len(figures)))
        per_type = np.zeros(len(figures))
        constant = 0.0
        if objective == "latency":
            constant = float(cycles)
        elif objective == "area":
            constant = self.elements * plan.element.area_um2
            per_type = np.array([self.elements * cost.area_um2 for cost in figures.values()])
        else:
            scale = 1.0 if objective == "energy" else mean_power_mw(1.0, cycles, mhz)
            macs = np.array([work.macs for work in workloads], dtype=np.float64)
            per_layer = scale * macs[:, None] * energies_uj(workloads, figures)
            leaking = [self.elements * cost.leakage_nw for cost in figures.values()]
            per_type = scale * np.array([leakage_energy_uj(nw, cycles, mhz) for nw in leaking])
            fixed = femto_to_micro(float(macs.sum()) * plan.element.energy_fj)
            constant = scale * (fixed + leakage_energy_uj(plan.array_leakage_nw, cycles, mhz))
        return CostTerms(objective, constant, per_layer, per_type)


@dataclass(frozen=True)
class _Plan:
    """What no assignment changes: cycles, folds, and an element without its multipliers."""

    cycles: tuple[int, ...]
    total_cycles: int
    folds: tuple[tuple[int, int], ...]
    element: Periphery
    array_leakage_nw: float
    notes: tuple[str, ...]


@lru_cache(maxsize=64)
def _plan(
    target: TemporalTarget,
    workloads: tuple[LayerWorkload, ...],
    technology: str,
    known: PeripheryFigures | None,
) -> _Plan:
    """Maps the layers once for all assignments."""
    library = PeripheryLibrary(technology, known, target.periphery, target.name)
    # Two operand registers pass activation and weight (or partial sum) on; one accumulates.
    element = library.adder(target.accumulator_bits) + library.register(
        2 * OPERAND_BITS + target.accumulator_bits
    )
    cycles = tuple(target.compute_cycles(work) for work in workloads)
    return _Plan(
        cycles=cycles,
        total_cycles=sum(cycles),
        folds=tuple(target.folds(work) for work in workloads),
        element=element,
        array_leakage_nw=target.elements * element.leakage_nw,
        notes=library.notes,
    )
