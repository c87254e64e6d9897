"""Runs many inputs, two thousand in each process.

    PYTHONPATH=tests/fuzz python -m fuzzing [TARGET...] [--inputs N] [--seed S] [--jobs J]
        [--keep FOLDER]

A process may take 2 GiB beyond what it starts with, an input 10 s; a process that dies or stands
still is a failure too, and the input it was at is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzzing.running import SECONDS, Tally, run_many
from fuzzing.targets import names, target

CHUNK = 2000
GIB = 1 << 30
# Files in memory where there are such: most of what an input takes is files made and removed.
MEMORY = Path("/dev/shm")


def work(name: str, count: int, seed: int, keep: Path) -> None:
    """Runs inputs in this process and prints the tally."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    limit = used + 2 * GIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    # The product's own words are of no interest; those of a crash are.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stderr.write("\n")
    tally = run_many(target(name), count, seed, keep)
    os.write(3, json.dumps(vars(tally)).encode())


def supervise(name: str, count: int, seed: int, keep: Path) -> Tally:
    """Runs inputs in a process of their own."""
    words = [sys.executable, "-m", "fuzzing", name, "--work", "--inputs", str(count)]
    base = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base) as folder:
        environment = {**os.environ, "TMPDIR": folder, "HAWX_ONNX_CACHE": f"{folder}/cache"}
        result = Path(folder, "result")
        with result.open("wb") as stream, Path(folder, "errors").open("wb") as errors:
            process = subprocess.Popen(
                ["sh", "-c", f'exec "$@" 3>"{result}"', "sh", *words, "--seed", str(seed),
                 "--keep", str(keep)],
                env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=errors,
            )  # fmt: skip
            try:
                status = process.wait(count * 2 + 600)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
        text = result.read_text()
        if status == 0 and text:
            return Tally(**json.loads(text))
        place = keep / name / f"died-{seed}"
        shutil.rmtree(place, ignore_errors=True)
        for left in Path(folder).glob("tmp*/input"):
            shutil.copytree(left, place)
        told = Path(folder, "errors").read_text(errors="replace")[-2000:]
        return Tally(failures=[f"the process ended with {status}; its input is in {place}\n{told}"])


def main() -> int:
    """Runs and prints what became of the inputs; returns 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(names()))
    parser.add_argument("--inputs", type=int, default=100_000, help="of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz/inputs"))
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.targets) - set(names())
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    if options.work:
        work(options.targets[0], options.inputs, options.seed, options.keep)
        return 0
    failed = False
    for name in options.targets or names():
        failed |= _report(name, options)
    return int(failed)


def _report(name: str, options: argparse.Namespace) -> bool:
    """Runs one target in chunks; tells whether anything failed."""
    start = time.monotonic()
    counts = [min(CHUNK, options.inputs - first) for first in range(0, options.inputs, CHUNK)]
    seeds = [options.seed * 1_000_000 + number for number in range(len(counts))]
    total = Tally()
    with ThreadPoolExecutor(options.jobs) as pool:
        chunks = zip(counts, seeds, strict=True)
        for tally in pool.map(lambda one: supervise(name, *one, options.keep), chunks):
            total = total.plus(tally)
            sys.stderr.write(f"{name}: {total}, {time.monotonic() - start:.0f} s\n")
    print(f"{name}: {total}, {time.monotonic() - start:.0f} s (at most {SECONDS} s an input)")
    failures = total.failures
    for text in failures[:20]:
        print(text)
    sys.stdout.flush()
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
