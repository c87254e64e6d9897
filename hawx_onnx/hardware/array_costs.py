"""Costs of assignments on shared elements: one with all its layers, or many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hawx_onnx.hardware.array_plan import ArrayPlan, MappedLayer
from hawx_onnx.hardware.assignment import Usage, around_uj, energies_uj, switched_energy_fj
from hawx_onnx.hardware.fpga import known_luts, multiplier_luts
from hawx_onnx.hardware.partition import best_makeups, column_folds
from hawx_onnx.hardware.report import CostTotals, EnergyParts, LayerCost, TypeUse, objective_field
from hawx_onnx.hardware.technology import ComponentFigures, Periphery
from hawx_onnx.hardware.terms import CostTerms, Evaluator, ManyTotals
from hawx_onnx.hardware.units import femto_to_micro, leakage_energy_uj, mean_power_mw
from hawx_onnx.hardware.workload import LayerWorkload

if TYPE_CHECKING:
    from hawx_onnx.hardware.array_target import ArrayTarget

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class ArrayCosts:
    """Costs of a network on an array with given multipliers.

    Args:
        target: The array.
        workloads: The layers (L).
        figures: The multipliers (T) by name.
        plan: What no assignment changes.
    """

    def __init__(
        self,
        target: ArrayTarget,
        workloads: tuple[LayerWorkload, ...],
        figures: Mapping[str, ComponentFigures],
        plan: ArrayPlan,
    ) -> None:
        self.target, self.workloads, self.figures, self.plan = target, workloads, figures, plan

    @cached_property
    def _types_held(self) -> list[Periphery]:
        """Each type with what it brings along in an element; energy is that of the clock."""
        return [self.plan.of_type(cost) for cost in self.figures.values()]

    @cached_property
    def _area_um2(self) -> Floats:
        return np.array([one.area_um2 for one in self._types_held], np.float64)

    @cached_property
    def _leakage_nw(self) -> Floats:
        return np.array([one.leakage_nw for one in self._types_held], np.float64)

    @cached_property
    def _clock_uj(self) -> Floats:
        """What a clock cycle takes more, or less, in an element with each type alone."""
        return np.array([femto_to_micro(one.energy_fj) for one in self._types_held], np.float64)

    def columns(self, channels: Ints) -> Ints:
        """Returns the columns that hold each type.

        Args:
            channels: Int array [A, L, T], channels of each type.

        Returns:
            Int array [A, T]; all columns for each type in use where elements are multi-mode.
        """
        used = channels.any(axis=1)
        if not self.target.partitioned:
            return np.where(used, self.target.shape[1], 0)
        leakage = None
        if self.target.columns_for == "energy":
            # What leaks whatever the make-up is shared out among the columns, which all exist.
            fixed = self.plan.fixed_leakage_nw / self.target.shape[1]
            # So does the clock: fJ x MHz = nW.
            clock_fj = self.plan.elements.energy_fj / self.target.shape[1]
            fixed += clock_fj * self.target.frequency_mhz
            leakage = self.target.shape[0] * self._leakage_nw + fixed
        per_product = self._per_product(channels)
        steps, columns = self.plan.step_cycles, self.target.shape[1]
        return best_makeups(per_product, steps, columns, leakage, self._area_um2)

    def _per_product(self, channels: Ints) -> Ints:
        """Channels of each type in one group, as if types were spread evenly over the groups."""
        groups = np.array([work.groups for work in self.workloads])
        return np.asarray(-(-channels // groups[:, None]), np.int64)

    def _mapped(self, channels: Ints, columns: Ints) -> Sequence[MappedLayer]:
        """The layers of one assignment: channels [L, T], columns [T]."""
        if not self.target.partitioned:
            return self.plan.undivided
        folds = column_folds(self._per_product(channels), columns)
        return [self.plan.layer(index, int(fold)) for index, fold in enumerate(folds)]

    def report(self, usage: Usage) -> tuple[tuple[LayerCost, ...], CostTotals, dict[str, TypeUse]]:
        """Returns the rows of all layers, the totals, and how each type is used."""
        target, mhz = self.target, self.target.frequency_mhz
        names = list(self.figures)
        channels = np.array([[counts.get(n, 0) for n in names] for counts in usage.layers])
        columns = self.columns(channels[None])[0]
        mapped = self._mapped(channels, columns)
        leakage_nw = self.plan.fixed_leakage_nw + target.shape[0] * float(
            columns @ self._leakage_nw
        )
        of_type = dict(zip(names, columns.tolist(), strict=True))
        own_clock_uj = target.shape[0] * float(columns @ self._clock_uj)
        layers = tuple(
            self._layer(work, counts, on_array, of_type, (leakage_nw, own_clock_uj))
            for work, counts, on_array in zip(self.workloads, usage.layers, mapped, strict=True)
        )
        cycles = sum(one.cycles for one in mapped)
        parts = EnergyParts.sum_of([layer.energy_parts for layer in layers])
        energy = sum(layer.energy_uj for layer in layers)
        datapath_um2 = target.shape[0] * float(columns @ self._area_um2)
        datapath_um2 += self.plan.elements.area_um2
        total = CostTotals(
            power_mw=mean_power_mw(energy, cycles, mhz),
            area_um2=datapath_um2 + self.plan.memory.area_um2,
            energy_uj=energy,
            latency_cycles=cycles,
            multiplication_energy_uj=parts.multiplication_uj,
            initiation_interval_cycles=cycles,
            inferences_per_second=mhz * 1e6 / max(cycles, 1),
            stall_cycles=sum(one.stall_cycles for one in mapped),
            memory_area_um2=self.plan.memory.area_um2,
            sram_bytes=sum(one.traffic.sram_bytes for one in mapped),
            dram_bytes=sum(one.traffic.dram_bytes for one in mapped),
            energy_parts=parts,
        )
        return layers, total, self._types(usage, of_type, cycles)

    def _layer(
        self,
        work: LayerWorkload,
        counts: dict[str, int],
        on_array: MappedLayer,
        columns: Mapping[str, int],
        always: tuple[float, float],
    ) -> LayerCost:
        """Returns the row of one layer; ``always`` is leakage in nW and own clock in uJ."""
        leakage_nw, own_clock_uj = always
        target, element = self.target, self.plan.element
        per_channel = work.output_positions * work.window
        around = per_channel * sum(
            count * work.around_of(name, element.energy_fj) for name, count in counts.items()
        )
        parts = EnergyParts(
            multiplication_uj=femto_to_micro(switched_energy_fj(work, counts, self.figures)),
            periphery_uj=femto_to_micro(around)
            + on_array.clock_uj
            + on_array.compute_cycles * own_clock_uj,
            sram_uj=on_array.sram_uj,
            dram_uj=on_array.dram_uj,
            leakage_uj=leakage_energy_uj(leakage_nw, on_array.cycles, target.frequency_mhz),
        )
        switching = max(columns[name] for name in counts)
        if target.partitioned:
            switching = sum(columns[name] for name in counts)
        own_um2 = dict(zip(self.figures, self._area_um2.tolist(), strict=True))
        area = sum(columns[name] * own_um2[name] for name in counts)
        return LayerCost(
            name=work.name,
            op=work.op,
            macs=work.macs,
            compute_cycles=on_array.compute_cycles,
            stall_cycles=on_array.stall_cycles,
            # Only a single element, which never idles, has fewer cycles than products.
            utilization=min(1.0, work.macs / (max(on_array.cycles, 1) * target.elements)),
            energy_uj=parts.total_uj,
            power_mw=mean_power_mw(parts.total_uj, on_array.cycles, target.frequency_mhz),
            area_um2=target.shape[0] * (area + switching * element.area_um2),
            multipliers=counts,
            mapping=target.mapping(on_array.folds),
            energy_parts=parts,
            sram_bytes=on_array.traffic.sram_bytes,
            dram_bytes=on_array.traffic.dram_bytes,
        )

    def _types(self, usage: Usage, columns: Mapping[str, int], cycles: int) -> dict[str, TypeUse]:
        """Returns how the multipliers of each type are used."""
        macs = dict.fromkeys(self.figures, 0)
        for work, counts in zip(self.workloads, usage.layers, strict=True):
            for name, channels in counts.items():
                macs[name] += work.output_positions * work.window * channels
        result = {}
        for name, held in columns.items():
            multipliers = self.target.shape[0] * held
            busy = min(1.0, macs[name] / (multipliers * max(cycles, 1)))
            result[name] = TypeUse(multipliers, macs[name], busy)
        return result

    def many(self, channels: Ints) -> ManyTotals:
        """Costs many assignments at once: int array [A, L, T], channels of each type."""
        target, plan = self.target, self.plan
        columns = self.columns(channels)
        per_channel = np.array(
            [work.output_positions * work.window for work in self.workloads], np.float64
        )
        energies = per_channel[:, None] * energies_uj(self.workloads, self.figures)
        multiplying = np.einsum("alt,lt->a", channels, energies)
        around = np.einsum("alt,lt->a", channels, per_channel[:, None] * self._around_uj)
        cycles, mapped_uj = self._times_and_mapped(channels, columns)
        leakage_nw = plan.fixed_leakage_nw + target.shape[0] * columns @ self._leakage_nw
        energy = multiplying + around + mapped_uj
        energy += leakage_nw * 1e-9 * cycles / target.frequency_mhz
        area = target.shape[0] * columns @ self._area_um2 + plan.memory.area_um2
        area += plan.elements.area_um2
        power = energy / (np.maximum(cycles, 1) / target.frequency_mhz) * 1e3
        luts = None
        if target.fabric == "fpga":
            luts = multiplier_luts(target.shape[0] * columns, self.figures) + target.bare.luts
        return ManyTotals(power, area, energy, cycles, multiplying, luts)

    @property
    def _around_uj(self) -> Floats:
        """What an element switches with a product besides the multiplier: [L, T]."""
        return around_uj(self.workloads, list(self.figures), self.plan.element.energy_fj)

    def _times_and_mapped(self, channels: Ints, columns: Ints) -> tuple[Floats, Floats]:
        """Returns latency in cycles, and energy of clock and memories in uJ: [A] each."""
        if not self.target.partitioned:
            latency = float(sum(one.cycles for one in self.plan.undivided))
            accesses = sum(one.mapped_uj for one in self.plan.undivided)
            return np.full(len(channels), latency), np.full(len(channels), accesses)
        folds = column_folds(self._per_product(channels), columns[:, None])
        cycles, memories = np.zeros(len(channels)), np.zeros(len(channels))
        own_clock_uj = self.target.shape[0] * columns @ self._clock_uj
        for index in range(len(self.workloads)):
            known, place = np.unique(folds[:, index], return_inverse=True)
            mapped = [self.plan.layer(index, int(fold)) for fold in known]
            busy = np.array([one.compute_cycles for one in mapped], np.float64)[place]
            memories += busy * own_clock_uj
            cycles += np.array([one.cycles for one in mapped], np.float64)[place]
            memories += np.array([one.mapped_uj for one in mapped])[place]
        return cycles, memories

    def terms(self, objective: str) -> CostTerms:
        """Takes an objective apart for assignments with one multiplier per layer."""
        target, plan = self.target, self.plan
        cycles, mhz = sum(one.cycles for one in plan.undivided), target.frequency_mhz
        per_layer = np.zeros((len(self.workloads), len(self.figures)))
        per_type = np.zeros(len(self.figures))
        constant = 0.0
        if objective == "latency":
            constant = float(cycles)
        elif objective == "area":
            constant = plan.elements.area_um2 + plan.memory.area_um2
            per_type = target.elements * self._area_um2
        elif objective == "luts":
            constant = float(target.bare.luts)
            per_type = target.elements * known_luts(target.name, self.figures)
        else:
            scale = 1.0 if objective == "energy" else mean_power_mw(1.0, cycles, mhz)
            switched = energies_uj(self.workloads, self.figures) + self._around_uj
            per_layer = scale * plan.macs[:, None] * switched
            leaking = (target.elements * self._leakage_nw).tolist()
            per_type = scale * np.array([leakage_energy_uj(nw, cycles, mhz) for nw in leaking])
            fixed = sum(one.mapped_uj for one in plan.undivided)
            constant = scale * (fixed + leakage_energy_uj(plan.fixed_leakage_nw, cycles, mhz))
        if not target.partitioned:
            return CostTerms(objective, constant, per_layer, per_type)
        return CostTerms(
            objective, constant, per_layer, np.zeros_like(per_type), self._evaluator(objective)
        )

    def _evaluator(self, objective: str) -> Evaluator:
        """Returns what costs one multiplier per layer on a partitioned array."""
        filters = np.array([work.filters for work in self.workloads], np.int64)
        field = objective_field(objective)

        def evaluate(choices: npt.NDArray[np.intp]) -> Floats:
            channels = np.zeros((*choices.shape, len(self.figures)), np.int64)
            np.put_along_axis(channels, choices[..., None], filters[:, None], axis=2)
            return np.asarray(getattr(self.many(channels), field))

        return evaluate
