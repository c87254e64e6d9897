"""The chosen multipliers of a layer, channel by channel: one strip, drawn as run lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from hawx_onnx.report.formats import shorten
from hawx_onnx.report.markup import EMPTY, Markup, element

# So many stretches a strip has at most. It is a few hundred pixels wide: more cannot be told apart.
MOST_RUNS = 512
_HEIGHT = 10
_RUNS_TOLD = 4
# So many multipliers are told apart in a strip.
_MOST_NAMES = 8
OTHERS = "other multipliers"

Run = tuple[str, int]
"""A multiplier, and for how many neighbouring channels it was chosen."""


def runs_of(chosen: object, counts: Mapping[str, int]) -> list[Run]:
    """Returns the multipliers of a layer in the order of its channels.

    Args:
        chosen: What the assignment holds for the layer: a name, one for each channel, or None.
        counts: Multiplier -> channels; taken, the most frequent first, where the assignment tells
            no order.
    """
    total = sum(counts.values())
    if isinstance(chosen, str):
        return [(chosen, total)] if total else []
    names = [str(name) for name in chosen] if isinstance(chosen, list | tuple) else []
    if names and len(names) == total:
        return [(name, len(list(run))) for name, run in groupby(names)]
    return sorted(((n, c) for n, c in counts.items() if c), key=lambda item: -item[1])


def thinned(runs: Sequence[Run], most: int = MOST_RUNS) -> tuple[list[Run], int]:
    """Returns runs that can be drawn, and how many channels each cell of them stands for.

    Where there are more runs than ``most``, neighbouring channels share cells of equal size; a
    cell shows the multiplier that most of its channels have, the first of several.
    """
    if len(runs) <= most:
        return list(runs), 1
    names = [name for name, count in runs for _ in range(count)]
    size = -(-len(names) // most)
    cells = [names[at : at + size] for at in range(0, len(names), size)]
    shown = [(Counter(cell).most_common(1)[0][0], len(cell)) for cell in cells]
    merged = [
        (name, sum(count for _, count in group))
        for name, group in groupby(shown, key=lambda run: run[0])
    ]
    return merged, size


def multiplier_strip(runs: Sequence[Run], classes: Mapping[str, str]) -> Markup:
    """Draws runs as a strip, one path for each multiplier.

    Args:
        runs: Of ``runs_of``.
        classes: The colour class of each multiplier.
    """
    channels = sum(count for _, count in runs)
    if not channels:
        return EMPTY
    shown, size = thinned(_named(runs))
    about = "mostly " if size > 1 else ""
    paths = [
        element(
            "path",
            element("title", f"{about}{shorten(name, 60)}"),
            class_=classes.get(name, "cx") if name != OTHERS else "others",
            d=d,
        )
        for name, d in strokes(shown).items()
    ]
    return element(
        "svg",
        element("title", "Multipliers by channel"),
        element("desc", _told(runs)),
        *paths,
        viewBox=f"0 0 {channels} {_HEIGHT}",
        preserveAspectRatio="none",
        class_="channels",
        role="img",
    )


def _named(runs: Sequence[Run]) -> list[Run]:
    """Returns the runs, with one name for all multipliers but the most frequent ones."""
    counts: Counter[str] = Counter()
    for name, count in runs:
        counts[name] += count
    kept = {name for name, _ in counts.most_common(_MOST_NAMES)}
    named = [(name if name in kept else OTHERS, count) for name, count in runs]
    grouped = groupby(named, key=lambda run: run[0])
    return [(name, sum(count for _, count in run)) for name, run in grouped]


def strokes(runs: Sequence[Run]) -> dict[str, str]:
    """Returns path data for each multiplier; a unit is a channel, and moves are relative."""
    parts: dict[str, list[str]] = {}
    ends: dict[str, int] = {}
    start = 0
    for name, count in runs:
        if name in parts:
            parts[name].append(f"m{start - ends[name]} 0h{count}")
        else:
            parts[name] = [f"M{start} {_HEIGHT // 2}h{count}"]
        start += count
        ends[name] = start
    return {name: "".join(part) for name, part in parts.items()}


def _told(runs: Sequence[Run]) -> str:
    """Returns the strip in words."""
    parts, start = [], 0
    for name, count in runs[:_RUNS_TOLD]:
        span = f"{start}" if count == 1 else f"{start} to {start + count - 1}"
        parts.append(f"{shorten(name, 40)} {span}")
        start += count
    if len(runs) > _RUNS_TOLD:
        parts.append(f"and {len(runs) - _RUNS_TOLD} more stretches")
    return ", ".join(parts)
