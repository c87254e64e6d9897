"""Libraries on disk, written and read.

Which parts lie where: :mod:`hawx_onnx.components.library_paths`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from hawx_onnx.components.index_syntax import parse
from hawx_onnx.components.library_index import IndexEntry, check_name, index_text, read_index
from hawx_onnx.components.library_paths import MEND, LibraryPaths, read_part
from hawx_onnx.components.library_technologies import (
    LibraryTechnology,
    read_technologies,
    technologies_text,
)
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.stored import StoredMultiplier, stored
from hawx_onnx.components.table_files import checked_table
from hawx_onnx.components.tables import Table
from hawx_onnx.errors import ComponentError, ConfigError
from hawx_onnx.numpy_files import Archive, ArrayFileError


def is_library(path: str | Path) -> bool:
    """Whether a folder or an ``.npz`` file is a library with an index."""
    try:
        return LibraryPaths.of(path).index.is_file()
    except (OSError, ValueError):  # too long, or no name of a file at all
        return False


def read_library(path: str | Path) -> tuple[StoredMultiplier, ...]:
    """Returns the multipliers of a library; their tables and Verilog are read when first used.

    Args:
        path: The folder, or the ``.npz`` file.

    Raises:
        ConfigError: There is no index.
        ComponentError: The index is damaged, or names a file outside of the library. What is
            wrong with a table or a Verilog file is told when it is read.
    """
    paths = LibraryPaths.of(path)
    if not paths.index.is_file():
        raise ConfigError(
            f"there is no {paths.index.name}", where=str(path), mend="make one: library import"
        )
    paths.inside(paths.index.name)
    tables = paths.inside(paths.tables.name)
    try:
        text = paths.index.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        where = str(paths.index)
        raise ComponentError(f"cannot be read: {error}", where=where, mend=MEND) from error
    document = parse(text, str(paths.index))
    entries = read_index(document, str(paths.index))
    technologies = read_technologies(document, paths)
    return tuple(_stored(entry, paths, tables, technologies) for entry in entries)


def _stored(
    entry: IndexEntry,
    paths: LibraryPaths,
    tables: Path,
    technologies: Mapping[str, LibraryTechnology],
) -> StoredMultiplier:
    cost, verilog = entry.cost, None
    if cost is not None and cost.technology in technologies:
        technology = technologies[cost.technology]
        cost = technology.complete(cost, entry.name, entry.encoding, entry.known.content_hash)
    if entry.verilog:
        file = paths.inside(entry.verilog)
        verilog = functools.partial(_read_verilog, file, entry.verilog_sha256)
    return StoredMultiplier(
        entry.name,
        entry.encoding,
        functools.partial(_read_table, tables, entry.name, entry.known.content_hash),  # type: ignore[arg-type]
        cost,
        entry.source,
        entry.description,
        provenance=entry.provenance,
        published=entry.published,
        figures=entry.figures,
        verilog=verilog,
        known=entry.known,
    )


def _read_table(path: Path, name: str, sha256: str) -> Table:
    """Reads one table and holds it against the index."""
    where = f"{path}:{name}"
    try:
        with Archive(path) as archive:
            array = archive.read(name)
    except (FileNotFoundError, ArrayFileError) as error:
        raise ComponentError(f"cannot be read: {error}", where=where, mend=MEND) from error
    table = checked_table(array, where)
    if hashlib.sha256(table.astype("<i4").tobytes()).hexdigest() != sha256:
        raise ComponentError("the table is not the one of the index", where=where, mend=MEND)
    return table


def _read_verilog(path: Path, sha256: str) -> str:
    return read_part(path, sha256, "Verilog").decode("utf-8", "replace")


def write_library(multipliers: Iterable[Multiplier], path: str | Path) -> None:
    """Writes a library, in place of one that is there.

    Args:
        multipliers: What to write; :class:`StoredMultiplier` keeps provenance, published figures
            and Verilog. Figures that are not known are found.
        path: A folder, made if it is missing, or a file that ends in ``.npz``.

    Raises:
        ConfigError: The place cannot be written, or holds files that are no library.
        ComponentError: Two multipliers have one name, or a name cannot be a file's.
    """
    from hawx_onnx.report.files import atomic_write_bytes, atomic_write_text

    paths = LibraryPaths.of(path)
    check_place(path)
    found = [stored(multiplier) for multiplier in multipliers]
    names: set[str] = set()
    for multiplier in found:
        check_name(multiplier.name, str(path))
        if multiplier.name.lower() in names:
            where = str(path)
            raise ComponentError(f"{multiplier.name} is there twice", where=where, mend="rename it")
        names.add(multiplier.name.lower())  # some file systems do not tell case apart
    # All is read before anything is written: the tables may lie in the library itself.
    tables = _archive(found)
    texts = {multiplier.name: multiplier.read_verilog() for multiplier in found}
    technologies, files = technologies_text(found, paths)
    rows = []
    for multiplier in found:
        text, file, digest = texts[multiplier.name], "", ""
        if text is not None:
            file, data = f"{paths.verilog}/{multiplier.name}.v", text.encode("utf-8")
            files[file], digest = data, hashlib.sha256(data).hexdigest()
        rows.append((multiplier, file, digest))
    for file, data in files.items():
        atomic_write_bytes(paths.index.parent / file, data)
    atomic_write_bytes(paths.tables, tables)
    atomic_write_text(paths.index, index_text(rows, technologies))


def check_place(path: str | Path) -> None:
    """Refuses to write a library where something else lies.

    Raises:
        ConfigError: The folder holds other files, or the path is a file without index.
    """
    paths = LibraryPaths.of(path)
    place = Path(path)
    if paths.index.is_file() or not place.exists():
        return
    if not place.is_dir() or any(place.iterdir()):
        raise ConfigError(
            "there is something else, no library",
            where=str(path),
            mend="name a new or empty folder, or a library to add to",
        )


def _archive(multipliers: Iterable[StoredMultiplier]) -> bytes:
    """The tables as an ``.npz`` file; equal tables give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for multiplier in multipliers:
            entry = io.BytesIO()
            np.lib.format.write_array(entry, multiplier.table.astype("<i4"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{multiplier.name}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.getvalue())
    return buffer.getvalue()
