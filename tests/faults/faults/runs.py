"""Runs of ``optimize`` on the shipped LeNet-5, and how they end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from run_files import content, content_of

from faults.preload import environment

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "models" / "lenet5" / "lenet5.onnx"
CHOICE = ("--candidates", "mul8s_trunc4,mul8s_bam_h2_v6", "--max-accuracy-drop", "0.005")
COMMON = (*CHOICE, "--confidence", "0.5", "--jobs", "1")
# Whole runs with compensation; of channels, with measurements of mixed layers among them.
LEVELS = {
    "layer": (*COMMON, "--max-evaluations", "20"),
    "filter": (*COMMON, "--granularity", "filter", "--max-evaluations", "40"),
    # For tests that run with all others.
    "short": (*COMMON, "--max-evaluations", "4", "--score-samples", "32"),
}
TOO_LONG = 600


@dataclass(frozen=True)
class Ended:
    """A run that came to an end.

    Attributes:
        code: Exit code; -9 where it was killed.
        errors: What it wrote to stderr.
    """

    code: int
    errors: str


class Runs:
    """Runs of one level in one folder, held against one that nothing disturbed.

    Args:
        level: Of ``LEVELS``.
        folder: Made anew for each run but that one.
    """

    def __init__(self, level: str, folder: Path) -> None:
        self.level, self.folder = level, folder
        self.out, self.temporary = folder / "run" / "out", folder / "run" / "tmp"
        self.seconds = self._seconds()  # first: it fills the cache of what yosys has to say
        whole = self._undisturbed()
        self.content = content(whole)
        self.names = {path.name for path in whole.iterdir()}

    def _undisturbed(self) -> Path:
        """Runs undisturbed, with the changes of files counted."""
        self.begin()
        log = self.folder / "changes"
        process = self.start(environment(fault_under=self.folder / "run", fault_log=log))
        errors = process.communicate(timeout=TOO_LONG)[1]
        assert process.returncode == 0, errors
        self.changes = len(log.read_text().splitlines())
        return self.out

    def _seconds(self) -> float:
        """Processor time of a whole run."""
        self.begin()
        process = self.start({})
        clock, last = clock_of(process), 0.0
        while process.poll() is None:
            last = max(last, seconds_of(clock))
            time.sleep(0.002)
        assert process.returncode == 0
        return last

    def begin(self) -> None:
        """Clears the folder."""
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        self.temporary.mkdir(parents=True)

    def start(self, variables: Mapping[str, str], *more: str) -> subprocess.Popen[str]:
        """Starts a run; its temporary files lie in a folder of their own."""
        words = ["optimize", str(MODEL), "-o", str(self.out), *LEVELS[self.level], *more]
        return subprocess.Popen(
            [sys.executable, "-m", "hawx_onnx", *words],
            env={**os.environ, "TMPDIR": str(self.temporary), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, variables: Mapping[str, str], *more: str) -> Ended:
        """Runs to the end, whatever it is."""
        process = self.start(variables, *more)
        errors = process.communicate(timeout=TOO_LONG)[1]
        return Ended(process.returncode, errors)

    def signalled(self, number: signal.Signals, seconds: float, *more: str) -> Ended:
        """Runs until so much processor time is used, and then gets a signal."""
        process = self.start({}, *more)
        clock = clock_of(process)
        while process.poll() is None and seconds_of(clock) < seconds:
            time.sleep(0.001)
        process.send_signal(number)
        errors = process.communicate(timeout=TOO_LONG)[1]
        return Ended(process.returncode, errors)

    def wrong(self) -> str | None:
        """What is half there under its final name; None where nothing is."""
        for path in self.out.iterdir() if self.out.exists() else ():
            found = self.content.get(path.name)
            if found is not None and content_of(path) != found:
                return f"{path.name} is not whole"
        return None

    def resumed(self) -> str | None:
        """Goes on, and tells what is other than in the undisturbed run; None where nothing is."""
        done = self.run({}, "--resume")
        if done.code != 0:
            return f"--resume ends with {done.code}: {done.errors}"
        found = content(self.out)
        other = [name for name, value in self.content.items() if found[name] != value]
        names = {path.name for path in self.out.iterdir()}
        if other or names != self.names:
            return f"other: {other}, files that differ: {sorted(names ^ self.names)}"
        return None


def clock_of(process: subprocess.Popen[str]) -> int:
    """The clock of a process's processor time, as Linux numbers them."""
    return (~process.pid << 3) | 2


def seconds_of(clock: int) -> float:
    """What a clock shows; of a process that is gone, forever."""
    try:
        return time.clock_gettime(clock)
    except OSError:
        return float("inf")
