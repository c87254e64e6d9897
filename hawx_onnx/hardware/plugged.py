"""Targets, and kinds of targets, that other packages bring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hawx_onnx.errors import ConfigError, HawxError
from hawx_onnx.hardware.target import Target
from hawx_onnx.plugins import TARGETS, Plugin, imported, installed


def plugged_names() -> tuple[str, ...]:
    """Returns the names of installed plug-ins that are targets or kinds; imports none of them."""
    return tuple(installed(TARGETS))


def plugged_kind(name: str) -> type[Target] | None:
    """Returns the class that a plug-in brings for ``kind: name``, or None where none does.

    Raises:
        ConfigError: The plug-in cannot be imported, or its class says another kind.
    """
    plugin = installed(TARGETS).get(name)
    return None if plugin is None else kind_of(plugin)


def plugged_target(name: str, read: Callable[[Path], Target]) -> Target | None:
    """Returns the target of a plug-in, or None where no plug-in offers the name.

    Args:
        name: The plug-in.
        read: Reads a target's YAML file.

    Raises:
        ConfigError: The plug-in cannot be imported, is a kind alone, or gives something else.
    """
    plugin = installed(TARGETS).get(name)
    return None if plugin is None else target_of(plugin, read)


def target_of(plugin: Plugin, read: Callable[[Path], Target]) -> Target:
    """Returns what a plug-in gives: a YAML file's path, a target, or a function of these.

    Raises:
        ConfigError: It is none of them, or the function fails.
    """
    given = imported(plugin)
    if kind_of(plugin) is not None:
        raise ConfigError(
            f"{plugin.name!r} is a kind of target, which needs figures",
            where="target",
            mend=f"write a YAML file that begins with `kind: {plugin.name}`, and give its path",
        )
    try:
        given = given() if callable(given) else given
        found = read(Path(given)) if isinstance(given, (str, Path)) else given
    except HawxError as error:
        raise plugin.refusal(str(error).replace("\n  ", "; ")) from error
    except Exception as error:
        raise plugin.refusal(f"failed: {type(error).__name__}: {error}") from error
    if not isinstance(found, Target):
        raise plugin.refusal("gives neither a target nor the path of its YAML file")
    return found


def kind_of(plugin: Plugin) -> type[Target] | None:
    """Returns the kind of target that a plug-in brings, or None where it brings something else.

    Raises:
        ConfigError: It cannot be imported, or its class says another kind.
    """
    found = imported(plugin)
    if not (isinstance(found, type) and issubclass(found, Target)):
        return None
    kind = getattr(found, "kind", None)
    if kind != plugin.name:
        raise plugin.refusal(f"is of kind {kind!r}: the entry point has to bear that name")
    return found
