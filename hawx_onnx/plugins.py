"""Multipliers, passes and targets of other packages, found by their entry points.

A package offers them in the groups ``hawx_onnx.multipliers``, ``hawx_onnx.passes`` and
``hawx_onnx.targets``. Nothing of it is imported before its name is asked for.
"""

from __future__ import annotations

import functools
import importlib.metadata
import logging
from dataclasses import dataclass, field

from hawx_onnx.errors import ConfigError

log = logging.getLogger(__name__)

MULTIPLIERS = "hawx_onnx.multipliers"
PASSES = "hawx_onnx.passes"
TARGETS = "hawx_onnx.targets"
GROUPS = (MULTIPLIERS, PASSES, TARGETS)


@dataclass(frozen=True)
class Plugin:
    """One entry point of an installed package.

    Attributes:
        group: One of ``GROUPS``.
        name: What users call it by.
        value: Where the object is, ``package.module:object``.
        package: The distribution that brings it.
        version: Its version.
    """

    group: str
    name: str
    value: str
    package: str
    version: str
    entry: importlib.metadata.EntryPoint = field(compare=False, repr=False)

    @property
    def where(self) -> str:
        """The plug-in as error texts tell it."""
        return f"plug-in {self.name!r} of {self.package} {self.version}"

    def refusal(self, what: str) -> ConfigError:
        """The error to raise where the plug-in cannot be used; ``what`` says why."""
        return ConfigError(
            what,
            where=f"{self.where} ({self.group}: {self.value})",
            mend=f"mend or uninstall {self.package}; docs/plugins.md says what is expected",
        )


def installed(group: str) -> dict[str, Plugin]:
    """Returns the plug-ins of a group by name, sorted; imports none of them.

    Where two packages offer the same name, the first by the packages' names counts, and a warning
    names the other.
    """
    found: dict[str, Plugin] = {}
    entries = importlib.metadata.entry_points(group=group)
    plugins = {_plugin(entry) for entry in entries}
    for one in sorted(plugins, key=lambda p: (p.name, p.package, p.version, p.value)):
        first = found.setdefault(one.name, one)
        if first is not one:
            log.warning("left out: %s: %s brings that name too", one.where, first.package)
    return found


def _plugin(entry: importlib.metadata.EntryPoint) -> Plugin:
    dist = entry.dist
    name, version = ("an unknown package", "") if dist is None else (dist.name, dist.version)
    return Plugin(entry.group, entry.name, entry.value, name, version, entry)


@functools.cache
def imported(plugin: Plugin) -> object:
    """Returns the object that a plug-in names.

    Raises:
        ConfigError: It cannot be imported; the text names the package and the reason.
    """
    try:
        return plugin.entry.load()
    # Whatever a stranger's module does at import is told as that module's fault.
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())[:300]
        raise plugin.refusal(f"cannot be imported: {type(error).__name__}: {reason}") from error
