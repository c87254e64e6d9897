"""Systolic arrays in Verilog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hawx_onnx.hardware.rtl.accelerator import AcceleratorRtl, Ports, packed
from hawx_onnx.hardware.rtl.operands import (
    NONE,
    Ints,
    Tile,
    blocks,
    filter_slots,
    middle_and_last,
    streamed,
)

STREAMED = 16
"""Positions that are streamed through a weight-stationary array at most."""


@dataclass(frozen=True, kw_only=True)
class ArrayRtl(AcceleratorRtl):
    """A systolic array.

    Args:
        rows: Rows of elements.
        columns: Columns of elements.
        dataflow: ``output-stationary`` or ``weight-stationary``.
        makeup: Where elements hold one type each, the columns of each type, in all ``columns``.
    """

    rows: int
    columns: int
    dataflow: str
    makeup: tuple[int, ...] = ()

    @property
    def told(self) -> str:
        """What it is, in a few words."""
        how = "multi-mode elements" if self.types.modes > 1 else "one multiplier in each element"
        return f"{self.rows} x {self.columns} {self.dataflow} systolic array, {how}"

    @cached_property
    def column_types(self) -> list[int]:
        """Type of each column; 0 where elements hold all types."""
        if self.types.multi_mode:
            return [0] * self.columns
        return [kind for kind, count in enumerate(self.makeup) for _ in range(count)]

    @cached_property
    def tile(self) -> Tile:
        """The middle rows and the last, the first columns and the last."""
        layer, numbers = self.operands, self.numbers()
        if self.types.multi_mode:
            slots = blocks(layer.filters, self.columns)
        else:
            slots = filter_slots(numbers, self.column_types)
        slots = slots[sorted({0, len(slots) - 1})].reshape(-1)
        modes = np.zeros(len(slots), np.int64)
        if self.types.multi_mode:
            modes[slots != NONE] = numbers[slots[slots != NONE]]
        return Tile(layer, self._positions(), slots, modes)

    def _positions(self) -> Ints:
        count, size = self.operands.positions, self.rows
        if not self._stays:
            return streamed(count, STREAMED)
        return blocks(count, size, middle_and_last(-(-count // size))).reshape(-1)

    @property
    def _stays(self) -> bool:
        return self.dataflow == "output-stationary"

    @property
    def _kind(self) -> str:
        return self.dataflow.replace("-", "_")

    @property
    def _modules(self) -> tuple[str, ...]:
        return ("hawx_adder", f"hawx_pe_{self._kind}", f"hawx_array_{self._kind}")

    @property
    def _ports(self) -> Ports:
        rows, columns, wide = self.rows, self.columns, self.accumulator_bits * self.columns - 1
        select = ("input", f"[{self.types.modes * columns - 1}:0] ", "select")
        activations = ("input", f"[{8 * rows - 1}:0] ", "activations")
        weights = ("input", f"[{8 * columns - 1}:0] ", "weights")
        sums = ("output", f"[{wide}:0] ", "sums")
        if self._stays:
            valid = ("input", f"[{rows - 1}:0] ", "valid")
            control = (("input", "", "clk"), ("input", "", "drain"), select, valid)
            return (*control, activations, weights, sums)
        partial = ("input", f"[{wide}:0] ", "partial_sums")
        control = (("input", "", "clk"), ("input", "", "load"), select, ("input", "", "valid"))
        return (*control, weights, activations, partial, sums)

    @property
    def _design(self) -> Mapping[str, object]:
        return {
            "ROWS": self.rows,
            "COLUMNS": self.columns,
            "MODES": self.types.modes,
            "TYPES": packed(self.column_types),
            **self.products(),
        }

    @property
    def _bench(self) -> Mapping[str, object]:
        column_blocks = len(self.tile.filters) // self.columns
        if self._stays:
            positions = {"ROW_BLOCKS": len(self.tile.positions) // self.rows}
        else:
            positions = {"POSITIONS": len(self.tile.positions)}
        return {
            "ROWS": self.rows,
            "COLUMNS": self.columns,
            **positions,
            "COLUMN_BLOCKS": column_blocks,
            "MODES": self.types.modes,
        }
