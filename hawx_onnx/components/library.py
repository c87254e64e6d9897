"""Multipliers by name, path or pattern, and the libraries that hold them."""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from hawx_onnx.components.builtin import builtin, builtin_names, exact
from hawx_onnx.components.importers import import_path
from hawx_onnx.components.library_files import is_library, read_library
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.plugged import plugged_library, plugged_names
from hawx_onnx.components.synthesis import shipped
from hawx_onnx.components.table_files import read_npy, read_npz
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ComponentError, ConfigError
from hawx_onnx.names import close_names
from hawx_onnx.technology_names import budget_technology

logger = logging.getLogger(__name__)

BUILTIN = "builtin"
"""The name of the library of built-in multipliers."""

# The entry of an archive: FILE.npz:NAME. The drive letter of a path is no entry.
_ENTRY = re.compile(r"(?P<file>.+\.npz):(?P<name>.+)", re.DOTALL)
_WILD = frozenset("*?[")


def names() -> tuple[str, ...]:
    """Returns the names of all built-in multipliers, sorted; builds none of them."""
    return builtin_names()


def load(name_or_path: str | Path) -> Multiplier:
    """Returns one multiplier.

    Args:
        name_or_path: A built-in name; an ``.npy`` file; an ``.npz`` file with exactly one table;
            or ``FILE.npz:NAME`` for one of several; likewise a library's folder or ``.npz`` file,
            and ``LIB:NAME``, where LIB can be that of an installed plug-in.

    Raises:
        ConfigError: No such name, file or entry, or the file holds several tables.
        LibraryError: The file does not hold valid truth tables.
    """
    text = str(name_or_path)
    library, _, name = text.rpartition(":")
    if library and is_library(library):
        return _named(read_library(library), name, library)
    if is_library(text):
        return _single(read_library(text), text)
    if entry := _ENTRY.fullmatch(text):
        return _named(read_npz(Path(entry["file"])), entry["name"], entry["file"])
    if text.endswith(".npy"):
        return read_npy(Path(text))
    if text.endswith(".npz"):
        return _single(read_npz(Path(text)), text)
    if library and (plugged := plugged_library(library)) is not None:
        return _named(plugged, name, library)
    return builtin(text)


def _single(found: Sequence[Multiplier], where: str) -> Multiplier:
    """Returns the one multiplier of a file."""
    if not found:
        raise ConfigError("the library is empty", where=where, mend="import multipliers into it")
    if len(found) > 1:
        raise ConfigError(
            f"the file holds {len(found)} tables",
            where=where,
            mend=f"choose one, for instance {where}:{found[0].name}",
        )
    return found[0]


def _is_path(text: str) -> bool:
    """Whether a text is a path as :func:`load` takes them, not a name."""
    library = text.rpartition(":")[0]
    return (
        text.endswith((".npy", ".npz"))
        or _ENTRY.fullmatch(text) is not None
        or is_library(text)
        or (bool(library) and (is_library(library) or library in plugged_names()))
    )


def load_library(spec: str | Path) -> tuple[Multiplier, ...]:
    """Returns all multipliers of a library.

    Args:
        spec: ``builtin``, a library's folder or ``.npz`` file, an ``.npz`` file of tables, an
            ``.npy`` file with one, a folder of Verilog and tables, which is imported and kept in
            the cache, or the name of a library that an installed plug-in brings.

    Raises:
        ConfigError: No such library.
        LibraryError: The library is damaged, or no file of the folder is a multiplier.
    """
    text = str(spec)
    if text == BUILTIN:
        return tuple(builtin(name) for name in builtin_names())
    if is_library(text):
        return read_library(text)
    if Path(text).is_dir():
        return _imported(text)
    if text.endswith(".npz"):
        return read_npz(Path(text))
    if text.endswith(".npy"):
        return (read_npy(Path(text)),)
    if (plugged := plugged_library(text)) is not None:
        return plugged
    offered = "".join(f", {name!r}" for name in plugged_names())
    raise ConfigError(
        f"there is no library {text!r}",
        mend=f"give {BUILTIN!r}{offered}, a library's folder, an .npz file of tables, or an "
        ".npy file",
    )


def _imported(folder: str) -> tuple[Multiplier, ...]:
    """Imports a folder that is no library."""
    found = import_path(folder, jobs=1)
    for failure in found.failures:
        logger.warning("left out: %s: %s", failure.where, failure.what)
    if not found.multipliers:
        first = found.failures[0]
        raise ComponentError(first.what, where=first.where, mend=first.mend)
    return found.multipliers


def with_known_cost(multiplier: Multiplier) -> Multiplier:
    """Fills in the cost of a multiplier that computes exactly what a built-in one computes.

    A truth table alone tells nothing of its circuit; the built-in circuit of the same table is
    one way to make it, and the provenance says so. Others are returned as they are.
    """
    if multiplier.cost is not None:
        return multiplier
    for name in builtin_names():
        known = builtin(name)
        same_codes = known.encoding.codes_signed == multiplier.encoding.codes_signed
        if same_codes and known.content_hash == multiplier.content_hash and known.cost:
            told = f"that of {name}, which has the same truth table; {known.cost.provenance}"
            return replace(multiplier, cost=replace(known.cost, provenance=told))
    return multiplier


def resolve(
    patterns: Iterable[str], libraries: Iterable[str | Path] = (BUILTIN,)
) -> tuple[Multiplier, ...]:
    """Returns the multipliers that names, patterns and paths stand for.

    Args:
        patterns: Names, shell patterns (``mul8s_*``) over the libraries' names, or paths as
            :func:`load` takes them. Order is kept, repetitions are dropped.
        libraries: Where names are looked up, as :func:`load_library` takes them.

    Raises:
        ConfigError: A name or pattern matches nothing, or one name stands for two different tables.
        LibraryError: A file does not hold valid truth tables.
    """
    shelf = _shelf(libraries)
    chosen: dict[str, Multiplier] = {}
    for pattern in patterns:
        for multiplier in _matches(pattern, shelf):
            _place(chosen, multiplier)
    return tuple(chosen.values())


def _shelf(libraries: Iterable[str | Path]) -> dict[str, Multiplier | None]:
    """Returns multipliers by name; built-in ones stay None until they are wanted."""
    shelf: dict[str, Multiplier | None] = {}
    loaded: dict[str, Multiplier] = {}
    for spec in libraries:
        if str(spec) == BUILTIN:
            shelf.update(dict.fromkeys(builtin_names()))
            continue
        for multiplier in load_library(spec):
            _place(loaded, multiplier)
    for name, multiplier in loaded.items():
        if name in shelf:
            _place({name: builtin(name)}, multiplier)
        # The same table: a cost of the library's own, of another technology for instance, counts.
        if shelf.get(name) is None and (name not in shelf or multiplier.cost is not None):
            shelf[name] = multiplier
    return shelf


def exact_for(
    multipliers: Iterable[Multiplier], libraries: Iterable[str | Path] = ()
) -> Multiplier:
    """Returns the exact multiplier that candidates are held against, of their technology.

    Args:
        multipliers: The candidates, all of int8 codes or all of uint8 codes; of those with a cost
            the first one's technology counts.
        libraries: Where it is looked for before the built-in library.
    """
    given = list(multipliers)
    unsigned = bool(given) and not any(one.encoding.codes_signed for one in given)
    known = exact(Encoding.UNSIGNED if unsigned else Encoding.SIGNED)
    technologies = [budget_technology(one.cost.technology) for one in given if one.cost is not None]
    if not technologies or known.cost is None or technologies[0] == known.cost.technology:
        return known
    others = (one for spec in libraries if str(spec) != BUILTIN for one in load_library(spec))
    for one in (*given, *others):
        of_kind = one.is_exact and one.encoding.codes_signed == known.encoding.codes_signed
        if of_kind and one.cost is not None and one.cost.technology == technologies[0]:
            return one
    around = [one.cost.periphery for one in given if one.cost and one.cost.periphery]
    for costs in (*around, shipped.technology_costs(technologies[0])):
        if costs is not None and costs.technology == technologies[0]:
            cost = costs.exact_multiplier(known.encoding)
            return known if cost is None else replace(known, cost=cost)
    return known


def _matches(pattern: str, shelf: dict[str, Multiplier | None]) -> list[Multiplier]:
    """Returns what one name, pattern or path stands for."""
    if pattern in shelf:
        found = [pattern]
    elif _is_path(pattern):
        return [load(pattern)]
    elif _WILD & set(pattern):
        found = [name for name in shelf if fnmatch.fnmatchcase(name, pattern)]
    else:
        found = []
    if not found:
        what = "pattern" if _WILD & set(pattern) else "name"
        raise ConfigError(
            f"the {what} {pattern!r} matches no multiplier", mend=close_names(pattern, shelf)
        )
    return [shelf[name] or builtin(name) for name in found]


def _place(chosen: dict[str, Multiplier], multiplier: Multiplier) -> None:
    """Adds a multiplier unless it is there; another table of its name is an error."""
    other = chosen.setdefault(multiplier.name, multiplier)
    if (other.content_hash, other.encoding) != (multiplier.content_hash, multiplier.encoding):
        raise ConfigError(
            f"the name {multiplier.name!r} stands for two different multipliers",
            where=f"{other.source} and {multiplier.source}",
            mend="rename one of them, or give one library only",
        )


def _named(multipliers: Iterable[Multiplier], name: str, where: str) -> Multiplier:
    """Returns the one of that name."""
    by_name = {multiplier.name: multiplier for multiplier in multipliers}
    if name not in by_name:
        raise ConfigError(
            f"there is no table {name!r}", where=where, mend=close_names(name, by_name)
        )
    return by_name[name]
