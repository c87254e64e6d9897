"""Worker processes of this machine: what they hold, who is lost, how they end."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import numpy as np
import pytest

from hawx_onnx.errors import LibraryError, ModelError
from hawx_onnx.runtime import processes as module
from hawx_onnx.runtime.held_things import LARGE, pickled, unpickled
from hawx_onnx.runtime.processes import Processes
from hawx_onnx.runtime.workers import held, started


@pytest.fixture(scope="module")
def two():
    with started(None, 2, 3) as workers:
        yield workers


def _wait(thing, seconds, number):
    time.sleep(seconds)
    return number


def _refuse(thing):
    raise ModelError("is broken", where="there", mend="mend it")


def _end(thing):
    os._exit(9)


def test_nothing_is_started_unasked():
    with started(None) as workers:
        assert workers is None


def test_results_are_those_of_a_run_here(two):
    thing = np.arange(LARGE, dtype=np.uint8)
    for workers in (None, two):
        with held(workers, thing, partial(np.multiply, thing)) as runs:
            places = [(5,), (7,), (255,)]
            found = list(runs.each(np.ndarray.take, places))
        # Processes make it of their number of threads.
        factor = 1 if workers is None else 3
        assert [int(one) for one in found] == [factor * 5, factor * 7, factor * 255 % 256]


def test_large_parts_are_stored_once(two):
    table = np.arange(LARGE)
    files = len(list(two._folder.iterdir()))
    first, second = two.hold(partial(np.add, table)), two.hold(partial(np.subtract, table))
    assert first != second
    assert two.hold(partial(np.add, table)) == first
    assert len(list(two._folder.iterdir())) == files + 3
    parts = {}
    content = pickled([table, table, np.arange(3)], parts)
    assert len(parts) == 1 and len(content) < 1000
    again = unpickled(content, lambda digest: table)
    assert again[0] is again[1] is table and again[2].tolist() == [0, 1, 2]


def test_parts_keep_all_workers_busy(two):
    with held(two, 0, int) as runs:
        assert [list(part) for part in runs.parts(range(10), 1)] == [
            [0, 4, 8],
            [1, 5, 9],
            [2, 6],
            [3, 7],
        ]
        assert len(runs.parts(range(3), 1)) == 3
        assert len(runs.parts(range(10), 4)) == 1


def test_a_killed_process_loses_nothing(two):
    name = two.hold(int)
    slow = [two.submit(name, "run", pow, 2 + number) for number in range(4)]
    victim, *_ = two._pool._processes
    held_up = [two.submit(name, "run", _wait, 0.3, number) for number in range(6)]
    os.kill(victim, signal.SIGKILL)
    assert [two.result(task) for task in held_up] == list(range(6))
    assert [two.result(task) for task in slow] == [3 ** (2 + n) for n in range(4)]
    assert victim not in two._pool._processes


def test_errors_are_told_as_here(two):
    name = two.hold(int)
    with pytest.raises(ModelError, match="is broken") as caught:
        two.result(two.submit(name, "", _refuse))
    assert (caught.value.where, caught.value.mend) == ("there", "mend it")
    with pytest.raises(LibraryError, match="--workers 2: a process failed: TypeError"):
        two.result(two.submit(name, "", len))


def test_what_always_kills_its_process_is_given_up(two, monkeypatch):
    monkeypatch.setattr(module, "MOST_LOSSES", 1)
    name = two.hold(int)
    with pytest.raises(LibraryError, match="end again and again") as caught:
        two.result(two.submit(name, "", _end))
    assert "--resume" in caught.value.mend


def test_processes_end_with_what_they_do():
    workers = Processes(1, 1)
    task = workers.submit(workers.hold(int), "", _wait, 60.0, 0)
    (process,) = workers._pool._processes.values()
    while not task.future.running():
        time.sleep(0.01)
    begun = time.monotonic()
    workers.close()
    process.join(timeout=20)
    assert time.monotonic() - begun < 20
    assert not process.is_alive()
    assert not workers._folder.exists()
