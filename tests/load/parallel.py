"""Runs many sessions at once, in threads and in processes, against each of them alone.

    python tests/load/parallel.py --sessions 64

All sessions are there before the first one runs. What any of them gives must be the bytes that its
model gives alone; so must what all threads get from one session that they share.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from rewritten_models import networks, operators

from hawx_onnx.runtime.library import create_session

RUNS = 3
SECONDS = 300  # until a session that hangs ends the run


@dataclass(frozen=True)
class Job:
    """A model, its input, and whether the library runs it."""

    model: bytes
    x: np.ndarray
    use_library: bool

    def session(self) -> Any:
        """A new session."""
        return create_session(self.model, threads=1, use_library=self.use_library)

    def digest(self, session: Any) -> str:
        """Of the bytes that a few runs give."""
        name, found = session.get_inputs()[0].name, hashlib.sha256()
        for _ in range(RUNS):
            found.update(session.run(None, {name: self.x})[0].tobytes())
        return found.hexdigest()


def make_jobs() -> list[tuple[Job, str]]:
    """Every model by the library and by its portable bodies, and what it gives alone."""
    models = networks()
    (given,) = create_session(models[0], threads=1).get_inputs()
    images = np.random.default_rng(0).random((4, *given.shape[1:]), np.float32)
    both = [(model, images) for model in models] + operators()
    jobs = [Job(model, x, library) for model, x in both for library in (True, False)]
    return [(job, job.digest(job.session())) for job in jobs]


def take(job: Job, barrier: Any, give: Callable[[str], None]) -> None:
    """Makes a session, waits for all others, runs it."""
    session = job.session()
    barrier.wait(SECONDS)
    give(job.digest(session))


def in_processes(jobs: list[Job]) -> list[str]:
    """A process for each job, forked, so that Python and its packages are started once."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(jobs))
    ends = []
    for job in jobs:
        mine, theirs = context.Pipe(duplex=False)
        context.Process(target=take, args=(job, barrier, theirs.send), daemon=True).start()
        theirs.close()
        ends.append(mine)
    return [end.recv() if end.poll(SECONDS) else "nothing" for end in ends]


def in_threads(jobs: list[Job]) -> list[str]:
    """A thread and a session for each job."""
    barrier = threading.Barrier(len(jobs))
    found = [""] * len(jobs)

    def one(place: int) -> None:
        take(jobs[place], barrier, lambda digest: found.__setitem__(place, digest))

    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(one, range(len(jobs))))
    return found


def in_one_session(jobs: list[Job]) -> list[str]:
    """A thread for each job, and one session for all jobs that are the same."""
    sessions = {id(job): job.session() for job in jobs}
    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(lambda job: job.digest(sessions[id(job)]), jobs))


def main() -> None:
    """Runs all three ways and compares."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sessions", type=int, default=64)
    args = parser.parse_args()
    # Elsewhere: a process in which a session was made is not to be forked.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        alone = pool.apply(make_jobs)
    pairs = [alone[i % len(alone)] for i in range(args.sessions)]
    jobs, wanted = [job for job, _ in pairs], [digest for _, digest in pairs]
    wrong = 0
    for way in (in_processes, in_threads, in_one_session):
        begun = time.perf_counter()
        found = way(jobs)
        other = sum(a != b for a, b in zip(found, wanted, strict=True))
        name, took = way.__name__.replace("_", " "), time.perf_counter() - begun
        print(f"{len(jobs)} sessions of {len(alone)} kinds {name}, {took:.1f} s: {other} differ")
        wrong += other
    sys.exit(f"{wrong} gave other bytes than alone" if wrong else None)


if __name__ == "__main__":
    main()
