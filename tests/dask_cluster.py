"""A real Dask scheduler and real worker processes on the loopback interface."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

START = 120.0


@dataclass(frozen=True)
class Processes:
    """What runs.

    Attributes:
        address: Of the scheduler.
        scheduler: Its process.
        workers: Worker's name -> process.
    """

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: dict[str, subprocess.Popen[bytes]]


@contextlib.contextmanager
def processes(
    folder: Path, workers: int = 2, environment: Mapping[str, str] | None = None
) -> Iterator[Processes]:
    """Starts a scheduler and workers of one thread each, and ends what is left of them."""
    told, log = folder / "scheduler.json", folder / "cluster.log"
    env = {**os.environ, **(environment or {})}
    begun: list[subprocess.Popen[bytes]] = []
    with log.open("wb") as out:

        def start(*words: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
            process = subprocess.Popen(command, stdout=out, stderr=out, env=env, cwd=folder)
            begun.append(process)
            return process

        try:
            scheduler = start(
                "dask_scheduler",
                *("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"),
                *("--scheduler-file", str(told)),
            )
            # The file is there before it is written.
            wait_for(lambda: told.is_file() and told.read_text().endswith("}"), scheduler, log)
            address = json.loads(told.read_text())["address"]
            names = [f"worker-{number}" for number in range(workers)]
            made = {
                name: start(
                    "dask_worker",
                    *(address, "--name", name, "--nthreads", "1", "--no-nanny"),
                    *("--no-dashboard", "--local-directory", str(folder)),
                )
                for name in names
            }
            wait_for(lambda: log.read_text().count("Registered to:") == workers, scheduler, log)
            yield Processes(address, scheduler, made)
        finally:
            for process in reversed(begun):
                process.kill()
            for process in begun:
                process.wait()


def wait_for(ready, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until something is so, while a process lives."""
    until = time.monotonic() + START
    while not ready():
        assert process.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.1)
