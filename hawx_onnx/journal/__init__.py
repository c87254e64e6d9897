"""The journal of a run: all that is found out, written down as it is, so that a run can go on."""

from __future__ import annotations

from hawx_onnx.journal.database import FILE, sound
from hawx_onnx.journal.journal import Journal, recalled, recalled_one_by_one
from hawx_onnx.journal.measurements import Measurements, Row, read_rows
from hawx_onnx.journal.origin import origin_of

__all__ = [
    "FILE",
    "Journal",
    "Measurements",
    "Row",
    "origin_of",
    "read_rows",
    "recalled",
    "recalled_one_by_one",
    "sound",
]
