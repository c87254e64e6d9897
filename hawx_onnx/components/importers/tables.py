"""Truth tables of other programs: numpy files, CSV texts, raw integers."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.importers.options import ImportOptions, Task
from hawx_onnx.components.library_index import check_name
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.stored import Provenance, StoredMultiplier, stored
from hawx_onnx.components.table_files import (
    checked_table,
    guess_encoding,
    read_npy,
    read_npz,
)
from hawx_onnx.components.tables import CODES, Encoding, Table
from hawx_onnx.errors import ComponentError

TABLES = (".npy", ".npz", ".csv", ".bin")
_PAIRS = CODES * CODES
_MEND_CSV = "give 256 lines of 256 products, or 65,536 lines: activation, weight, product"
_MOST_BYTES = 16_000_000


def import_tables(task: Task, options: ImportOptions) -> list[StoredMultiplier]:
    """Imports the tables of a file.

    Args:
        task: A ``.npy``, ``.npz``, ``.csv`` or ``.bin`` file.
        options: The encoding, where it shall not be guessed.

    Raises:
        ComponentError: The file holds no truth table.
    """
    path = Path(task.path)
    encoding = options.encoding
    if path.suffix == ".npz":
        found = [_read_as(one, encoding) for one in read_npz(path)]
    elif path.suffix == ".npy":
        found = [_read_as(read_npy(path), encoding)]
    else:
        found = [_of_text(path, encoding) if path.suffix == ".csv" else _of_raw(path, encoding)]
    provenance = Provenance(
        origin=task.origin,
        source_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        flow="table",
        date=datetime.date.today().isoformat(),
    )
    for multiplier in found:
        check_name(multiplier.name, task.path)
    return [
        replace(
            stored(replace(one, source=one.source.replace(task.path, task.origin))),
            provenance=provenance,
        )
        for one in found
    ]


def _read_as(multiplier: Multiplier, encoding: Encoding | None) -> Multiplier:
    """Takes another encoding than the one that was read or guessed."""
    if encoding is None or encoding is multiplier.encoding:
        return multiplier
    return replace(multiplier, encoding=encoding, description=f"read as {encoding.value}")


def _made(path: Path, table: Table, encoding: Encoding | None, note: str) -> Multiplier:
    if encoding is None:
        encoding, note = guess_encoding(table)
    return Multiplier(path.stem, encoding, table, None, f"truth table {path}", note)


def _bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= _MOST_BYTES else b""
    except OSError as error:
        reason = error.strerror or str(error)
        raise ComponentError(f"cannot be read: {reason}", where=str(path)) from error
    if size > _MOST_BYTES:
        raise ComponentError(f"{size} bytes are no truth table", where=str(path), mend=_MEND_CSV)
    return data


def _of_raw(path: Path, encoding: Encoding | None) -> Multiplier:
    """Reads little-endian int16 or int32; 16 bits of unsigned products are read without sign."""
    data = _bytes(path)
    if len(data) == 4 * _PAIRS:
        return _made(path, _square(np.frombuffer(data, "<i4")), encoding, "32-bit integers")
    if len(data) != 2 * _PAIRS:
        raise ComponentError(
            f"the file has {len(data)} bytes",
            where=str(path),
            mend=f"{2 * _PAIRS} bytes of int16 or {4 * _PAIRS} of int32, [activation][weight]",
        )
    signed, unsigned = (_square(np.frombuffer(data, kind)) for kind in ("<i2", "<u2"))
    note = "16-bit integers"
    if encoding is None:
        encoding, note = guess_encoding(signed, unsigned)
    table = unsigned if encoding is Encoding.UNSIGNED else signed
    return _made(path, table, encoding, note)


def _square(values: npt.NDArray[np.integer]) -> Table:
    return values.astype(np.int32).reshape(CODES, CODES)


def _of_text(path: Path, encoding: Encoding | None) -> Multiplier:
    """Reads numbers between commas, semicolons or white space; a first line may hold words."""
    where = str(path)
    rows: list[list[float]] = []
    for number, line in enumerate(_bytes(path).decode("utf-8-sig", "replace").splitlines(), 1):
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            rows.append([float(word) for word in words])
        except ValueError as error:
            if not rows and number == 1:
                continue
            raise ComponentError(str(error), where=f"{where}:{number}", mend=_MEND_CSV) from error
        if len(rows[-1]) != len(rows[0]):
            raise ComponentError(
                f"the line has {len(rows[-1])} numbers, those before have {len(rows[0])}",
                where=f"{where}:{number}",
                mend=_MEND_CSV,
            )
    values = np.array(rows, np.float64)
    if values.shape == (_PAIRS, 3):
        values = _of_triples(values, where)
    elif values.shape != (CODES, CODES):
        shape = " x ".join(str(size) for size in values.shape)
        raise ComponentError(f"the file holds {shape} numbers", where=where, mend=_MEND_CSV)
    return _made(path, checked_table(values, where), encoding, "text")


def _of_triples(values: npt.NDArray[np.float64], where: str) -> npt.NDArray[np.float64]:
    """Sorts lines of activation, weight and product into a table; operands may be negative."""
    operands = values[:, :2]
    if not ((operands >= -128) & (operands <= 255) & (operands % 1 == 0)).all():
        raise ComponentError("an operand is no 8-bit number", where=where, mend=_MEND_CSV)
    rows, columns = (operands.astype(np.int64) & 0xFF).T
    table = np.full((CODES, CODES), np.nan)
    table[rows, columns] = values[:, 2]
    if len(np.unique(rows * CODES + columns)) != _PAIRS:
        raise ComponentError("a pair of operands is there twice", where=where, mend=_MEND_CSV)
    return table
