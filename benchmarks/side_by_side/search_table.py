"""Figures of benchmarks/search.py as a table, and the targets that they meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from side_by_side.markdown import table

# Exact layers allowed -> speed-ups wanted over exhaustive search in one session: scoring and
# solving; with the winner confirmed; with the whole front measured besides.
TARGETS = {True: (700, 150, 50), False: (100, 23, None)}
VOLUME, ACCURACY_REGRET, COST_REGRET = 0.99, 0.001, 0.01


def lines(found: dict[bool, dict[str, Any]], validation: int) -> str:
    """All figures, a column for each space."""

    def row(name: str, text: Callable[[dict[str, Any]], str]) -> list[str]:
        return [name, *(text(one) for one in found.values())]

    def both(one: dict[str, Any], name: str) -> str:
        return f"{one[f'{name}_over_whole']:.0f} / {one[f'{name}_over_shared']:.1f}"

    def regret(pair: tuple[float, float] | None) -> str:
        return "-" if pair is None else f"{100 * pair[0]:.3f} points, {100 * pair[1]:.2f} % power"

    rows = [
        row("exhaustive, one session", lambda one: f"{one['whole_s']:.2f} s"),
        row("exhaustive, beginnings shared", lambda one: f"{one['shared_s']:.2f} s"),
        row("scoring", lambda o: f"{1e3 * o['scoring_s']:.1f} ms, {o['scoring_samples']} images"),
        row("solving", lambda one: f"{1e3 * one['solving_s']:.1f} ms"),
        row("speed-up, scoring and solving", lambda one: both(one, "predicted")),
        row(
            "winner on all test images",
            lambda o: f"{1e3 * o['confirming_s']:.0f} ms, {o['test'][2]:,} images",
        ),
        row("speed-up, winner confirmed", lambda one: both(one, "confirmed")),
        row(
            "predicted front measured",
            lambda o: f"{1e3 * o['front_s']:.0f} ms, {o['front']} of {o['space']}",
        ),
        row("speed-up, front measured too", lambda one: both(one, "all")),
        row("hypervolume", lambda one: f"{100 * one['hypervolume']:.2f} %"),
        row("regret, front measured", lambda one: regret(one["front_regret"])),
        row("regret, winner unmeasured", lambda one: regret(one["winner_regret"])),
        row(
            "winner's drop on test images",
            lambda o: f"{100 * (o['test'][1] - o['test'][0]) / o['test'][2]:.2f} points",
        ),
    ]
    heads = ("", *(("3^5 = 243" if exact else "2^5 = 32, no exact layers") for exact in found))
    return f"{validation:,} validation images\n\n" + table(heads, rows)


def verdicts(found: dict[bool, dict[str, Any]]) -> list[tuple[str, bool]]:
    """The issue's targets, each with whether it is met."""
    told = []
    for exact, one in found.items():
        names = ("predicted", "confirmed", "all")
        for name, wanted in zip(names, TARGETS[exact], strict=True):
            if wanted is not None:
                ratio = one[f"{name}_over_whole"]
                told.append(
                    (f"{one['space']}: {name} {ratio:.0f}x, at least {wanted}x", ratio >= wanted)
                )
        volume, regret = one["hypervolume"], one["front_regret"]
        told.append((f"{one['space']}: hypervolume {volume:.4f}", volume >= VOLUME))
        good = regret is not None and regret[0] <= ACCURACY_REGRET and regret[1] <= COST_REGRET
        told.append((f"{one['space']}: regret {regret}", good))
    return told
