"""Samples that stay where they are stored until they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np

from hawx_onnx.frontend.data_types import Array

# Samples that are read at once where all are asked for.
CHUNK = 32
Read = Callable[[Array], Array]


class StreamedSamples:
    """What looks like an array [N, ...] and reads its rows when they are asked for.

    Indices along the first axis give arrays of these samples alone; nothing is kept.

    Args:
        read: Gives the samples of some row numbers, int [n], ready for the model.
        rows: Row numbers of the samples, in their order.

    Attributes:
        shape: Of all samples together.
        dtype: Of their values.
    """

    def __init__(self, read: Read, rows: Array, first: Array | None = None) -> None:
        self._read, self._rows = read, np.asarray(rows, np.intp)
        # One sample tells shape and type of all.
        found = read(self._rows[:1]) if first is None else first
        self.shape: tuple[int, ...] = (len(self._rows), *found.shape[1:])
        self.dtype: np.dtype[Any] = found.dtype
        self._first = found[:1]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    def __getitem__(self, index: Any) -> Array:  # noqa: ANN401 - whatever numpy takes
        first, *rest = index if isinstance(index, tuple) else (index,)
        rows = self._rows[first]
        found = self._read_all(np.atleast_1d(rows))
        found = found if np.ndim(rows) else found[0]
        if rest:
            found = found[tuple([slice(None)] * np.ndim(rows) + rest)]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: ANN401
        return self._read_all(self._rows).astype(dtype or self.dtype, copy=False)

    def pick(self, rows: Array) -> StreamedSamples:
        """Some of the samples, by their places, unread."""
        return StreamedSamples(self._read, self._rows[rows], self._first)

    def chunks(self) -> Iterator[Array]:
        """All samples in order, a few at a time."""
        for start in range(0, len(self), CHUNK):
            yield self._read(self._rows[start : start + CHUNK])

    def _read_all(self, rows: Array) -> Array:
        if 0 < len(rows) <= CHUNK:
            return self._read(rows)
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for start in range(0, len(rows), CHUNK):
            found[start : start + CHUNK] = self._read(rows[start : start + CHUNK])
        return found


def streamed(read: Read, samples: int) -> Array:
    """Streamed samples under the type of arrays, which they stand in for everywhere."""
    return cast(Array, StreamedSamples(read, np.arange(samples)))


def pick(x: Array | StreamedSamples, rows: Array | slice) -> Array:
    """Samples by their places; streamed ones stay unread."""
    if isinstance(x, StreamedSamples):
        return cast(Array, x.pick(np.arange(len(x))[rows]))
    return x[rows]
