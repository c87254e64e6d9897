"""Seconds until the package is imported and until `--help` is told, in fresh interpreters.

Told are the least and the median of several starts, beside those of an interpreter that does
nothing: the least is what other programs on the machine disturb least.

    python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

LIMIT = 0.3
STARTS = {
    "python -c pass": ["-c", "pass"],
    "import hawx_onnx": ["-c", "import hawx_onnx"],
    "hawx-onnx --help": ["-m", "hawx_onnx", "--help"],
    "hawx-onnx optimize --help": ["-m", "hawx_onnx", "optimize", "--help"],
}


def seconds(words: list[str]) -> float:
    """Wall-clock time of one start."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="three rounds")
    args = parser.parse_args()
    rounds = 3 if args.quick else args.rounds
    # In turn, so that a busy minute does not hit one of them alone.
    took: dict[str, list[float]] = {name: [] for name in STARTS}
    for _ in range(rounds):
        for name, words in STARTS.items():
            took[name].append(seconds(words))
    print("| start | least s | median s | limit s |\n|---|---|---|---|")
    for name, found in took.items():
        limit = "" if name.startswith("python") else f"{LIMIT}"
        print(f"| `{name}` | {min(found):.3f} | {statistics.median(found):.3f} | {limit} |")


if __name__ == "__main__":
    main()
