"""Targets whose processing elements serve all layers, one after the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hawx_onnx.hardware.array_costs import ArrayCosts
from hawx_onnx.hardware.array_plan import array_plan
from hawx_onnx.hardware.assignment import Usage
from hawx_onnx.hardware.element import register_bits
from hawx_onnx.hardware.fpga import Fabric, MemoryShape
from hawx_onnx.hardware.report import CostReport, objective_field
from hawx_onnx.hardware.schema import number
from hawx_onnx.hardware.target import Target
from hawx_onnx.hardware.technology import (
    ComponentFigures,
    clock_notes,
    periphery_of,
)
from hawx_onnx.hardware.terms import CostTerms, ManyTotals
from hawx_onnx.hardware.traffic import Traffic
from hawx_onnx.hardware.workload import LayerWorkload


@dataclass(frozen=True, kw_only=True)
class ArrayTarget(Target):
    """Rows x columns of processing elements that compute the layers in turn.

    Args:
        dram_bytes_per_cycle: Bytes that DRAM reads or writes in a clock cycle.
    """

    dram_bytes_per_cycle: float = field(
        default=16.0, metadata=number(0.001, 1e6, "bytes per clock cycle")
    )

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Rows and columns of processing elements."""

    @property
    def elements(self) -> int:
        """Processing elements."""
        return self.shape[0] * self.shape[1]

    @property
    def partitioned(self) -> bool:
        """Whether each column has one multiplier type."""
        return False

    @property
    def columns_for(self) -> str:
        """What the columns of a partitioned array are divided for: ``latency`` or ``energy``."""
        return "latency"

    @property
    def clock_gated(self) -> bool:
        """Whether the registers of an element see the clock only with operands."""
        return False

    @property
    def multiplexer_bits(self) -> int:
        """Bits of an element's multiplexer: by default accumulators shift down to be read."""
        return self.accumulator_bits

    @property
    def edge_bits(self) -> int:
        """Register bits of elements at the edge that no neighbour reads, and so are not there."""
        return 0

    @property
    @abstractmethod
    def memory_sizes_kb(self) -> tuple[int, ...]:
        """Sizes of the memories on the chip, in kB of 1,024 bytes."""

    @abstractmethod
    def accesses(self, traffic: Traffic) -> tuple[int, ...]:
        """Returns the bytes that are read and written at each of these memories."""

    @abstractmethod
    def folds(self, work: LayerWorkload) -> tuple[int, int]:
        """Returns how often one product of the layer wraps around the rows and the columns."""

    @abstractmethod
    def busy_cycles(self, work: LayerWorkload, folds: tuple[int, int]) -> int:
        """Returns the compute cycles of a layer that folds so often."""

    @abstractmethod
    def traffic(self, work: LayerWorkload, folds: tuple[int, int]) -> Traffic:
        """Returns the bytes that a layer moves.

        Raises:
            ConfigError: If it does not fit the memories.
        """

    @abstractmethod
    def mapping(self, folds: tuple[int, int]) -> dict[str, int]:
        """Returns how a layer lies on the hardware, for the report."""

    def chip_notes(self) -> tuple[str, ...]:
        """Returns what the figures of this kind of target leave out."""
        return ()

    def compute_cycles(self, work: LayerWorkload) -> int:
        """Returns the compute cycles of a layer, all columns serving all multiplier types."""
        return self.busy_cycles(work, self.folds(work))

    def channels_together(self, workloads: Sequence[LayerWorkload]) -> tuple[int, ...]:
        """Returns how many channels of each layer a column of a partitioned array computes in turn.

        One where every element has multipliers of all types. Of a product with groups, channels
        of one group: groups go through the array one after the other.
        """
        if not self.partitioned:
            return super().channels_together(workloads)
        columns = self.shape[1]
        return tuple(-(-work.filters // (work.groups * columns)) for work in workloads)

    def separable(self, objective: str) -> bool:
        """Returns whether an objective is a sum over layers of that layer's multiplier alone.

        Latency is in a multi-mode array: no multiplier changes it. Area is not: a type counts
        once, however many layers use it. Energy and power are not either, if only slightly: a type
        in use leaks all the time, in every layer. Nothing is in a partitioned array.
        """
        return objective_field(objective) == "latency_cycles" and not self.partitioned

    def _report(self, workloads: tuple[LayerWorkload, ...], usage: Usage) -> CostReport:
        costs = self._costs(workloads, usage.figures)
        layers, total, types = costs.report(usage)
        slow = clock_notes(self.frequency_mhz, usage.figures)
        notes = costs.plan.notes + self.chip_notes() + slow
        memories = costs.plan.process.provenance if costs.plan.process else ""
        return CostReport(self.name, self.kind, total, layers, notes, types, memories)

    def _fabric(
        self, workloads: tuple[LayerWorkload, ...], report: CostReport, usage: Usage
    ) -> Fabric:
        return self.bare

    @property
    def bare(self) -> Fabric:
        """What the array is built of beside multipliers, whatever the network."""
        # A buffer is as wide as the side of the array that it feeds.
        width = max(self.shape)
        return Fabric(
            adder_bits=self.elements * self.accumulator_bits,
            register_bits=self.elements * register_bits(self.accumulator_bits),
            memories=tuple(MemoryShape(1024 * size, width) for size in self.memory_sizes_kb),
        )

    def _many(
        self,
        workloads: tuple[LayerWorkload, ...],
        figures: Mapping[str, ComponentFigures],
        channels: npt.NDArray[np.int64],
    ) -> ManyTotals:
        return self._costs(workloads, figures).many(channels)

    def _terms(
        self,
        workloads: tuple[LayerWorkload, ...],
        figures: Mapping[str, ComponentFigures],
        objective: str,
    ) -> CostTerms:
        return self._costs(workloads, figures).terms(objective)

    def _costs(
        self, workloads: tuple[LayerWorkload, ...], figures: Mapping[str, ComponentFigures]
    ) -> ArrayCosts:
        technology = next(iter(figures.values())).technology
        plan = array_plan(self, workloads, technology, periphery_of(figures))
        return ArrayCosts(self, workloads, figures, plan)
