"""Loaders of raw samples, one module per kind of data source.

Each loader returns ``RawData``: arrays as they are stored, before preprocessing and splitting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array

if TYPE_CHECKING:
    from hawx_onnx.frontend.sources.images import ImageFiles
    from hawx_onnx.frontend.sources.mapped_rows import MappedRows

MIN_SAMPLES = 3


@dataclass(frozen=True, eq=False)
class RawPart:
    """Stored samples.

    Attributes:
        x: Samples [N, ...]; mapped from a file, or image files, where all need not be read.
        y: Labels, or ``None``.
        x_where: What error messages name as the place of ``x``: file and array.
        y_where: The same for ``y``.
    """

    x: Array | ImageFiles | MappedRows
    y: Array | None
    x_where: str
    y_where: str = ""


@dataclass(frozen=True, eq=False)
class RawData:
    """What a loader returns.

    Attributes:
        name: What was loaded.
        note: Where the samples come from, for people.
        parts: ``all``; or ``train`` and ``test``; or ``calibration``, ``validation``, ``test``.
    """

    name: str
    note: str
    parts: dict[str, RawPart]


def too_few(samples: int, least: int, where: str) -> None:
    """Checks that there are samples enough to split.

    Raises:
        DataError: There are not.
    """
    if samples < least:
        raise DataError(
            f"holds {samples} samples, at least {least} samples are needed",
            where=where,
            mend="calibration, validation and test each need samples of their own",
        )
