"""What no choice of multipliers changes about layers on shared elements, and memories with it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from hawx_onnx.hardware.element import array_element
from hawx_onnx.hardware.memory import Process, process_of
from hawx_onnx.hardware.technology import (
    Periphery,
    PeripheryFigures,
    PeripheryLibrary,
)
from hawx_onnx.hardware.traffic import Traffic
from hawx_onnx.hardware.units import femto_to_micro
from hawx_onnx.hardware.workload import LayerWorkload

if TYPE_CHECKING:
    from hawx_onnx.hardware.array_target import ArrayTarget

NO_TRAFFIC = Traffic(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class MappedLayer:
    """A layer on the array with so many folds over the columns.

    Args:
        folds: Folds over rows and columns.
        compute_cycles: Index of its last compute cycle.
        stall_cycles: Cycles that DRAM takes longer than that.
        traffic: Bytes moved; zeros where memories are not counted.
        clock_uj: Energy of the clock of all elements per inference.
        sram_uj: Energy of the buffers per inference.
        dram_uj: Energy of the DRAM per inference.
    """

    folds: tuple[int, int]
    compute_cycles: int
    stall_cycles: int
    traffic: Traffic
    clock_uj: float
    sram_uj: float
    dram_uj: float

    @property
    def cycles(self) -> int:
        """Cycles with stalls."""
        return self.compute_cycles + self.stall_cycles

    @property
    def mapped_uj(self) -> float:
        """What depends on how the layer lies on the array: clock and memories."""
        return self.clock_uj + self.sram_uj + self.dram_uj


class ArrayPlan:
    """A network on an array, whatever the multipliers.

    Args:
        target: The array.
        workloads: The layers.
        technology: The multipliers' technology.
        known: Its adders and registers, or None.

    Raises:
        ConfigError: If the technology lacks what the target requires.
    """

    def __init__(
        self,
        target: ArrayTarget,
        workloads: tuple[LayerWorkload, ...],
        technology: str,
        known: PeripheryFigures | None,
    ) -> None:
        library = PeripheryLibrary(technology, known, target.periphery, target.name)
        self._target, self._workloads = target, workloads
        self._mapped: dict[tuple[int, int], MappedLayer] = {}
        self.process, notes = process_of(
            technology, known, target.memories, target.memory_feature_nm, target.name
        )
        self.notes = (*library.notes, *notes)
        held = array_element(
            library, target.accumulator_bits, target.multiplexer_bits, target.stays
        )
        self.element, self.clock_fj = held.base, held.clock_fj
        self.of_type = functools.partial(held.of_type, alone=target.partitioned)
        edge = library.register(target.edge_bits, 0.0).times(-1)
        # All elements but their multipliers; the energy is that of a clock cycle.
        self.elements = edge + Periphery(
            self.element.area_um2, self.clock_fj, self.element.leakage_nw
        ).times(target.elements)
        self.memory = _memory_of(self.process, target.memory_sizes_kb)
        self.macs = np.array([work.macs for work in workloads], np.float64)
        self.fixed_leakage_nw = self.elements.leakage_nw + self.memory.leakage_nw

    def clock_uj(self, work: LayerWorkload, cycles: int) -> float:
        """Returns what the clock of all elements takes for a layer of so many compute cycles."""
        if self._target.clock_gated:
            return femto_to_micro(work.macs * self.clock_fj)
        return femto_to_micro(cycles * self.elements.energy_fj)

    def layer(self, index: int, column_folds: int) -> MappedLayer:
        """Returns a layer that folds so often over the columns."""
        known = self._mapped.get((index, column_folds))
        if known is None:
            known = self._mapped[index, column_folds] = self._map(index, column_folds)
        return known

    @cached_property
    def undivided(self) -> tuple[MappedLayer, ...]:
        """The layers where every column serves every multiplier type."""
        return tuple(
            self.layer(index, self._target.folds(work)[1])
            for index, work in enumerate(self._workloads)
        )

    @cached_property
    def step_cycles(self) -> np.ndarray:
        """Cycles of each layer for one fold over the columns: int [L]."""
        steps = [self.layer(index, 1).compute_cycles + 1 for index in range(len(self._workloads))]
        return np.array(steps, np.int64)

    def _map(self, index: int, column_folds: int) -> MappedLayer:
        target, work = self._target, self._workloads[index]
        folds = (target.folds(work)[0], column_folds)
        cycles = target.busy_cycles(work, folds)
        if self.process is None:
            return MappedLayer(folds, cycles, 0, NO_TRAFFIC, self.clock_uj(work, cycles), 0.0, 0.0)
        traffic = target.traffic(work, folds)
        stalls = -int(-traffic.dram_bytes // target.dram_bytes_per_cycle) - cycles
        sram_pj = sum(
            moved * self.process.sram_pj_per_byte(size)
            for moved, size in zip(target.accesses(traffic), target.memory_sizes_kb, strict=True)
        )
        return MappedLayer(
            folds=folds,
            compute_cycles=cycles,
            stall_cycles=max(0, stalls),
            traffic=traffic,
            clock_uj=self.clock_uj(work, cycles),
            sram_uj=sram_pj * 1e-6,
            dram_uj=traffic.dram_bytes * target.dram_pj_per_byte * 1e-6,
        )


def _memory_of(process: Process | None, sizes_kb: tuple[int, ...]) -> Periphery:
    """Returns area and leakage of the memories; their energy is that of accesses."""
    if process is None:
        return Periphery()
    return Periphery(
        area_um2=sum(process.sram_um2(size) for size in sizes_kb),
        leakage_nw=sum(process.sram_leakage_nw(size) for size in sizes_kb),
    )


@lru_cache(maxsize=64)
def array_plan(
    target: ArrayTarget,
    workloads: tuple[LayerWorkload, ...],
    technology: str,
    known: PeripheryFigures | None,
) -> ArrayPlan:
    """Plans a network once for all assignments."""
    return ArrayPlan(target, workloads, technology, known)
