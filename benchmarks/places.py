"""Where samples are run: threads of one process, worker processes, workers of a cluster.

Scores of all layers and channels, and random assignments on the validation samples, by one process
with one thread and with two, by one and two worker processes of one thread, and by a cluster with
one and two. All results are compared, byte for byte. Processor seconds are those of all processes
together; other programs on the machine change them less than they change the time.

    python benchmarks/places.py --choices 32 --rounds 3
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from hawx_onnx.passes import Score
from hawx_onnx.passes.shared_folds import shared_folds
from hawx_onnx.preparation import Prepared, prepare
from hawx_onnx.runtime.cluster import Cluster
from hawx_onnx.runtime.workers import Workers, started
from hawx_onnx.search import Limits, Measurer
from hawx_onnx.selection import Searcher
from hawx_onnx.settings import Settings

MODEL = Path(__file__).parent.parent / "models/lenet5/lenet5.onnx"


def cpu_seconds() -> float:
    """Of this process and of all that it started and that still run."""
    here = psutil.Process()
    found = 0.0
    for one in (here, *here.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            found += times.user + times.system
    return found


def taken(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds, processor seconds, and the result."""
    cpu, begun = cpu_seconds(), time.perf_counter()
    result = work()
    return time.perf_counter() - begun, cpu_seconds() - cpu, result


def score(prepared: Prepared, threads: int, workers: Workers | None, filters: bool) -> bytes:
    """All levels of the score."""
    state, limit = prepared.state.replace(sensitivity=None), 2**31
    folds = shared_folds(state, threads, limit)
    found = Score(256, threads, limit, filters, folds=folds, workers=workers)(state).sensitivity
    assert found is not None
    levels = [found.responses, found.baseline]
    levels += [one.output_mse for one in found.filters.values()]
    levels += [one.std for one in found.operator.values()]
    return b"".join(level.tobytes() for level in levels)


def evaluate(prepared: Prepared, settings: Settings, workers: Workers | None, count: int) -> bytes:
    """Random assignments on all validation samples."""
    searcher = Searcher(prepared, settings, workers=workers)
    shape = (count, len(searcher.problem.workloads))
    draw = np.random.default_rng(0).integers(0, len(settings.candidates), shape)
    choices = list(dict.fromkeys(tuple(int(one) for one in row) for row in draw))
    network = searcher.network()
    limits = Limits(early_stop=False, block=network.block)
    found = Measurer(network, searcher.problem, limits).measure_all(choices)
    return b"".join(one.scores.tobytes() for one in found if one is not None)


@contextlib.contextmanager
def place(kind: str, count: int) -> Iterator[tuple[int, Workers | None]]:
    """Threads of a run, and the workers, of one line of the result."""
    if kind == "cluster":
        with tempfile.TemporaryDirectory() as folder, cluster(count, folder) as found:
            yield 1, found
    elif kind == "processes":
        with started(None, count, 1) as found:
            yield 1, found
    else:
        yield count, None


@contextlib.contextmanager
def cluster(count: int, folder: str) -> Iterator[Cluster]:
    """A scheduler and workers of one thread on this machine."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(module: str, *words: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *words, "--no-dashboard"]
        quiet = subprocess.DEVNULL
        begun.append(subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=folder))

    try:
        file = Path(folder) / "scheduler.json"
        start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        for _ in range(count):
            start("dask_worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny")
        from distributed import Client

        with Client(scheduler_file=str(file), timeout=60) as client:
            client.wait_for_workers(count, timeout=60)
            address = client.scheduler.address
        found = Cluster(address, 1)
        yield found
        found.close()
    finally:
        for process in begun:
            process.kill()
            process.wait()


PLACES = (
    ("threads", 1),
    ("threads", 2),
    ("processes", 1),
    ("processes", 2),
    ("cluster", 1),
    ("cluster", 2),
)


def main() -> None:
    """Prepares the model and measures all places in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=str(MODEL))
    parser.add_argument("--data")
    parser.add_argument("--preprocess")
    parser.add_argument("--validation-samples", type=int, default=2000)
    parser.add_argument("--choices", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--places", default=",".join(f"{kind}-{count}" for kind, count in PLACES))
    parser.add_argument("--layers-only", action="store_true", help="channels are not scored")
    args = parser.parse_args()
    settings = Settings(
        candidates=("mul8s_exact", "mul8s_trunc2", "mul8s_trunc4", "mul8s_bam_h2_v5"),
        jobs=1,
        data=args.data,
        preprocess=args.preprocess,
        validation_samples=args.validation_samples,
        score_samples=32,
        operand_aware_power=False,
    )
    prepared = prepare(args.model, settings, compensated=True)
    places = [one for one in PLACES if f"{one[0]}-{one[1]}" in args.places.split(",")]
    rows: dict[tuple[str, int], list[list[float]]] = {one: [] for one in places}
    wanted: tuple[bytes, bytes] | None = None
    for _ in range(args.rounds):
        for kind, count in places:
            with place(kind, count) as (threads, workers):
                own = dataclasses.replace(settings, jobs=threads)
                score_seconds = taken(
                    partial(score, prepared, threads, workers, not args.layers_only)
                )
                run_seconds = taken(partial(evaluate, prepared, own, workers, args.choices))
                found = (score_seconds[2], run_seconds[2])
                wanted = wanted or found
                assert wanted == found, "the results differ"
                figures = [*score_seconds[:2], *run_seconds[:2]]
                print(kind, count, *(f"{value:.2f}" for value in figures), flush=True)
                rows[kind, count].append(figures)
    print(f"{'':14}  scoring: s, processor s   {args.choices} assignments: s, processor s")
    for (kind, count), measured in rows.items():
        least = np.min(measured, axis=0)
        print(f"{kind + ' ' + str(count):14}" + "".join(f"{value:12.2f}" for value in least))


if __name__ == "__main__":
    main()
