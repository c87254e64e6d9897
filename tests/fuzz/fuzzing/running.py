"""Runs inputs and tells failures: anything raised but `HawxError`, more than 10 s, a crash.

Seconds are of processor time, which is the same however busy the machine is; nothing may wait
for longer than ten times that.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import hypothesis
from hypothesis import strategies as st

from fuzzing.strategies import Files
from hawx_onnx.errors import HawxError

SECONDS = 10


@dataclass(frozen=True)
class Target:
    """A kind of input.

    Attributes:
        name: As the command line takes it.
        inputs: Makes the files of one input: name -> content.
        read: Reads them as the product does; takes the folder they lie in.
    """

    name: str
    inputs: st.SearchStrategy[Files]
    read: Callable[[Path], None]


class Hang(BaseException):
    """An input took longer than `SECONDS`; no handler of the product catches it."""


@dataclass
class Tally:
    """What became of inputs."""

    run: int = 0
    taken: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.run + other.run,
            self.taken + other.taken,
            self.refused + other.refused,
            [*self.failures, *other.failures],
        )

    def __str__(self) -> str:
        return (
            f"{self.run} inputs, {self.taken} taken, {self.refused} refused, "
            f"{len(self.failures)} failures"
        )


def run_one(target: Target, files: Files, tally: Tally, folder: Path) -> None:
    """Runs one input; raises what counts as a failure.

    Args:
        target: The kind of input.
        files: The input.
        tally: Counted up.
        folder: Made anew for the input, so that a crash leaves it behind.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    tally.run += 1
    try:
        with _at_most(SECONDS):
            target.read(folder)
        tally.taken += 1
    except HawxError as error:
        str(error)  # what is told must be tellable
        tally.refused += 1


def run_many(target: Target, count: int, seed: int, keep: Path | None = None) -> Tally:
    """Runs so many inputs; the first failure is made small and ends the run.

    Args:
        target: The kind of input.
        count: How many; fewer where there are no more different ones.
        seed: The same seed gives the same inputs.
        keep: Folder that a failing input is kept in.
    """
    tally = Tally()
    last: dict[str, Files] = {}

    with tempfile.TemporaryDirectory() as base:

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            derandomize=False,
            print_blob=False,
            verbosity=hypothesis.Verbosity.quiet,
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(target.inputs)
        def check(files: Files) -> None:
            last["files"] = files
            run_one(target, files, tally, Path(base, "input"))

        try:
            check()
        except (Exception, Hang) as error:
            frames = traceback.format_exception(error, chain=False)
            text = "".join(line[:400] for line in frames[-8:])
            kept = ""
            if keep is not None and last:
                kept = f"kept in {_keep(last['files'], keep / target.name)}\n"
            tally.failures.append(f"{kept}{text}")
    return tally


def _keep(files: Files, folder: Path) -> Path:
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]
    place = folder / digest
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raises `Hang` in the body after so many seconds of processor time."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {seconds} s")

    timers = {
        signal.SIGPROF: (signal.ITIMER_PROF, seconds),
        signal.SIGALRM: (signal.ITIMER_REAL, 10 * seconds),
    }
    before = {number: signal.signal(number, ring) for number in timers}
    for timer, limit in timers.values():
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])
