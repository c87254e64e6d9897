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

from dataclasses import dataclass, field
from typing import ClassVar

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.array_target import ArrayTarget
from hawx_onnx.hardware.schema import integer, word
from hawx_onnx.hardware.technology import OPERAND_BITS
from hawx_onnx.hardware.traffic import Buffers, Traffic, layer_traffic
from hawx_onnx.hardware.workload import LayerWorkload

DATAFLOWS = ("output-stationary", "weight-stationary", "input-stationary")
HETEROGENEITIES = ("multi-mode", "partitioned")
MAKEUPS = ("latency", "energy")


@dataclass(frozen=True, kw_only=True)
class TemporalTarget(ArrayTarget):
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partitioned and self.dataflow == "input-stationary":
            raise ConfigError(
                "an input-stationary array cannot be partitioned: filters pass all columns",
                where=f"target {self.name}: key heterogeneity",
                mend="set heterogeneity to multi-mode, or take another dataflow",
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of processing elements."""
        return self.rows, self.cols

    @property
    def stays(self) -> str:
        """What the dataflow names."""
        return self.dataflow.removesuffix("-stationary").replace("input", "activation")

    @property
    def multiplexer_bits(self) -> int:
        """Bits that an element chooses: accumulators that shift down, or operands to be loaded."""
        return self.accumulator_bits if self.stays == "output" else OPERAND_BITS + 1

    @property
    def edge_bits(self) -> int:
        """The last column passes no activations on, the last row no weights where they stream."""
        if self.stays == "output":
            return self.rows * (OPERAND_BITS + 1) + self.cols * OPERAND_BITS
        return OPERAND_BITS * (self.rows if self.stays == "weight" else self.cols)

    @property
    def partitioned(self) -> bool:
        """Whether each column has one multiplier type."""
        return self.heterogeneity == "partitioned"

    @property
    def columns_for(self) -> str:
        """What the columns of a partitioned array are divided for."""
        return self.makeup

    @property
    def memory_sizes_kb(self) -> tuple[int, ...]:
        """The buffers of activations, weights and results."""
        return self.ifmap_buffer_kb, self.filter_buffer_kb, self.ofmap_buffer_kb

    def accesses(self, traffic: Traffic) -> tuple[int, ...]:
        """Returns the bytes that are read and written at each buffer."""
        return traffic.ifmap_sram_bytes, traffic.filter_sram_bytes, traffic.ofmap_sram_bytes

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

    def busy_cycles(self, work: LayerWorkload, folds: tuple[int, int]) -> int:
        """Returns the index of the last compute cycle of a layer that folds so often."""
        return work.products * folds[0] * folds[1] * self.step_cycles(work) - 1

    def traffic(self, work: LayerWorkload, folds: tuple[int, int]) -> Traffic:
        """Returns the bytes that a layer moves (`hawx_onnx.hardware.traffic`)."""
        buffers = Buffers(*self.memory_sizes_kb)
        bits = self.accumulator_bits
        return layer_traffic(work, self.dataflow, self.shape, folds, bits, buffers, self.name)

    def mapping(self, folds: tuple[int, int]) -> dict[str, int]:
        """Returns how a layer lies on the array."""
        return {"row_folds": folds[0], "column_folds": folds[1]}
