"""Faults at points drawn at random, and what has to hold after them."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable

from faults.preload import environment
from faults.runs import Ended, Runs

# Before this much processor time Python itself starts, whose words are its own.
STARTED = 0.15

# Draws a point, runs into it, and tells what is wrong.
Kind = Callable[[Runs, random.Random], "str | None"]


def killed(runs: Runs, draw: random.Random) -> str | None:
    """kill -9 after some processor time, half of the times again while it goes on."""
    for more in [(), ("--resume",)][: draw.randint(1, 2)]:
        done = runs.signalled(signal.SIGKILL, draw.uniform(0, runs.seconds), *more)
        if done.code not in (0, -signal.SIGKILL):
            return f"ended with {done.code}: {done.errors}"
    return runs.wrong() or runs.resumed()


def killed_writing(runs: Runs, draw: random.Random) -> str | None:
    """kill -9 before, in the middle of, or after one change of a file."""
    at, how = draw.randint(1, runs.changes), draw.choice(["before", "half", "after"])
    done = runs.run(_fault(runs, how, at))
    if done.code != -signal.SIGKILL:
        return f"{how} change {at}: ended with {done.code}: {done.errors}"
    wrong = runs.wrong() or runs.resumed()
    return wrong and f"{how} change {at}: {wrong}"


def _signalled(number: signal.Signals) -> Kind:
    def check(runs: Runs, draw: random.Random) -> str | None:
        done = runs.signalled(number, draw.uniform(STARTED, runs.seconds))
        return _stopped(runs, done, number) or runs.wrong() or runs.resumed()

    check.__doc__ = f"{number.name} after some processor time."
    return check


def _stopped(runs: Runs, done: Ended, number: int) -> str | None:
    """What is wrong with the end of a run that was asked to stop."""
    if done.code == 0 or (done.code == -number and (runs.out / "model.onnx").exists()):
        return None if done.errors == "" else f"finished with {done.errors}"
    lines = done.errors.splitlines()
    if done.code != 128 + number or lines[:1] != ["interrupted"] or len(lines) > 2:
        return f"ended with {done.code}: {done.errors}"
    return _left(runs)


def _left(runs: Runs) -> str | None:
    """Temporary files that a run has left behind."""
    names = {path.name for path in (*runs.temporary.iterdir(), *runs.out.glob(".*"))}
    names -= {".ses"}  # onnxruntime's own, written wherever it is imported
    return f"left {sorted(names)}" if names else None


def _failing(how: str) -> Kind:
    def check(runs: Runs, draw: random.Random) -> str | None:
        at = draw.randint(1, runs.changes)
        done = runs.run(_fault(runs, how, at))
        wrong = _refused(done) or runs.wrong() or runs.resumed()
        return wrong and f"from change {at} on: {wrong}"

    check.__doc__ = f"From one change of a file on, the disk is {how}."
    return check


def _refused(done: Ended) -> str | None:
    """What is wrong with the error of a run whose disk failed."""
    if done.code == 0 and done.errors == "":
        return None  # the changes after that point were none that matter
    lines = done.errors.splitlines()
    if done.code != 2 or not 1 <= len(lines) <= 2 or not lines[0].startswith("error: "):
        return f"ended with {done.code}: {done.errors}"
    return None


def _fault(runs: Runs, how: str, at: int) -> dict[str, str]:
    runs_in = runs.folder / "run"
    return environment(fault=how, fault_at=at, fault_under=runs_in)


KINDS: dict[str, Kind] = {
    "killed": killed,
    "killed-writing": killed_writing,
    "interrupted": _signalled(signal.SIGINT),
    "terminated": _signalled(signal.SIGTERM),
    "disk-full": _failing("full"),
    "disk-broken": _failing("broken"),
}
