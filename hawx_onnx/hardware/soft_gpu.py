"""Soft GPU target: compute units of eight processing elements that run a kernel per layer.

Modelled on FGPU (Al Kadi et al., "FGPU: An SIMT-Architecture for FPGAs", FPGA 2016): a wavefront of
64 work-items, one for each result of a layer, takes 8 cycles per instruction on the 8 elements of a
compute unit, and a multiply-accumulate takes several instructions (loads, addresses, loop). With M
output positions, N filters, K products per output and U compute units:

- wavefronts = ceil(M N / 64), compute cycles = ceil(wavefronts / U) * 8 * K * instructions per MAC

Work-items are ordered by multiplier type, so that a wavefront has one; partly filled wavefronts of
further types are not counted. Every element holds each type in use, as multi-mode arrays do. Each
multiply-accumulate reads two bytes from the cache that all units share. Operands that fit it
together cross from DRAM once, else one of them passes again for each half of the cache that the
other one fills. Fetching and decoding instructions costs no energy or area here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from hawx_onnx.hardware.array_target import ArrayTarget
from hawx_onnx.hardware.schema import integer, number
from hawx_onnx.hardware.traffic import Traffic
from hawx_onnx.hardware.workload import LayerWorkload

UNIT_ELEMENTS = 8
"""Processing elements of a compute unit."""
WAVEFRONT = 64
"""Work-items that run in step."""


@dataclass(frozen=True, kw_only=True)
class SoftGpuTarget(ArrayTarget):
    """A soft GPU.

    Args:
        compute_units: Compute units of eight processing elements.
        instructions_per_mac: Instructions issued for each multiply-accumulate.
        cache_kb: Cache that all compute units share, in kB of 1,024 bytes.
    """

    kind: ClassVar[str] = "soft-gpu"

    compute_units: int = field(metadata=integer(1, 1024, "compute units"))
    instructions_per_mac: float = field(default=6.0, metadata=number(1, 1000, "instructions"))
    cache_kb: int = field(default=64, metadata=integer(1, 1 << 20, "kB"))

    @property
    def shape(self) -> tuple[int, int]:
        """Elements of a unit, and units."""
        return UNIT_ELEMENTS, self.compute_units

    @property
    def memory_sizes_kb(self) -> tuple[int, ...]:
        """The cache."""
        return (self.cache_kb,)

    @property
    def clock_gated(self) -> bool:
        """Elements wait for instructions most of the time."""
        return True

    def accesses(self, traffic: Traffic) -> tuple[int, ...]:
        """Returns the bytes that are read and written at the cache."""
        return (traffic.sram_bytes,)

    def folds(self, work: LayerWorkload) -> tuple[int, int]:
        """Returns the rounds of wavefronts that each compute unit runs, and 1."""
        wavefronts = -(-work.output_values // WAVEFRONT)
        return -(-wavefronts // self.compute_units), 1

    def busy_cycles(self, work: LayerWorkload, folds: tuple[int, int]) -> int:
        """Returns the compute cycles of a layer that takes so many rounds."""
        issues = WAVEFRONT // UNIT_ELEMENTS * work.window * self.instructions_per_mac
        return math.ceil(folds[0] * issues)

    def traffic(self, work: LayerWorkload, folds: tuple[int, int]) -> Traffic:
        """Returns the bytes that a layer moves."""
        inputs, weights, results = work.input_values, work.weight_values, work.output_values
        half = self.cache_kb * 512
        if inputs + weights > 2 * half:
            inputs_again = (inputs * -(-weights // half), weights)
            weights_again = (inputs, weights * -(-inputs // half))
            inputs, weights = min(inputs_again, weights_again, key=sum)
        return Traffic(
            ifmap_sram_bytes=work.macs + inputs,
            filter_sram_bytes=work.macs + weights,
            ofmap_sram_bytes=2 * results,
            ifmap_dram_bytes=inputs,
            filter_dram_bytes=weights,
            ofmap_dram_bytes=results,
        )

    def mapping(self, folds: tuple[int, int]) -> dict[str, int]:
        """Returns how a layer lies on the compute units."""
        return {"wavefront_rounds": folds[0]}

    def chip_notes(self) -> tuple[str, ...]:
        """Returns what the figures of a soft GPU leave out."""
        return ("fetching and decoding instructions, and register files, are not counted",)
