"""A few faults of the kinds that `make faults` has many of, and clocks that jump."""

from __future__ import annotations

import json
import random

import pytest
from faults.points import KINDS
from faults.preload import environment


@pytest.mark.parametrize("kind", ["killed-writing", "interrupted", "terminated", "disk-full"])
def test_one_point(runs, kind: str) -> None:
    runs.begin()
    told = KINDS[kind](runs, random.Random(kind))
    assert told is None, told


def test_clocks_that_jump(runs) -> None:
    """The wall clock goes ten hours back or on at each look: no limit and no time follows it."""
    runs.begin()
    jumping = environment(clock_jumps=36_000)
    done = runs.run(jumping, "--max-seconds", "900")
    assert done.code == 0, done.errors
    assert runs.wrong() is None
    search = json.loads((runs.out / "report.json").read_text(encoding="utf-8"))["search"]
    assert search["stopped_by"] != "seconds"
    times = [value for key, value in search.items() if "seconds" in key]
    assert len(times) >= 4
    assert all(0 <= value < 900 for value in times), search
