"""What a pipeline of engines takes of an FPGA beside, and with, its multipliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from hawx_onnx.hardware.element import PRODUCT_BITS
from hawx_onnx.hardware.engine import Engine
from hawx_onnx.hardware.fpga import Fabric, MemoryShape, multiplier_luts, tree_bits
from hawx_onnx.hardware.technology import OPERAND_BITS, ComponentFigures


def pipeline_fabric(
    engines: Sequence[Engine], elements: Sequence[int], accumulator_bits: int
) -> Fabric:
    """Returns what engines are built of beside multipliers.

    Args:
        engines: The engines (L).
        elements: Elements of each, which may be more than folded for, as channels are grouped by
            type.
        accumulator_bits: Width of the accumulators in bits.
    """
    adders = registers = 0
    memories: list[MemoryShape] = []
    for engine, count in zip(engines, elements, strict=True):
        simd, pe, memory = engine.folding.simd, engine.folding.pe, engine.memory
        adders += count * _adder_bits(simd, accumulator_bits)
        registers += count * (simd * (OPERAND_BITS + PRODUCT_BITS) + accumulator_bits)
        registers += simd * OPERAND_BITS
        memories += [
            MemoryShape(memory.weight_bytes // pe, simd, pe),
            MemoryShape(memory.buffer_bytes, simd),
            MemoryShape(memory.fifo_bytes, simd),
        ]
    return Fabric(adders, registers, tuple(memories))


def pipeline_luts(
    engines: Sequence[Engine],
    elements: npt.NDArray[np.int64],
    figures: Mapping[str, ComponentFigures],
    accumulator_bits: int,
) -> npt.NDArray[np.float64]:
    """Returns the LUT6s of many assignments: float array [A], as `multiplier_luts`.

    Args:
        engines: The engines (L).
        elements: Int array [A, L, T], elements of each type.
        figures: The multipliers' figures by name (T).
        accumulator_bits: Width of the accumulators in bits.
    """
    simd = np.array([engine.folding.simd for engine in engines])
    adders = np.array([_adder_bits(int(lanes), accumulator_bits) for lanes in simd])
    # Memories follow the folding alone, whatever the types.
    fixed = pipeline_fabric(engines, [0] * len(engines), accumulator_bits).luts
    multipliers = np.einsum("alt,l->at", elements, simd)
    around = elements.sum(axis=2) @ adders + fixed
    return np.asarray(multiplier_luts(multipliers, figures) + around)


def pipeline_terms(
    engines: Sequence[Engine], luts: npt.NDArray[np.float64], accumulator_bits: int
) -> tuple[float, npt.NDArray[np.float64]]:
    """Returns the LUT6s that no multiplier changes, and those of each in each layer: [L, T].

    Args:
        engines: The engines (L).
        luts: LUT6s of one multiplier of each type (T).
        accumulator_bits: Width of the accumulators in bits.
    """
    elements = [engine.folding.pe for engine in engines]
    constant = pipeline_fabric(engines, elements, accumulator_bits).luts
    return float(constant), np.outer([engine.folding.multipliers for engine in engines], luts)


def _adder_bits(simd: int, accumulator_bits: int) -> int:
    """Returns the bits of the adders of one element."""
    return tree_bits(simd) + accumulator_bits
