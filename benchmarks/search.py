"""HAWX search against measured exhaustive search on LeNet-5 / digits, side by side in one run.

    python benchmarks/search.py [--repeats N] [--candidates A,B]

Both spaces of two candidate multipliers are searched: 3^5 = 243 assignments with exact layers
allowed, and 2^5 = 32 without. Printed are medians over the repeats: the exhaustive time over the
whole HAWX time and over its scoring and solving alone, evaluations, regret at the accuracy budget
and the share of the exhaustive front's hypervolume. Everything is measured on the validation split.
"""

from __future__ import annotations

import argparse
import statistics

from hawx_onnx import models
from hawx_onnx.exploration import explore_methods
from hawx_onnx.preparation import prepare
from hawx_onnx.settings import Settings


def compare(candidates: str, drop: float, exact: bool, jobs: int) -> dict[str, float | None]:
    """One run of both methods."""
    settings = Settings(candidates=(candidates,), max_accuracy_drop=drop, exact=exact, jobs=jobs)
    prepared = prepare(models.reference("lenet5").path, settings)
    document = explore_methods(prepared, settings, ("exhaustive", "hawx"))
    exhaustive, hawx = document["methods"]
    against = hawx["against_exhaustive"]
    return {
        "exhaustive_seconds": exhaustive["seconds"],
        "hawx_seconds": hawx["seconds"],
        "evaluations": hawx["evaluations"],
        **against,
    }


def main() -> None:
    """Prints one line for each space."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--candidates", default="mul8s_trunc2,mul8s_trunc3")
    parser.add_argument("--max-accuracy-drop", type=float, default=0.01)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    for exact, space in ((True, "3^5 = 243"), (False, "2^5 = 32")):
        runs = [
            compare(args.candidates, args.max_accuracy_drop, exact, args.jobs)
            for _ in range(args.repeats)
        ]
        print(f"{space} assignments, {args.candidates}, median of {args.repeats}")
        for key in runs[0]:
            values = [run[key] for run in runs if run[key] is not None]
            print(f"  {key:28}{statistics.median(values):.4g}" if values else f"  {key:28}-")


if __name__ == "__main__":
    main()
