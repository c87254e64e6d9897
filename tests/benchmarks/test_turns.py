"""Turns: which runs count, by hand-made records of waiting. No times are tested."""

from __future__ import annotations

import math

import pytest


@pytest.mark.parametrize(
    ("waited", "alone"),
    [
        ((0.0, 0.0, 0.0), [1, 2, 3]),
        ((0.0, 0.5, 0.0), [1, 3]),
        ((0.0, 1.5, 0.0), [3]),
        ((0.001, 0.0, 2.5), []),
        ((math.inf, 0.0, 0.0), [2, 3]),
        ((0.0, 0.0, math.inf), []),
    ],
)
def test_runs_count_before_and_after_waiting(script, waited, alone):
    turns = script("side_by_side.turns")
    batches = [turns.Batch([number], float(number), late) for number, late in enumerate(waited, 1)]
    record = turns.Record()
    turns.sort_out(batches, record)
    assert sorted(record.alone) == alone
    assert sorted(record.alone + record.disturbed) == [1, 2, 3]


def test_every_contender_takes_its_turns(script):
    turns = script("side_by_side.turns")
    ran = []
    contenders = [
        turns.Contender(lambda: ran.append("one")),
        turns.Contender(lambda: ran.append("two"), threads=2),
        turns.Contender(lambda: ran.append("few"), repeats=1),
    ]
    timings = turns.take_turns(contenders, 15)
    assert {*ran} == {"one", "two", "few"}
    assert all(0 < timing.least <= timing.median for timing in timings)


def test_too_few_runs_alone_are_called_disturbed(script):
    record = script("side_by_side.turns").Record([1.0] * 4, [9.0] * 5)
    assert record.timing(40).disturbed
    assert record.timing(40).median == 9.0
    assert not record.timing(3).disturbed
    assert record.timing(3).median == 1.0
