"""Activations of shared beginnings, kept within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping

import numpy as np

State = Mapping[str, np.ndarray]


class ActivationCache:
    """Tensors by batch and beginning; the batch that holds most gives way first.

    So that neither a long run over one batch nor a run over all batches drives out what it is
    about to need.

    Args:
        capacity: Most bytes to keep.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: dict[Hashable, OrderedDict[Hashable, State]] = {}
        self._bytes: dict[Hashable, int] = {}

    @property
    def bytes(self) -> int:
        """Bytes in use."""
        return sum(self._bytes.values())

    def get(self, batch: Hashable, beginning: Hashable) -> State | None:
        """The tensors, which then count as the batch's last used, or None."""
        kept = self._kept.get(batch, OrderedDict())
        state = kept.get(beginning)
        if state is not None:
            kept.move_to_end(beginning)
        return state

    def put(self, batch: Hashable, beginning: Hashable, state: State) -> None:
        """Keeps tensors, unless they alone are too large."""
        size = _size(state)
        if size > self._capacity:
            return
        kept = self._kept.setdefault(batch, OrderedDict())
        if beginning in kept:
            self._bytes[batch] -= _size(kept.pop(beginning))
        kept[beginning] = state
        self._bytes[batch] = self._bytes.get(batch, 0) + size
        while self.bytes > self._capacity:
            self._drop_one()

    def forget(self, batch: Hashable) -> None:
        """Drops all tensors of a batch."""
        self._kept.pop(batch, None)
        self._bytes.pop(batch, None)

    def _drop_one(self) -> None:
        largest = max(self._bytes, key=lambda batch: self._bytes[batch])
        _, state = self._kept[largest].popitem(last=False)
        self._bytes[largest] -= _size(state)
        if not self._kept[largest]:
            self.forget(largest)


def _size(state: State) -> int:
    return sum(array.nbytes for array in state.values())
