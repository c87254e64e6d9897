"""Runs into faults at points drawn at random.

    PYTHONPATH=tests:tests/faults python -m faults [KIND...] [--points N] [--seed S]
        [--levels layer,filter]

Each level is run once undisturbed; then N runs for each kind of fault, of which each has to go on
to the same files. Ends with 1 where one does not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from faults.points import KINDS
from faults.runs import LEVELS, Runs


def main() -> int:
    """Runs and prints what went wrong; returns 1 where something did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--points", type=int, default=50, help="of each kind and level")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--levels", default="layer,filter", help=", ".join(LEVELS))
    options = parser.parse_args()
    unknown = set(options.kinds) - set(KINDS) | set(options.levels.split(",")) - set(LEVELS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    failed = 0
    for level in options.levels.split(","):
        with tempfile.TemporaryDirectory(prefix="hawx-faults-") as folder:
            runs = Runs(level, Path(folder))
            print(f"{level}: {runs.seconds:.1f} s, {runs.changes} changes of files", flush=True)
            for kind in options.kinds or KINDS:
                failed += _report(kind, runs, options.points, options.seed)
    return int(failed > 0)


def _report(kind: str, runs: Runs, points: int, seed: int) -> int:
    """Runs into one kind of fault; returns how often something was wrong."""
    begun, wrong = time.monotonic(), []
    for number in range(points):
        runs.begin()
        told = KINDS[kind](runs, random.Random(f"{seed} {kind} {runs.level} {number}"))
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number + 1} of {points}")
        if told is not None:
            wrong.append(told)
            print(f"  {number}: {told}", flush=True)
    took = time.monotonic() - begun
    print(f"{runs.level} {kind}: {points} points, {len(wrong)} wrong, {took:.0f} s", flush=True)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
