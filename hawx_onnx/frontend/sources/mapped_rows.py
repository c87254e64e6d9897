"""Samples in a file, of which only those asked for take memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from hawx_onnx.frontend.data_types import Array


@dataclass(frozen=True, eq=False)
class MappedRows:
    """An array in a file.

    Attributes:
        file: Open for reading, as long as this is there.
        dtype: Of the values.
        shape: [N, ...], in C order.
        offset: Byte where the values begin.
    """

    file: IO[bytes]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int = 0

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, rows: Array) -> Array:
        """Some samples, copied; the file is mapped for that long, so that no page stays counted."""
        return np.array(np.memmap(self.file, self.dtype, "r", self.offset, self.shape)[rows])
