"""Loaders of raw samples, one module per kind of data source.

Each loader returns ``RawData``: arrays as they are stored, before preprocessing and splitting.
"""

from __future__ import annotations

from dataclasses import dataclass

from hawx_onnx.frontend.data_types import Array

MIN_SAMPLES = 3


@dataclass(frozen=True, eq=False)
class RawPart:
    """Stored samples.

    Attributes:
        x: Samples [N, ...].
        y: Labels, or ``None``.
        x_where: What error messages name as the place of ``x``: file and array.
        y_where: The same for ``y``.
    """

    x: Array
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
