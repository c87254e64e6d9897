"""Operands of a layer in the order in which an element of an accelerator takes them.

Codes of neighbouring pixels are alike, zeros come in groups, and weights of a kernel have something
in common: what follows each other switches less than what is drawn independently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.tables import Table
from hawx_onnx.errors import ConfigError

STAYS = ("output", "weight", "activation", "engine")
"""What an element keeps while the others change: its sum, its weight or its activation.

The sum stays in elements of an ``engine`` too, which take several products of a window at once.
"""

VECTORS = 4096
"""Operations that are drawn of a trace, a multiple of 64."""

# Operations one after the other before another place of the trace is drawn.
_SEGMENT = 128

Codes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OperandTrace:
    """Samples of what a layer multiplies.

    Attributes:
        activations: Windows of outputs beside each other, bit patterns: uint8 [runs, positions,
            K].
        weights: Filters beside each other that these windows meet: uint8 [runs, filters, K].

    Raises:
        ConfigError: The shapes do not fit together.
    """

    activations: Codes
    weights: Codes

    def __post_init__(self) -> None:
        one, two = self.activations.shape, self.weights.shape
        if len(one) != 3 or len(two) != 3 or (one[0], one[2]) != (two[0], two[2]) or 0 in one + two:
            raise ConfigError(
                f"activations {list(one)} and weights {list(two)} are no trace",
                mend="give [runs, positions, K] and [runs, filters, K]",
            )


@dataclass(frozen=True, eq=False)
class Moves:
    """Operations of a trace, each with the one before it.

    Attributes:
        places: Run, position, filter and product of each operation, before and after: int64
            [2, 4, operations].
        trace: What they are of.
    """

    places: Ints
    trace: OperandTrace

    def activations(self) -> Ints:
        """Returns activation codes before and after: int64 [2, operations]."""
        run, position, _, product = self.places.swapaxes(0, 1)
        return np.asarray(self.trace.activations[run, position, product], np.int64)

    def weights(self) -> Ints:
        """Returns weight codes before and after: int64 [2, operations]."""
        run, _, filter_, product = self.places.swapaxes(0, 1)
        return np.asarray(self.trace.weights[run, filter_, product], np.int64)

    def products(self, table: Table) -> Ints:
        """Returns products before and after: int64 [2, operations].

        Args:
            table: The multiplier's, int32 [256, 256].
        """
        return np.asarray(table[self.activations(), self.weights()], np.int64)

    def sums(self, table: Table) -> Ints:
        """Returns the sums of the products of a window that came before: int64 [2, operations].

        Args:
            table: The multiplier's, int32 [256, 256].
        """
        run, position, filter_, product = self.places.swapaxes(0, 1).reshape(4, -1)
        outputs, which = np.unique(np.stack([run, position, filter_]), axis=1, return_inverse=True)
        run, position, filter_ = outputs
        products = table[self.trace.activations[run, position], self.trace.weights[run, filter_]]
        ends = np.zeros((products.shape[0], products.shape[1] + 1), np.int64)
        np.cumsum(products, axis=1, out=ends[:, 1:])
        return np.asarray(ends[which.reshape(-1), product].reshape(2, -1))


def moves(trace: OperandTrace, stays: str = "output", lanes: int = 1, *, seed: int = 0) -> Moves:
    """Draws operations of a trace, 4,096 of them.

    Args:
        trace: The operands.
        stays: ``output``: an element goes through the products of a window, then of the next one.
            ``weight``: it goes through positions with the same weight, where there are several,
            else through the weights. ``activation``: likewise through filters. ``engine``: as
            ``output``, in one of several lanes.
        lanes: Products of a window that an element of an engine takes at once.
        seed: Of the places that are drawn.

    Raises:
        ConfigError: ``stays`` is none of these.
    """
    if stays not in STAYS:
        raise ConfigError(f"{stays!r} cannot stay", mend=f"choose {', '.join(STAYS)}")
    rng = np.random.default_rng(seed)
    runs, positions, products = trace.activations.shape
    filters = trace.weights.shape[1]
    moving = {"weight": positions, "activation": filters}.get(stays, 1)
    lanes = min(lanes, products)
    folds = products // lanes
    length, sizes = moving - 1 or _SEGMENT, (runs, positions, filters, products)
    count = -(-VECTORS // length)
    start = np.stack([rng.integers(0, size, count) for size in sizes])
    steps = np.arange(length + 1)
    run, position, filter_, product = (np.repeat(one[:, None], length + 1, axis=1) for one in start)
    if moving > 1:
        if stays == "weight":
            position = np.broadcast_to(steps, position.shape)
        else:
            filter_ = np.broadcast_to(steps, filter_.shape)
    else:
        flat = position * folds + product // lanes + steps
        position, product = flat // folds % positions, flat % folds * lanes + product % lanes
    path = np.stack([run, position, filter_, product])
    pairs = np.stack([path[:, :, :-1], path[:, :, 1:]])
    return Moves(pairs.reshape(2, 4, -1)[:, :, :VECTORS], trace)
