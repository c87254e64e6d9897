"""Fronts and pictures for ``hawx-onnx library``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hawx_onnx.errors import ConfigError

if TYPE_CHECKING:
    from hawx_onnx.components import Multiplier
    from hawx_onnx.report.multiplier_plots import Panel

_PUBLISHED = "pdk45_power_mw"


def _by_technology(multipliers: Sequence[Multiplier]) -> dict[str, list[Multiplier]]:
    """Multipliers with costs, by the flow of their costs: figures of two flows do not compare."""
    groups: dict[str, list[Multiplier]] = {}
    for multiplier in multipliers:
        if multiplier.cost is not None:
            groups.setdefault(multiplier.cost.technology, []).append(multiplier)
    return groups


def fronts(multipliers: Sequence[Multiplier]) -> list[Multiplier]:
    """Returns the front of energy and mean absolute error, one for each technology."""
    from hawx_onnx.components import pareto

    return [m for group in _by_technology(multipliers).values() for m in pareto(group)]


def draw_costs(multipliers: Sequence[Multiplier], path: str) -> None:
    """Writes a picture of error against power.

    There is a panel for each technology, and one for power as the authors published it.

    Raises:
        ConfigError: No multiplier has a cost, or the file cannot be written.
    """
    from hawx_onnx.report.files import atomic_write_text
    from hawx_onnx.report.multiplier_plots import error_cost_svg

    panels = _panels(multipliers)
    if not panels:
        raise ConfigError(
            "no multiplier has a cost to draw", where="--plot", mend="characterise the library"
        )
    atomic_write_text(path, error_cost_svg(panels, "Mean absolute error"))


def _panels(multipliers: Sequence[Multiplier]) -> list[Panel]:
    from hawx_onnx.components import StoredMultiplier
    from hawx_onnx.report.multiplier_plots import Dot, Panel

    panels = []
    for technology, group in _by_technology(multipliers).items():
        # Power is this energy at a clock: both order the multipliers alike.
        dots = [Dot(m.name, m.cost.energy_fj, m.statistics.mae) for m in group if m.cost]
        panels.append(Panel(technology, "energy of one product, fJ (power at 1 GHz, µW)", dots))
    published = [
        Dot(m.name, m.published[_PUBLISHED], m.statistics.mae)
        for m in multipliers
        if isinstance(m, StoredMultiplier) and _PUBLISHED in m.published
    ]
    if published:
        panels.append(Panel("As published, PDK45", "power, mW", published))
    return panels


def draw_errors(multiplier: Multiplier, path: str) -> None:
    """Writes a picture of the errors of a multiplier.

    Raises:
        ConfigError: The file cannot be written.
    """
    import numpy as np

    from hawx_onnx.components import operand_values
    from hawx_onnx.report.files import atomic_write_text
    from hawx_onnx.report.multiplier_plots import error_map_svg

    values = operand_values(multiplier.encoding)
    order = np.argsort(values)
    errors = multiplier.error_table[np.ix_(order, order)]
    atomic_write_text(path, error_map_svg(multiplier.name, errors, int(values.min())))
