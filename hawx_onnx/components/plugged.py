"""Libraries of multipliers that other packages bring."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from hawx_onnx.components.library_files import is_library, read_library
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.table_files import read_npz
from hawx_onnx.errors import HawxError
from hawx_onnx.plugins import MULTIPLIERS, Plugin, imported, installed


def plugged_names() -> tuple[str, ...]:
    """Returns the names of the libraries of installed plug-ins; imports none of them."""
    return tuple(installed(MULTIPLIERS))


def plugged_library(name: str) -> tuple[Multiplier, ...] | None:
    """Returns the multipliers of a plug-in, or None where no plug-in offers the name.

    Raises:
        ConfigError: The plug-in cannot be imported, or gives something else.
    """
    plugin = installed(MULTIPLIERS).get(name)
    return None if plugin is None else multipliers_of(plugin)


@functools.cache
def multipliers_of(plugin: Plugin) -> tuple[Multiplier, ...]:
    """Returns what a plug-in gives: the path of a library, or multipliers, or a function of these.

    Raises:
        ConfigError: It is none of them, or the function fails.
    """
    given = imported(plugin)
    try:
        given = given() if callable(given) else given
        found = _read(given) if isinstance(given, (str, Path)) else given
        multipliers = tuple(found) if isinstance(found, Iterable) else ()
    except HawxError as error:
        raise plugin.refusal(error.what) from error
    except Exception as error:
        raise plugin.refusal(f"failed: {type(error).__name__}: {error}") from error
    if not multipliers or not all(isinstance(one, Multiplier) for one in multipliers):
        raise plugin.refusal("gives neither multipliers nor the path of a library")
    names = [one.name for one in multipliers]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise plugin.refusal(f"gives two multipliers of the name {twice!r}")
    return multipliers


def _read(path: str | Path) -> tuple[Multiplier, ...] | None:
    """The multipliers of a library or of an archive of tables; None where it is neither."""
    if is_library(str(path)):
        return read_library(str(path))
    return read_npz(Path(path)) if str(path).endswith(".npz") else None
