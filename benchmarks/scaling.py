"""What a cluster costs and gains: bytes to each worker, and seconds with one worker and with two.

Random assignments of LeNet-5, or of another model, are measured on all validation samples by a
local run and by a real scheduler with one and with two worker processes on this machine; every
score is compared, byte for byte. One thread in each process. CPU seconds are those of the processes
which run the network; other programs on the machine change them less than they change the time.
A network that only waits, 20 ms for an assignment on a batch, tells what the distribution itself
gains and costs where every worker has a processor of its own.

    python benchmarks/scaling.py --choices 64 --rounds 3
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.preparation import prepare
from hawx_onnx.remote_runs import RemoteRuns
from hawx_onnx.runtime.cluster import Cluster
from hawx_onnx.search import Limits, Measurer
from hawx_onnx.search.problem import Choice
from hawx_onnx.selection import Searcher
from hawx_onnx.settings import Settings

MODEL = Path(__file__).parent.parent / "models/lenet5/lenet5.onnx"


def cpu_seconds() -> float:
    """Of this process, also asked for on workers."""
    return time.process_time()


def memory() -> int:
    """Bytes that this process holds, also asked for on workers."""
    import psutil

    return int(psutil.Process().memory_info().rss)


class Waiting:
    """Nine batches that take their time and no processor; every sample is right."""

    sizes, block = (50,) * 9, 64

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def prepare(self, choices: Sequence[Choice]) -> None:
        """Nothing is to be made."""

    def expect(self, choices: Sequence[Choice], batches: range) -> None:
        """Nothing is run before it is asked for."""

    def scores(self, choice: Choice, batch: int) -> np.ndarray:
        """All are right."""
        time.sleep(0.02)
        return np.ones(self.sizes[batch], dtype=bool)

    def forget(self, batch: int) -> None:
        """Nothing is kept."""


def start(module: str, *words: str) -> subprocess.Popen[bytes]:
    """A process of the cluster."""
    command = [sys.executable, "-m", f"distributed.cli.{module}", *words, "--no-dashboard"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(searcher: Searcher, network: Any, choices: list[Choice]) -> tuple[float, list[bytes]]:  # noqa: ANN401
    """Seconds for all choices, and the scores."""
    measurer = Measurer(network, searcher.problem, Limits(early_stop=False, block=network.block))
    begun = time.perf_counter()
    found = measurer.measure_all(choices)
    seconds = time.perf_counter() - begun
    return seconds, [one.scores.tobytes() for one in found if one is not None]


def least_wait(searcher: Searcher, network: Any, choices: list[Choice], rounds: int) -> float:  # noqa: ANN401
    """Least seconds for all choices: what other programs hold up is left out."""
    return min(measure(searcher, network, choices)[0] for _ in range(rounds))


def told(seconds: list[float], choices: list[Choice]) -> str:
    """Seconds of a choice: the least, and the median of the rounds."""
    least, median = min(seconds), statistics.median(seconds)
    return f"{least / len(choices):.4f} s (median {median / len(choices):.4f} s)"


def rounds(args: argparse.Namespace, searcher: Searcher, choices: list[Choice]) -> None:
    """Runs all sides in turn and prints the medians."""
    alone = searcher.network()
    measure(searcher, alone, choices[:2])  # sessions are made
    local, local_cpu = [], []
    for _ in range(args.rounds):
        before = time.process_time()
        seconds, wanted = measure(searcher, alone, choices)
        local_cpu.append(time.process_time() - before)
        local.append(seconds)
    print(f"local: {told(local, choices)}, {told(local_cpu, choices)} of CPU")
    waited = {0: least_wait(searcher, Waiting(), choices, args.rounds)}
    took: dict[int, list[float]] = {1: [], 2: []}
    cpu: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        begun = [start("dask_scheduler", "--host", "127.0.0.1", "--port", str(args.port))]
        address = f"tcp://127.0.0.1:{args.port}"
        words = (address, "--nthreads", "1", "--no-nanny", "--local-directory", folder)
        try:
            time.sleep(args.wait)
            begun.append(start("dask_worker", *words))
            time.sleep(args.wait)
            for workers in (1, 2):
                if workers == 2:
                    begun.append(start("dask_worker", *words))
                    time.sleep(args.wait)
                cluster = Cluster(address)
                assert cluster.count == workers
                clustered = dataclasses.replace(args.settings, jobs=1)
                remote = Searcher(args.prepared, clustered, workers=cluster)
                sent = time.perf_counter()
                network = remote.network()
                assert isinstance(network, RemoteRuns)
                sent = time.perf_counter() - sent
                measure(remote, network, choices[: 2 * workers])  # sessions are made
                for _ in range(args.rounds):
                    before = sum(cluster.ask(cpu_seconds).values())
                    seconds, found = measure(remote, network, choices)
                    cpu[workers].append(sum(cluster.ask(cpu_seconds).values()) - before)
                    took[workers].append(seconds)
                    assert found == wanted, "the results differ"
                idle = RemoteRuns(Waiting(), Waiting, cluster)
                waited[workers] = least_wait(remote, idle, choices, args.rounds)
                held = max(cluster.ask(memory).values())
                print(
                    f"{workers} workers: {told(took[workers], choices)}, "
                    f"{told(cpu[workers], choices)} of CPU; "
                    f"{cluster.sent / 1e6:.2f} MB sent to each in {sent:.2f} s; "
                    f"{held / 1e6:.0f} MB held"
                )
                cluster.close()
        finally:
            for process in begun:
                process.kill()
                process.wait()
    print(f"speed-up of two workers over one: {min(took[1]) / min(took[2]):.2f}")
    shown = ", ".join(f"{waited[0] / waited[n]:.2f} with {n}" for n in (1, 2))
    print(f"of a network that waits, over a local run: {shown}")


def main() -> None:
    """Prepares the model and measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=str(MODEL))
    parser.add_argument("--data")
    parser.add_argument("--preprocess")
    parser.add_argument("--validation-samples", type=int, default=2000)
    parser.add_argument("--choices", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=18786)
    parser.add_argument("--wait", type=float, default=15.0, help="seconds for a process to start")
    parser.add_argument("--quick", action="store_true", help="a few choices, once")
    args = parser.parse_args()
    if args.quick:
        args.choices, args.rounds = 8, 1
    args.settings = Settings(
        candidates=("mul8s_exact", "mul8s_trunc2", "mul8s_trunc4"), jobs=1, data=args.data
    )
    args.settings = dataclasses.replace(
        args.settings,
        preprocess=args.preprocess,
        validation_samples=args.validation_samples,
        score_samples=32,
        operand_aware_power=False,
    )
    args.prepared = prepare(args.model, args.settings, compensated=True)
    searcher = Searcher(args.prepared, args.settings)
    layers = len(searcher.problem.workloads)
    draw = np.random.default_rng(0).integers(0, 3, (args.choices, layers))
    choices = list(dict.fromkeys(tuple(int(one) for one in row) for row in draw))
    print(f"{len(choices)} choices of {layers} layers on {len(args.prepared.dataset.validation)}")
    rounds(args, searcher, choices)


if __name__ == "__main__":
    main()
