"""Truth tables in numpy files: ``.npy`` with one table, ``.npz`` with one per name.

An ``.npz`` entry ``NAME`` is the table, 256 x 256 whole numbers indexed by bit patterns, activation
first. Entries ``NAME.encoding``, ``NAME.source`` and ``NAME.description`` (zero-dimensional unicode
arrays) may go with it; :func:`save_library` writes them. Where the encoding is missing, the one of
signed and unsigned under which the mean absolute error is smaller is taken, and told.
"""

from __future__ import annotations

import logging
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.statistics import error_statistics
from hawx_onnx.components.tables import CODES, Encoding, Table, exact_table
from hawx_onnx.errors import ComponentError, ConfigError
from hawx_onnx.names import close_names
from hawx_onnx.numpy_files import Archive, ArrayFileError, load_npy

logger = logging.getLogger(__name__)

ENCODING, SOURCE, DESCRIPTION = ".encoding", ".source", ".description"
ANNOTATIONS = (ENCODING, SOURCE, DESCRIPTION)
MEND_TABLE = "a table is 256 x 256 whole numbers, indexed by bit patterns, activation first"


def guess_encoding(table: Table, unsigned: Table | None = None) -> tuple[Encoding, str]:
    """Returns the encoding, signed or unsigned, that suits a table better, and a sentence on it.

    A sign-magnitude table reads as signed, which has the same codes and products.

    Args:
        table: int32 [256, 256] by bit patterns.
        unsigned: What it is under the unsigned encoding, where that differs: the patterns of
            products read without sign.
    """
    mae = {
        Encoding.SIGNED: error_statistics(table, exact_table(Encoding.SIGNED)).mae,
        Encoding.UNSIGNED: error_statistics(
            table if unsigned is None else unsigned, exact_table(Encoding.UNSIGNED)
        ).mae,
    }
    best = min(mae, key=lambda encoding: mae[encoding])
    return best, (
        f"encoding {best.value} taken: mean absolute error "
        f"{mae[Encoding.SIGNED]:.6g} signed, {mae[Encoding.UNSIGNED]:.6g} unsigned"
    )


def read_npy(path: Path) -> Multiplier:
    """Reads the one table of an ``.npy`` file, named after the file.

    Raises:
        ConfigError: There is no such file.
        ComponentError: The file does not hold a truth table.
    """
    _require_file(path)
    try:
        array = load_npy(path)
    except ArrayFileError as error:
        raise _unreadable(path, error) from error
    return _multiplier(path.stem, array, {}, str(path))


def read_npz(path: Path) -> tuple[Multiplier, ...]:
    """Reads all tables of an ``.npz`` file, in the file's order.

    Raises:
        ConfigError: There is no such file.
        ComponentError: The file or an entry is unreadable, not a truth table, or named twice.
    """
    _require_file(path)
    entries = _entries(path)
    found = [
        _multiplier(
            name,
            array,
            {kind: entries[name + kind] for kind in ANNOTATIONS if name + kind in entries},
            f"{path}:{name}",
        )
        for name, array in entries.items()
        if not name.endswith(ANNOTATIONS)
    ]
    names = {multiplier.name for multiplier in found}
    for entry in entries:
        owner, dot, _ = entry.rpartition(".")
        if dot and entry.endswith(ANNOTATIONS) and owner not in names:
            raise ComponentError(
                f"there is no table {owner!r} to go with it",
                where=f"{path}:{entry}",
                mend=close_names(owner, names),
            )
    if not found:
        raise ComponentError("the file holds no table", where=str(path), mend=MEND_TABLE)
    return tuple(found)


def save_library(multipliers: Iterable[Multiplier], path: str | Path) -> None:
    """Writes tables with their encodings, sources and descriptions to an ``.npz`` file.

    Costs are not written: they belong to the flow that made them.

    Args:
        multipliers: What to write.
        path: The file; its name must end in ``.npz``.

    Raises:
        ConfigError: The file's name has another ending.
        ComponentError: Two multipliers have one name, or a name ends like an annotation.
    """
    target = Path(path)
    if target.suffix != ".npz":
        raise ConfigError("a library file ends in .npz", where=str(path))
    entries: dict[str, npt.NDArray[np.generic]] = {}
    for multiplier in multipliers:
        name = multiplier.name
        if name in entries or name.endswith(ANNOTATIONS):
            reason = "is there twice" if name in entries else "ends like an annotation"
            raise ComponentError(f"the name {name!r} {reason}", where=str(path), mend="rename it")
        entries[name] = multiplier.table
        entries[name + ENCODING] = np.array(multiplier.encoding.value)
        entries[name + SOURCE] = np.array(multiplier.source)
        entries[name + DESCRIPTION] = np.array(multiplier.description)
    # Written entry by entry, since savez takes names as keywords and "file" is one of its own.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in entries.items():
            with archive.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise ConfigError("there is no such file", where=str(path), mend="check the path")


def _unreadable(where: str | Path, error: Exception) -> ComponentError:
    return ComponentError(
        f"cannot be read as numpy data: {error}",
        where=str(where),
        mend="write it with numpy.save or numpy.savez; pickled objects are refused",
    )


def _entries(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Reads all arrays of an archive; two entries of one name are an error."""
    if not zipfile.is_zipfile(path):
        raise ComponentError(
            "the file is no .npz archive", where=str(path), mend="write it with numpy.savez"
        )
    try:
        with Archive(path) as archive:
            for name, count in Counter(archive.names).items():
                if count > 1:
                    raise ComponentError(
                        "the name is there twice", where=f"{path}:{name}", mend="rename one"
                    )
            return {name: _entry(archive, path, name) for name in archive.names}
    except ArrayFileError as error:
        raise _unreadable(path, error) from error


def _entry(archive: Archive, path: Path, name: str) -> npt.NDArray[np.generic]:
    try:
        return archive.read(name)
    except ArrayFileError as error:
        raise _unreadable(f"{path}:{name}", error) from error


def checked_table(array: npt.NDArray[np.generic], where: str) -> Table:
    """Checks shape, kind and range of raw data and returns it as int32."""
    if array.shape != (CODES, CODES):
        raise ComponentError(
            f"the table has shape {list(array.shape)}", where=where, mend=MEND_TABLE
        )
    if array.dtype.kind not in "iuf":
        raise ComponentError(f"the table has dtype {array.dtype}", where=where, mend=MEND_TABLE)
    if array.dtype.kind == "f" and not np.isfinite(array.astype(np.float64)).all():
        raise ComponentError("the table has entries that are not finite", where=where)
    limits = np.iinfo(np.int32)
    if array.min() < limits.min or array.max() > limits.max:
        raise ComponentError("the table has entries outside int32", where=where)
    table = array.astype(np.int32)
    if (table != array).any():
        raise ComponentError("the table has fractions", where=where, mend=MEND_TABLE)
    return table


def _multiplier(
    name: str,
    array: npt.NDArray[np.generic],
    annotations: Mapping[str, npt.NDArray[np.generic]],
    where: str,
) -> Multiplier:
    """Makes a multiplier of one entry and its annotations."""
    table = checked_table(array, where)
    text = {}
    for kind, value in annotations.items():
        if value.dtype.kind != "U" or value.ndim:
            raise ComponentError("an annotation is one text", where=where + kind)
        text[kind] = str(value)
    description = text.get(DESCRIPTION, "")
    if ENCODING not in text:
        encoding, note = guess_encoding(table)
        logger.info("%s: %s", where, note)
        description = f"{description}; {note}" if description else note
    elif text[ENCODING] in [encoding.value for encoding in Encoding]:
        encoding = Encoding(text[ENCODING])
    else:
        raise ComponentError(
            f"there is no encoding {text[ENCODING]!r}",
            where=where,
            mend=close_names(text[ENCODING], [encoding.value for encoding in Encoding]),
        )
    source = text.get(SOURCE, f"truth table {where}")
    return Multiplier(name, encoding, table, None, source, description)
