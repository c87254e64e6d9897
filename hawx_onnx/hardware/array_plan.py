"""What no choice of multipliers changes about layers on a systolic array, and memories with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from hawx_onnx.hardware.memory import Process, process_of
from hawx_onnx.hardware.technology import (
    OPERAND_BITS,
    Periphery,
    PeripheryFigures,
    PeripheryLibrary,
)
from hawx_onnx.hardware.traffic import Buffers, Traffic, layer_traffic
from hawx_onnx.hardware.workload import LayerWorkload

if TYPE_CHECKING:
    from hawx_onnx.hardware.temporal import TemporalTarget

NO_TRAFFIC = Traffic(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class MappedLayer:
    """A layer on the array with so many folds over the columns.

    Args:
        folds: Folds over rows and columns.
        compute_cycles: Index of its last compute cycle.
        stall_cycles: Cycles that DRAM takes longer than that.
        traffic: Bytes moved; zeros where memories are not counted.
        sram_uj: Energy of the buffers per inference.
        dram_uj: Energy of the DRAM per inference.
    """

    folds: tuple[int, int]
    compute_cycles: int
    stall_cycles: int
    traffic: Traffic
    sram_uj: float
    dram_uj: float

    @property
    def cycles(self) -> int:
        """Cycles with stalls."""
        return self.compute_cycles + self.stall_cycles


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
        target: TemporalTarget,
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
        # Two operand registers pass activation and weight (or partial sum) on; one accumulates.
        self.element: Periphery = library.adder(target.accumulator_bits) + library.register(
            2 * OPERAND_BITS + target.accumulator_bits
        )
        self.buffers = Buffers(
            target.ifmap_buffer_kb, target.filter_buffer_kb, target.ofmap_buffer_kb
        )
        self.memory = _memory_of(self.process, self.buffers)
        self.macs = np.array([work.macs for work in workloads], np.float64)
        self.fixed_leakage_nw = target.elements * self.element.leakage_nw + self.memory.leakage_nw

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
        cycles = work.products * folds[0] * folds[1] * target.step_cycles(work) - 1
        if self.process is None:
            return MappedLayer(folds, cycles, 0, NO_TRAFFIC, 0.0, 0.0)
        traffic = layer_traffic(
            work,
            target.dataflow,
            (target.rows, target.cols),
            folds,
            target.accumulator_bits,
            self.buffers,
            target.name,
        )
        stalls = -int(-traffic.dram_bytes // target.dram_bytes_per_cycle) - cycles
        sram_pj = sum(
            moved * self.process.sram_pj_per_byte(size)
            for moved, size in (
                (traffic.ifmap_sram_bytes, self.buffers.ifmap_kb),
                (traffic.filter_sram_bytes, self.buffers.filter_kb),
                (traffic.ofmap_sram_bytes, self.buffers.ofmap_kb),
            )
        )
        return MappedLayer(
            folds=folds,
            compute_cycles=cycles,
            stall_cycles=max(0, stalls),
            traffic=traffic,
            sram_uj=sram_pj * 1e-6,
            dram_uj=traffic.dram_bytes * target.dram_pj_per_byte * 1e-6,
        )


def _memory_of(process: Process | None, buffers: Buffers) -> Periphery:
    """Returns area and leakage of the buffers; their energy is that of accesses."""
    if process is None:
        return Periphery()
    sizes = (buffers.ifmap_kb, buffers.filter_kb, buffers.ofmap_kb)
    return Periphery(
        area_um2=sum(process.sram_um2(size) for size in sizes),
        leakage_nw=sum(process.sram_leakage_nw(size) for size in sizes),
    )


@lru_cache(maxsize=64)
def array_plan(
    target: TemporalTarget,
    workloads: tuple[LayerWorkload, ...],
    technology: str,
    known: PeripheryFigures | None,
) -> ArrayPlan:
    """Plans a network once for all assignments."""
    return ArrayPlan(target, workloads, technology, known)
