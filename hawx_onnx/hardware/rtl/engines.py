"""Dataflow engines in Verilog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hawx_onnx.hardware.rtl.accelerator import AcceleratorRtl, Ports, packed
from hawx_onnx.hardware.rtl.operands import Tile, filter_slots, streamed

STREAMED = 8
"""Positions that are streamed through an engine at most."""


@dataclass(frozen=True, kw_only=True)
class EngineRtl(AcceleratorRtl):
    """A dataflow engine of one layer; several types lie on elements of their own.

    Args:
        pe: Elements when all filters use one type.
        simd: Lanes of an element, a divisor of the window.
    """

    pe: int
    simd: int

    @property
    def told(self) -> str:
        """What it is, in a few words."""
        return f"dataflow engine of {len(self.element_types)} elements with {self.simd} lanes each"

    @cached_property
    def element_types(self) -> list[int]:
        """Type of each element: so many of a type that no element has more than N / PE filters."""
        fold = -(-self.operands.filters // self.pe)
        counts = np.bincount(self.numbers(), minlength=len(self.types.modules)).tolist()
        return [kind for kind, count in enumerate(counts) for _ in range(-(-count // fold))]

    @cached_property
    def tile(self) -> Tile:
        """Positions of the middle and the last ones, filters of the first turn and the last."""
        slots = filter_slots(self.numbers(), self.element_types)
        slots = slots[sorted({0, len(slots) - 1})].reshape(-1)
        positions = streamed(self.operands.positions, STREAMED)
        return Tile(self.operands, positions, slots, np.zeros(len(slots), np.int64))

    @property
    def _kind(self) -> str:
        return "dataflow"

    @property
    def _modules(self) -> tuple[str, ...]:
        return ("hawx_adder", "hawx_adder_tree", "hawx_pe_dataflow", "hawx_engine_dataflow")

    @property
    def _ports(self) -> Ports:
        elements, lanes = len(self.element_types), 8 * self.simd
        return (
            ("input", "", "clk"),
            ("input", "", "first_in"),
            ("input", f"[{lanes - 1}:0] ", "activations_in"),
            ("input", f"[{lanes * elements - 1}:0] ", "weights_in"),
            ("output", f"[{self.accumulator_bits * elements - 1}:0] ", "sums"),
        )

    @property
    def _design(self) -> Mapping[str, object]:
        levels = (self.simd - 1).bit_length()
        return {
            "PE": len(self.element_types),
            "SIMD": self.simd,
            "TYPES": packed(self.element_types),
            "TREE_BITS": self.types.product_bits + levels,
            **self.products(),
        }

    @property
    def _bench(self) -> Mapping[str, object]:
        elements = len(self.element_types)
        return {
            "PE": elements,
            "SIMD": self.simd,
            "POSITIONS": len(self.tile.positions),
            "FILTER_BLOCKS": len(self.tile.filters) // elements,
        }
