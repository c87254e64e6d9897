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
Accelerators using SCALE-Sim", ISPASS 2020). Groups, and products of a batch with operands of their
own, run one after the other. A layer stalls for as long as its bytes take to and from DRAM beyond
its compute cycles (`hawx_onnx.hardware.traffic`). Latency is the sum over the layers.

Several multiplier types lie in the array in one of two ways:

- multi-mode: every processing element holds each type that the network uses; idle ones are
  operand-gated, so that they cost area and leakage but no dynamic energy
- partitioned: every column has one type, and channels run on the columns of their type
  (`hawx_onnx.hardware.partition`)

Energy is that of multiplications, adders and registers, memories, and leakage over the latency;
power is energy over latency, a layer's that while it runs; area is that of all elements and
memories. A layer's area is the part of the array that it keeps switching, so that layers' areas do
not add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.array_costs import ArrayCosts
from hawx_onnx.hardware.array_plan import array_plan
from hawx_onnx.hardware.assignment import Usage
from hawx_onnx.hardware.report import CostReport, objective_field
from hawx_onnx.hardware.schema import integer, number, word
from hawx_onnx.hardware.target import Target, clock_notes
from hawx_onnx.hardware.technology import ComponentFigures, periphery_of
from hawx_onnx.hardware.terms import CostTerms, ManyTotals
from hawx_onnx.hardware.workload import LayerWorkload

DATAFLOWS = ("output-stationary", "weight-stationary", "input-stationary")
HETEROGENEITIES = ("multi-mode", "partitioned")
MAKEUPS = ("latency", "energy")


@dataclass(frozen=True, kw_only=True)
class TemporalTarget(Target):
    """A systolic array of rows x cols processing elements, shared by all layers in turn.

    Args:
        rows: Rows of the array.
        cols: Columns of the array.
        dataflow: Which operand stays in place: ``output-stationary``, ``weight-stationary`` or
            ``input-stationary``.
        heterogeneity: ``multi-mode`` elements hold every type in use; a ``partitioned`` array has
            one type in each column.
        makeup: What the columns of a partitioned array are divided for: ``latency``, or static
            ``energy``, which is latency times leakage.
        ifmap_buffer_kb: Buffer of activations, in kB of 1,024 bytes.
        filter_buffer_kb: Buffer of weights.
        ofmap_buffer_kb: Buffer of results and partial sums.
        dram_bytes_per_cycle: Bytes that DRAM reads or writes in a clock cycle.

    Raises:
        ConfigError: If a value is out of its bounds, or the array is partitioned and
            input-stationary, where every filter passes through every column.
    """

    kind: ClassVar[str] = "temporal"

    rows: int = field(metadata=integer(1, 4096, "processing elements"))
    cols: int = field(metadata=integer(1, 4096, "processing elements"))
    dataflow: str = field(default="output-stationary", metadata=word(*DATAFLOWS))
    heterogeneity: str = field(default="multi-mode", metadata=word(*HETEROGENEITIES))
    makeup: str = field(default="latency", metadata=word(*MAKEUPS))
    ifmap_buffer_kb: int = field(default=64, metadata=integer(1, 1 << 20, "kB"))
    filter_buffer_kb: int = field(default=64, metadata=integer(1, 1 << 20, "kB"))
    ofmap_buffer_kb: int = field(default=64, metadata=integer(1, 1 << 20, "kB"))
    dram_bytes_per_cycle: float = field(
        default=16.0, metadata=number(0.001, 1e6, "bytes per clock cycle")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partitioned and self.dataflow == "input-stationary":
            raise ConfigError(
                "an input-stationary array cannot be partitioned: filters pass all columns",
                where=f"target {self.name}: key heterogeneity",
                mend="set heterogeneity to multi-mode, or take another dataflow",
            )

    @property
    def elements(self) -> int:
        """Processing elements of the array."""
        return self.rows * self.cols

    @property
    def partitioned(self) -> bool:
        """Whether each column has one multiplier type."""
        return self.heterogeneity == "partitioned"

    def folds(self, work: LayerWorkload) -> tuple[int, int]:
        """Returns how often one product of the layer wraps around the rows and the columns."""
        positions, filters, window = work.product_shape
        on_rows = positions if self.dataflow == "output-stationary" else window
        on_cols = positions if self.dataflow == "input-stationary" else filters
        return -(-on_rows // self.rows), -(-on_cols // self.cols)

    def step_cycles(self, work: LayerWorkload) -> int:
        """Returns the cycles of one fold (module docstring)."""
        positions, filters, window = work.product_shape
        if self.dataflow == "output-stationary":
            return window + self.rows + self.cols - 2
        streamed = positions if self.dataflow == "weight-stationary" else filters
        return streamed + 2 * self.rows + self.cols - 2

    def compute_cycles(self, work: LayerWorkload) -> int:
        """Returns the index of the last compute cycle of a layer, all columns serving all types."""
        row_folds, col_folds = self.folds(work)
        return work.products * row_folds * col_folds * self.step_cycles(work) - 1

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
        notes = costs.plan.notes + clock_notes(self.frequency_mhz, usage.figures)
        memories = costs.plan.process.provenance if costs.plan.process else ""
        return CostReport(self.name, self.kind, total, layers, notes, types, memories)

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
