"""Look-up tables of Liberty files: delay, transition and energy over transition and load."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hawx_onnx.components.synthesis.liberty_syntax import Group

SLEW, LOAD = "slew", "load"
_VARIABLES = {
    "input_net_transition": SLEW,
    "input_transition_time": SLEW,
    "related_pin_transition": SLEW,
    "total_output_net_capacitance": LOAD,
    "output_net_capacitance": LOAD,
}


@dataclass(frozen=True)
class Lookup:
    """Values over the transition time of an input (ns) and the load of the output (fF).

    Between grid points it interpolates, beyond them it continues, linearly.

    Attributes:
        slews: Grid of transitions, rising; one entry where nothing depends on them.
        loads: Grid of loads, rising; likewise.
        values: One row for each transition.
    """

    slews: tuple[float, ...]
    loads: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def __call__(self, slew: float, load: float) -> float:
        """Returns the value at a transition in ns and a load in fF."""
        row, across = _place(self.slews, slew)
        column, along = _place(self.loads, load)
        first = _between(self.values[row], column, along)
        if across == 0.0:
            return first
        return first + across * (_between(self.values[row + 1], column, along) - first)


def _place(grid: Sequence[float], value: float) -> tuple[int, float]:
    """Returns the cell of the grid to use and how far along it a value lies."""
    if len(grid) == 1:
        return 0, 0.0
    index = min(max(bisect_right(grid, value) - 1, 0), len(grid) - 2)
    return index, (value - grid[index]) / (grid[index + 1] - grid[index])


def _between(row: Sequence[float], index: int, along: float) -> float:
    return row[index] if along == 0.0 else row[index] + along * (row[index + 1] - row[index])


def read_lookup(
    group: Group, templates: dict[str, Group], load_ff: float, slew_ns: float, unit: float
) -> Lookup:
    """Returns the table of a group as ``cell_rise (template) { ... }``.

    Args:
        group: The group.
        templates: The library's templates by name, whose axes serve where the group has none.
        load_ff: The library's unit of capacitance in fF.
        slew_ns: Its unit of time in ns.
        unit: What one unit of the values is.

    Raises:
        ValueError: Axes and values do not fit each other, or an axis is of an unknown kind.
    """
    template = templates.get(group.names[0] if group.names else "", Group("", ()))
    kinds, axes = [], []
    rows = [_numbers([text]) for text in group.attributes.get("values", ())]
    flat = [value * unit for row in rows for value in row]
    if len(flat) == 1:
        return Lookup((0.0,), (0.0,), ((flat[0],),))
    for number in (1, 2, 3):
        variable = template.text(f"variable_{number}")
        if not variable:
            continue
        if variable not in _VARIABLES:
            raise ValueError(f"a table over {variable} is not understood")
        kinds.append(_VARIABLES[variable])
        key = f"index_{number}"
        axis = _numbers(group.attributes.get(key) or template.attributes.get(key, []))
        axes.append([value * (load_ff if kinds[-1] == LOAD else slew_ns) for value in axis])
    return _arranged(kinds, axes, flat)


def _arranged(kinds: list[str], axes: list[list[float]], flat: list[float]) -> Lookup:
    """Puts values with the last axis running fastest into rows by transition."""
    size = 1
    for axis in axes:
        size *= len(axis)
        if not axis or any(a >= b for a, b in pairwise(axis)):
            raise ValueError("the axis of a table does not rise")
    if size != len(flat) or len(kinds) != len(set(kinds)) or not kinds:
        raise ValueError(f"a table has {len(flat)} values for {size} points")
    grid = dict(zip(kinds, axes, strict=True))
    slews, loads = grid.get(SLEW, [0.0]), grid.get(LOAD, [0.0])
    if kinds[0] == SLEW or len(kinds) == 1:
        rows = [flat[i * len(loads) : (i + 1) * len(loads)] for i in range(len(slews))]
    else:
        rows = [flat[i :: len(slews)] for i in range(len(slews))]
    return Lookup(tuple(slews), tuple(loads), tuple(tuple(row) for row in rows))


def _numbers(texts: Sequence[str]) -> list[float]:
    return [
        float(part) for text in texts for part in text.replace("\\", " ").replace(",", " ").split()
    ]
