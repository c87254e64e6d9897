"""One run of a command in a process of its own: exit code, time and peak memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """A finished process.

    Attributes:
        code: Its exit code; None where it was stopped at the limit.
        seconds: Wall-clock time.
        peak_mib: Largest resident memory in MiB.
        out: Its standard output.
        err: Its standard error.
    """

    code: int | None
    seconds: float
    peak_mib: float
    out: str
    err: str


def run(words: Sequence[str], limit: float) -> Run:
    """Runs a program.

    Args:
        words: Program and arguments.
        limit: Seconds after which it is stopped.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        process = subprocess.Popen(list(words), stdout=out, stderr=err)
        stopped = False
        while True:
            # Of all ways to ask, wait4 alone tells the memory of this one child.
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if not stopped and time.perf_counter() - start > limit:
                process.kill()
                stopped = True
            time.sleep(0.05)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
    code = None if stopped else process.returncode
    return Run(code, seconds, usage.ru_maxrss / 1024, *texts)
