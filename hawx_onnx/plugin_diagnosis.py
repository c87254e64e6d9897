"""Which plug-ins are installed, and whether they can be used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from hawx_onnx.components.plugged import multipliers_of
from hawx_onnx.errors import HawxError
from hawx_onnx.hardware.loading import KINDS, load_target, target_names
from hawx_onnx.hardware.plugged import kind_of, target_of
from hawx_onnx.plugged_passes import pass_of
from hawx_onnx.plugins import GROUPS, MULTIPLIERS, PASSES, TARGETS, Plugin, installed

log = logging.getLogger(__name__)


def diagnose_plugins() -> list[dict[str, str | None]]:
    """Imports every installed plug-in; one that cannot be used is warned of and does no harm.

    Returns:
        For each ``group``, ``name``, ``package``, ``version``, ``value`` (its entry point),
        ``brings`` (what it offers) and ``problem``, one of which is None.
    """
    return [_row(plugin) for group in GROUPS for plugin in installed(group).values()]


def _row(plugin: Plugin) -> dict[str, str | None]:
    brings, problem = None, None
    try:
        brings = _BRINGS[plugin.group](plugin)
    except HawxError as error:
        problem = error.what
        log.warning("left out: %s: %s", plugin.where, problem)
    return {
        "group": plugin.group,
        "name": plugin.name,
        "package": plugin.package,
        "version": plugin.version,
        "value": plugin.value,
        "brings": brings,
        "problem": problem,
    }


def _multipliers(plugin: Plugin) -> str:
    if plugin.name == "builtin" or Path(plugin.name).exists():
        raise plugin.refusal("its name is taken, and nothing would ever find it")
    return f"{len(multipliers_of(plugin))} multipliers"


def _pass(plugin: Plugin) -> str:
    return f"pass after {pass_of(plugin).after}"


def _target(plugin: Plugin) -> str:
    if plugin.name in (*target_names(), *KINDS):
        raise plugin.refusal("its name is taken by a target of ours, which counts")
    if kind_of(plugin) is not None:
        return "kind of target"
    return f"{target_of(plugin, load_target).kind} target"


_BRINGS: dict[str, Callable[[Plugin], str]] = {
    MULTIPLIERS: _multipliers,
    PASSES: _pass,
    TARGETS: _target,
}
