"""Spatial target: one engine per layer, all at work at the same time on a stream of inferences.

Each engine is folded so that its layer meets a common number of cycles per inference
(`hawx_onnx.hardware.folding`). With M output positions, N filters, K products per output:

- cycles of a layer = M * (N / PE) * (K / SIMD)
- initiation interval = the cycles of the slowest layer; one inference ends per interval
- latency = the longest path through the network's branches, each engine starting when its first
  row can be computed (`hawx_onnx.hardware.pipeline`)
- energy per inference = switched energy, memories, leakage of all engines over one interval
- power = energy per inference / initiation interval
- utilization of a layer = its MACs / (multipliers of its engine * initiation interval)

A processing element has multipliers of one type. With several types in a layer, the channels of
each are grouped on elements of their own: ceil(channels / (N / PE)) of them, so that the cycles
stay and the engine grows by at most one element per further type. What else an engine has is told
by `hawx_onnx.hardware.engine`. DRAM is read for the network's input and for weights that do not fit
(`hawx_onnx.hardware.streaming`), and written for its output; an interval is no shorter than that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hawx_onnx.hardware.area_budget import check_budgets, sized
from hawx_onnx.hardware.assignment import Usage, energies_uj, switched_energy_fj
from hawx_onnx.hardware.engine import Size
from hawx_onnx.hardware.folding import Folding
from hawx_onnx.hardware.fpga import Fabric, known_luts
from hawx_onnx.hardware.report import (
    CostReport,
    CostTotals,
    EnergyParts,
    LayerCost,
    objective_field,
)
from hawx_onnx.hardware.schema import integer, number, word
from hawx_onnx.hardware.spatial_fpga import pipeline_fabric, pipeline_luts, pipeline_terms
from hawx_onnx.hardware.spatial_plan import SpatialPlan, fold_all, spatial_plan
from hawx_onnx.hardware.spatial_use import beyond_uj, types_of_plan
from hawx_onnx.hardware.target import Target
from hawx_onnx.hardware.technology import (
    ComponentFigures,
    CostedMultiplier,
    clock_notes,
    periphery_of,
)
from hawx_onnx.hardware.terms import CostTerms, ManyTotals
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
        multiplier_budget: Multipliers that all engines together may have before channels are
            grouped by type; the layers are folded for the fewest cycles within it, whatever
            target_cycles. 0 sets no budget.
        area_budget_um2: Area that the exact design may take, in square micrometres, likewise.
        lut_budget: Look-up tables of six inputs that it may take, on an FPGA, likewise.
        weight_memory_kb: kB of 1,024 bytes for the weights of all engines; what does not fit is
            streamed from DRAM. 0 sets no limit.
        dram_bytes_per_cycle: Bytes that DRAM reads or writes in a clock cycle.

    Raises:
        ConfigError: If a value is out of its bounds, or there are several budgets or one of
            another fabric.
    """

    kind: ClassVar[str] = "spatial"

    target_cycles: int = field(metadata=integer(1, 10**12, "clock cycles per inference"))
    when_unmet: str = field(default="refuse", metadata=word(*UNMET))
    multiplier_budget: int = field(default=0, metadata=integer(0, 10**9, "multipliers, 0: none"))
    area_budget_um2: float = field(default=0.0, metadata=number(0, 1e15, "um2, 0: none"))
    lut_budget: int = field(default=0, metadata=integer(0, 10**12, "LUT6, 0: none"))
    weight_memory_kb: int = field(default=0, metadata=integer(0, 1 << 30, "kB, 0: no limit"))
    dram_bytes_per_cycle: float = field(
        default=16.0, metadata=number(0.001, 1e6, "bytes per clock cycle")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_budgets(self)

    def for_network(
        self, workloads: Sequence[LayerWorkload], exact: CostedMultiplier
    ) -> SpatialTarget:
        """Returns the target with an area budget turned into target_cycles."""
        return sized(self, tuple(workloads), exact)

    def foldings(self, workloads: tuple[LayerWorkload, ...]) -> tuple[Folding, ...]:
        """Returns the engine of each layer.

        Raises:
            ConfigError: If a layer cannot meet the target and the target refuses to relax, or the
                budget has fewer multipliers than there are layers.
        """
        return fold_all(self, workloads)[0]

    @property
    def stays(self) -> str:
        """Elements keep their sum, and take several products at once."""
        return "engine"

    def lanes(self, workloads: tuple[LayerWorkload, ...]) -> tuple[int, ...]:
        """Returns the lanes of the elements of each layer."""
        return tuple(folding.simd for folding in self.foldings(workloads))

    def channels_together(self, workloads: Sequence[LayerWorkload]) -> tuple[int, ...]:
        """Returns how many channels each element of a layer's engine computes in turn."""
        return tuple(folding.neuron_fold for folding in self.foldings(tuple(workloads)))

    def separable(self, objective: str) -> bool:
        """Returns whether an objective is a sum over layers of that layer's multiplier alone.

        Every one is: engines share nothing, and no multiplier changes a cycle count.
        """
        return bool(objective_field(objective))

    def _report(self, workloads: tuple[LayerWorkload, ...], usage: Usage) -> CostReport:
        plan = spatial_plan(self, workloads, usage.technology, usage.periphery)
        sizes = [
            engine.size(counts, usage.figures)
            for engine, counts in zip(plan.engines, usage.layers, strict=True)
        ]
        layers = tuple(
            self._layer(plan, index, work, counts, usage, sizes[index])
            for index, (work, counts) in enumerate(zip(workloads, usage.layers, strict=True))
        )
        interval, mhz = plan.interval, self.frequency_mhz
        energy = sum(layer.energy_uj for layer in layers)
        parts = EnergyParts.sum_of([layer.energy_parts for layer in layers])
        total = CostTotals(
            power_mw=mean_power_mw(energy, interval, mhz),
            area_um2=sum(layer.area_um2 for layer in layers),
            energy_uj=energy,
            latency_cycles=plan.latency,
            multiplication_energy_uj=parts.multiplication_uj,
            initiation_interval_cycles=interval,
            inferences_per_second=mhz * 1e6 / interval,
            stall_cycles=interval - max(engine.folding.cycles for engine in plan.engines),
            memory_area_um2=sum(engine.memory.area_um2 for engine in plan.engines),
            sram_bytes=sum(layer.sram_bytes for layer in layers),
            dram_bytes=sum(layer.dram_bytes for layer in layers),
            energy_parts=parts,
        )
        notes = plan.notes + clock_notes(mhz, usage.figures)
        types = types_of_plan(plan, workloads, usage)
        return CostReport(self.name, self.kind, total, layers, notes, types, plan.memories)

    def _layer(
        self,
        plan: SpatialPlan,
        index: int,
        work: LayerWorkload,
        counts: dict[str, int],
        usage: Usage,
        size: Size,
    ) -> LayerCost:
        """Returns the row of one layer."""
        engine, interval, mhz = plan.engines[index], plan.interval, self.frequency_mhz
        memory = engine.memory
        # The plan counts what typical operands switch.
        beyond = (
            work.output_positions
            * work.window
            * sum(
                channels * engine.beyond_fj(work, name, usage.figures[name])
                for name, channels in counts.items()
            )
        )
        parts = EnergyParts(
            multiplication_uj=femto_to_micro(switched_energy_fj(work, counts, usage.figures)),
            periphery_uj=femto_to_micro(engine.periphery_fj + beyond),
            sram_uj=memory.sram_uj,
            dram_uj=memory.dram_uj,
            leakage_uj=leakage_energy_uj(size.leakage_nw, interval, mhz),
        )
        return LayerCost(
            name=work.name,
            op=work.op,
            macs=work.macs,
            compute_cycles=engine.folding.cycles,
            stall_cycles=engine.stall_cycles,
            utilization=work.macs / (interval * size.elements * engine.folding.simd),
            energy_uj=parts.total_uj,
            power_mw=mean_power_mw(parts.total_uj, interval, mhz),
            area_um2=size.area_um2,
            multipliers=counts,
            mapping={
                "pe": size.elements,
                "simd": engine.folding.simd,
                "start_cycle": plan.starts[index],
                "weight_memory_bytes": memory.weight_bytes,
                "line_buffer_bytes": memory.buffer_bytes,
                "fifo_bytes": memory.fifo_bytes,
            },
            energy_parts=parts,
            sram_bytes=memory.moved_bytes,
            dram_bytes=memory.dram_bytes,
        )

    def _fabric(
        self, workloads: tuple[LayerWorkload, ...], report: CostReport, usage: Usage
    ) -> Fabric:
        plan = spatial_plan(self, workloads, usage.technology, usage.periphery)
        elements = [layer.mapping["pe"] for layer in report.layers]
        return pipeline_fabric(plan.engines, elements, self.accumulator_bits)

    def _many(
        self,
        workloads: tuple[LayerWorkload, ...],
        figures: Mapping[str, ComponentFigures],
        channels: npt.NDArray[np.int64],
    ) -> ManyTotals:
        technology = next(iter(figures.values())).technology
        plan = spatial_plan(self, workloads, technology, periphery_of(figures))
        interval, mhz = plan.interval, self.frequency_mhz
        engines = plan.engines
        folds = np.array([engine.folding.neuron_fold for engine in engines])
        simd = np.array([engine.folding.simd for engine in engines])
        elements = -(-channels // folds[:, None])
        lanes = elements * simd[:, None]

        def summed(figure: str) -> npt.NDArray[np.float64]:
            # The lanes of all engines spare the same.
            held = [engines[0].lane(cost) for cost in figures.values()]
            types = np.array([getattr(one, figure) for one in held])
            each = np.array([getattr(engine.element, figure) for engine in engines])
            fixed = sum(getattr(engine.bare(0), figure) for engine in engines)
            grouped = np.einsum("alt,t->a", lanes, types) + elements.sum(axis=2) @ each
            return np.asarray(grouped + fixed)

        each = [work.output_positions * work.window for work in workloads]
        energies = np.array(each, np.float64)[:, None] * energies_uj(workloads, figures)
        multiplying = np.einsum("alt,lt->a", channels, energies)
        beyond = np.array(each, np.float64)[:, None] * beyond_uj(plan, workloads, figures)
        energy = multiplying + np.einsum("alt,lt->a", channels, beyond)
        energy += plan.fixed_uj + summed("leakage_nw") * 1e-9 * interval / mhz
        power = energy * mean_power_mw(1.0, interval, mhz)
        latency = np.full(len(channels), float(plan.latency))
        luts = None
        if self.fabric == "fpga":
            luts = pipeline_luts(engines, elements, figures, self.accumulator_bits)
        return ManyTotals(power, summed("area_um2"), energy, latency, multiplying, luts)

    def _terms(
        self,
        workloads: tuple[LayerWorkload, ...],
        figures: Mapping[str, ComponentFigures],
        objective: str,
    ) -> CostTerms:
        technology = next(iter(figures.values())).technology
        plan = spatial_plan(self, workloads, technology, periphery_of(figures))
        interval, mhz = plan.interval, self.frequency_mhz
        per_layer = np.zeros((len(workloads), len(figures)))
        multipliers = np.array([engine.folding.multipliers for engine in plan.engines], float)
        bare = [engine.bare(engine.folding.pe) for engine in plan.engines]
        held = [plan.engines[0].lane(cost) for cost in figures.values()]
        constant = 0.0
        if objective == "latency":
            constant = float(plan.latency)
        elif objective == "luts":
            held_luts = known_luts(self.name, figures)
            constant, per_layer = pipeline_terms(plan.engines, held_luts, self.accumulator_bits)
        elif objective == "area":
            per_layer = np.outer(multipliers, [one.area_um2 for one in held])
            constant = sum(part.area_um2 for part in bare)
        else:
            scale = 1.0 if objective == "energy" else mean_power_mw(1.0, interval, mhz)
            macs = np.array([work.macs for work in workloads], dtype=np.float64)
            leaking = [leakage_energy_uj(one.leakage_nw, interval, mhz) for one in held]
            switched = energies_uj(workloads, figures)
            switched += beyond_uj(plan, workloads, figures)
            per_layer = macs[:, None] * switched
            per_layer = scale * (per_layer + np.outer(multipliers, leaking))
            idle_nw = sum(part.leakage_nw for part in bare)
            constant = scale * (plan.fixed_uj + leakage_energy_uj(idle_nw, interval, mhz))
        return CostTerms(objective, constant, per_layer, np.zeros(len(figures)))
