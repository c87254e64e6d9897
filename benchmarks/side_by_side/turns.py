"""Times of several contenders that take turns, so that a machine's moods meet all of them.

Runs in which a thread had to wait for a core, because another program had it, do not count where
the system tells (Linux: /proc/self/task/*/schedstat).
"""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Threads of onnxruntime's pools spin for as long as this after a run. They would take a core from
# whoever comes next.
SPINNING = 0.06
STILL = 0.0002
# A turn begins with runs that do not count, for caches and for sleeping threads to get ready. The
# runs after them count, up to a number and for so long.
WARMING = 0.005
RUNS_OF_A_TURN = 10
TURN = 0.05
# Waiting is asked for after some runs together, where a single one is shorter than this.
GLANCE = 0.0005
WAITED = 0.02  # of the time of a run, and no more, for it to count
ENOUGH = 5  # runs that count, for their median to be told without a warning


@dataclass(frozen=True, eq=False)
class Contender:
    """What takes its turn.

    Attributes:
        run: Runs it once.
        threads: Threads that it keeps busy.
        repeats: Runs that are to count, where it is slow; None for as many as the others.
    """

    run: Callable[[], object]
    threads: int = 1
    repeats: int | None = None


@dataclass(frozen=True)
class Timing:
    """Seconds of one run.

    Attributes:
        median: The median.
        least: The least.
        disturbed: Whether other programs took part in it: too few runs had their cores alone.
    """

    median: float
    least: float
    disturbed: bool


@dataclass
class Record:
    """Seconds of runs so far, apart by whether they had their cores alone."""

    alone: list[float] = field(default_factory=list)
    disturbed: list[float] = field(default_factory=list)

    def timing(self, wanted: int) -> Timing:
        """The result; all runs count where too few were alone."""
        few = len(self.alone) < min(ENOUGH, wanted)
        counted = self.alone + self.disturbed if few else self.alone
        return Timing(statistics.median(counted), min(counted), few)


def take_turns(
    contenders: Sequence[Contender], repeats: int, patience: float = 0.0
) -> list[Timing]:
    """Measures all contenders.

    Args:
        contenders: Whom to measure; those of one thread are best put first.
        repeats: Runs of each that are to count. Without patience, slow ones make fewer.
        patience: Seconds for further turns of those whose runs other programs disturbed.
    """
    end = time.monotonic() + patience
    records = [Record() for _ in contenders]
    wanted = [contender.repeats or repeats for contender in contenders]
    turn = 0
    while turn < -(-repeats // RUNS_OF_A_TURN) or time.monotonic() < end:
        missing = [c for c in range(len(contenders)) if len(records[c].alone) < wanted[c]]
        if not missing:
            break
        for number in missing:
            _turn(contenders[number], records[number])
        turn += 1
    return [record.timing(count) for record, count in zip(records, wanted, strict=True)]


@dataclass
class Batch:
    """Runs that followed each other, their end, and how long threads were seen to wait then."""

    taken: list[float]
    end: float
    waited: float


def _turn(contender: Contender, record: Record) -> None:
    run, begun = contender.run, time.perf_counter()
    run()
    while time.perf_counter() < begun + WARMING:
        run()
    begun, count = time.perf_counter(), 0
    batches: list[Batch] = []
    while count < RUNS_OF_A_TURN and time.perf_counter() < begun + TURN:
        waited, taken = _waited(), []
        while sum(taken) < GLANCE and count < RUNS_OF_A_TURN:
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
            count += 1
        batches.append(Batch(taken, time.perf_counter(), _waited() - waited))
    if contender.threads > 1 and _waits_still():
        batches.append(Batch([], time.perf_counter(), math.inf))
    sort_out(batches, record)


def sort_out(batches: Sequence[Batch], record: Record) -> None:
    """Tells runs apart by whether a thread waited. Waiting shows when it is over, not before."""
    since = math.inf  # when the earliest waiting began that was seen at the end of a later batch
    for batch in reversed(batches):
        if batch.waited > WAITED * sum(batch.taken):
            since = min(since, batch.end - batch.waited)
        (record.disturbed if batch.end > since else record.alone).extend(batch.taken)


def _waits_still() -> bool:
    """Whether a thread of the pool waits for a core; waits until they spin no longer.

    Two threads on one core take turns as long as a whole turn here, and waiting shows only when it
    is over. So let go of this core, and look who has waited. This is strict: a thread that has to
    wait only now, when nothing is measured any more, counts as well.
    """
    waited = _waited()
    time.sleep(SPINNING)
    return _waited() - waited > STILL


def _waited() -> float:
    """Seconds for which threads of this process were ready to run and had no core."""
    files = Path("/proc/self/task").glob("*/schedstat")
    with contextlib.suppress(OSError):  # a thread has ended in between
        return sum(int(file.read_text().split()[1]) for file in files) / 1e9
    return 0.0
