"""The searched assignments as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from hawx_onnx.report.files import atomic_write_text
from hawx_onnx.report.formats import finite

COLUMNS = (
    "index",
    "selected",
    "on_front",
    "predicted_accuracy",
    "measured_accuracy",
    "power_mw",
    "area_um2",
    "energy_uj",
    "latency_cycles",
    "area_lut6",
    "compensation",
    "assignment",
)

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _quoted(name: str, reserved: str) -> str:
    return "".join(
        f"%{ord(c):02X}" if c in reserved or c == "%" or ord(c) < 32 else c for c in name
    )


def _multipliers(chosen: str | Iterable[str]) -> str:
    reserved = ";=,*"
    if isinstance(chosen, str):
        return _quoted(chosen, reserved)
    runs = [(_quoted(str(name), reserved), len(list(run))) for name, run in groupby(chosen)]
    return ",".join(f"{name}*{count}" for name, count in runs)


def assignment_text(assignment: Mapping[str, str | Iterable[str]]) -> str:
    """Returns an assignment in one cell: ``layer=multiplier;...``.

    A choice per channel is written as runs in channel order, ``layer=first*4,second*12``.
    Characters that the form itself uses are percent-encoded in names. A cell that a spreadsheet
    would take for a formula gets an apostrophe in front.

    Args:
        assignment: Layer -> multiplier, or list of multipliers per channel.
    """
    cell = ";".join(
        f"{_quoted(str(layer), ';')}={_multipliers(chosen)}" for layer, chosen in assignment.items()
    )
    return _no_formula(cell)


def _no_formula(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    real = finite(value)
    return "" if real is None else repr(real)


def pareto_csv(report: Mapping[str, Any]) -> str:
    """Returns the assignments of a report as CSV, one a row, in the order of the report.

    Args:
        report: The content of ``report.json``.

    Returns:
        The text, with a row of names first; missing numbers are empty cells.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    told = _no_formula(str((report.get("search") or {}).get("compensation") or ""))
    for index, point in enumerate(report.get("pareto") or ()):
        flags = [_cell(bool(point.get(key))) for key in COLUMNS[1:3]]
        numbers = [_cell(point.get(key)) for key in COLUMNS[3:-2]]
        chosen = assignment_text(point.get("assignment") or {})
        writer.writerow([index, *flags, *numbers, told, chosen])
    return stream.getvalue()


def write_pareto_csv(report: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Writes ``pareto.csv`` in one step.

    Args:
        report: The content of ``report.json``.
        path: The file to write or replace.

    Returns:
        The path as given.

    Raises:
        ConfigError: The path cannot be written.
    """
    return atomic_write_text(path, pareto_csv(report))
