"""The operands of a layer, and which of them a tile takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NONE = -1
"""Where a tile has a slot and the layer has nothing to put there."""

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LayerOperands:
    """One matrix product of a layer, for one sample: P positions, N filters, K products each.

    A grouped convolution is a product for each group; this is one of them.

    Args:
        layer: The layer's name.
        windows: Returns the activation codes of some positions, uint8 [positions, K] by bit
            pattern; padding is in them.
        positions: P.
        weights: uint8 [N, K] by bit pattern.
        types: The name of each filter's multiplier: N of them.
        codes_signed: Whether codes are int8, not uint8.
        activation_zero: Zero point of the activations.
        weight_zeros: Zero points of the weights: int64 [N].
        accumulators: What must come out, zero points corrected: int32 [P, N].
        told: One line on where the operands are from.
    """

    layer: str
    windows: Callable[[Ints], Codes]
    positions: int
    weights: Codes
    types: tuple[str, ...]
    codes_signed: bool
    activation_zero: int
    weight_zeros: Ints
    accumulators: npt.NDArray[np.int32]
    told: str

    @property
    def filters(self) -> int:
        """N."""
        return len(self.weights)

    @property
    def window(self) -> int:
        """K."""
        return int(self.weights.shape[1])


@dataclass(frozen=True, eq=False)
class Tile:
    """What a testbench feeds: slots of positions and of filters, ``NONE`` where there is nothing.

    Args:
        operands: The layer's.
        positions: Position of each slot.
        filters: Filter of each slot.
        modes: Which multiplier of its element each slot of filters uses.
    """

    operands: LayerOperands
    positions: Ints
    filters: Ints
    modes: Ints

    @property
    def checks(self) -> int:
        """Accumulators that the testbench checks."""
        return int((self.positions != NONE).sum() * (self.filters != NONE).sum())

    def files(self) -> dict[str, str]:
        """Returns the tile as files for ``$readmemh``, by name."""
        layer = self.operands
        rows, columns = self.positions != NONE, self.filters != NONE
        activations = np.zeros((len(self.positions), layer.window), np.uint8)
        activations[rows] = layer.windows(self.positions[rows])
        weights = np.zeros((len(self.filters), layer.window), np.uint8)
        weights[columns] = layer.weights[self.filters[columns]]
        zeros = np.zeros(len(self.filters), np.int64)
        zeros[columns] = layer.weight_zeros[self.filters[columns]]
        expected = np.zeros((len(self.positions), len(self.filters)), np.int64)
        inner = np.ix_(self.positions[rows], self.filters[columns])
        expected[np.ix_(rows, columns)] = layer.accumulators[inner]
        return {
            "activations.hex": hex_text(activations, 8),
            "weights.hex": hex_text(weights, 8),
            "weight_zeros.hex": hex_text(zeros[:, None], 32),
            "modes.hex": hex_text((1 << self.modes)[:, None], max(int(self.modes.max()) + 1, 1)),
            "positions.hex": hex_text(self.positions[:, None], 32),
            "filters.hex": hex_text(self.filters[:, None], 32),
            "expected.hex": hex_text(expected, 32),
        }


def hex_text(values: npt.NDArray[np.integer], bits: int) -> str:
    """Returns a matrix for ``$readmemh``, a row on a line; negative ones in two's complement."""
    mask, digits = (1 << bits) - 1, -(-bits // 4)
    lines = (" ".join(f"{int(value) & mask:0{digits}x}" for value in row) for row in values)
    return "\n".join(lines) + "\n"


def blocks(count: int, size: int, chosen: Sequence[int] | None = None) -> Ints:
    """Returns slots in blocks of a size, the last one filled up with ``NONE``.

    Args:
        count: Numbers from 0 on to put into slots.
        size: Slots of a block.
        chosen: Which blocks to take, by default all.

    Returns:
        Int array [blocks, size].
    """
    number = -(-count // size)
    slots = np.full(number * size, NONE, np.int64)
    slots[:count] = np.arange(count)
    table = slots.reshape(number, size)
    return table if chosen is None else table[sorted(set(chosen))]


def middle_and_last(count: int) -> tuple[int, int]:
    """Returns two of so many blocks: borders of an image are mostly padding, its middle is not."""
    return (count - 1) // 2, count - 1


def streamed(count: int, most: int) -> Ints:
    """Returns so many positions at most: half of them from the middle on, the others last."""
    if count <= most:
        return np.arange(count)
    middle = np.arange(most // 2) + min(count // 2, count - most)
    return np.concatenate([middle, np.arange(count - (most - most // 2), count)])


def filter_slots(types: Ints, held: Sequence[int]) -> Ints:
    """Puts filters onto columns or elements that hold one type of multiplier each.

    Args:
        types: Type of each filter.
        held: Type of each column.

    Returns:
        Int array [blocks, columns], ``NONE`` where a column has no filter left.
    """
    columns: dict[int, list[int]] = {}
    for column, kind in enumerate(held):
        columns.setdefault(kind, []).append(column)
    waiting = {kind: np.flatnonzero(types == kind) for kind in columns}
    number = max(-(-len(waiting[kind]) // len(own)) for kind, own in columns.items())
    slots = np.full((number, len(held)), NONE, np.int64)
    for kind, own in columns.items():
        table = blocks(len(waiting[kind]), len(own))
        inner = np.where(table == NONE, NONE, waiting[kind][table] if len(waiting[kind]) else NONE)
        slots[np.ix_(range(len(table)), own)] = inner
    return slots
