"""Search methods against measured exhaustive search, side by side in one run.

    python benchmarks/search.py [--repeats N] [--candidates A,B] [--model M --data D --preprocess P]

Both spaces of two candidate multipliers are searched: 3^5 = 243 assignments of LeNet-5 with exact
layers allowed, and 2^5 = 32 without; by default the shipped LeNet-5 on digits. Two ways of running
assignments are compared, each for all methods: one session that runs every assignment whole, and
the network cut where assignments part, so that what they have in common is computed once. Printed
are medians over the repeats: the exhaustive time over the whole time of the search and over its
scoring and solving alone, evaluations and the whole runs that they amount to, regret at the
accuracy budget and the share of the exhaustive front's hypervolume. Everything is measured on the
validation split, with one thread.
"""

from __future__ import annotations

import argparse
import statistics

from hawx_onnx import models
from hawx_onnx.exploration import explore_methods
from hawx_onnx.preparation import prepare
from hawx_onnx.settings import Settings


def compare(model: str, settings: Settings, share: bool) -> dict[str, float | None]:
    """One run of both methods."""
    prepared = prepare(model, settings)
    document = explore_methods(prepared, settings, ("exhaustive", "hawx"), share=share)
    exhaustive, hawx = document["methods"]
    samples = document["validation_samples"]
    return {
        "exhaustive_seconds": exhaustive["seconds"],
        "hawx_seconds": hawx["seconds"],
        "scoring_seconds": hawx["scoring_seconds"],
        "solving_seconds": hawx["solving_seconds"],
        "measuring_seconds": hawx["measuring_seconds"],
        "evaluations": hawx["evaluations"],
        "whole_runs": hawx["samples_run"] / samples,
        **hawx["against_exhaustive"],
    }


def main() -> None:
    """Prints a block for each space and way of running."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--candidates", default="mul8s_trunc2,mul8s_trunc3")
    parser.add_argument("--max-accuracy-drop", type=float, default=0.01)
    parser.add_argument("--model", default=str(models.reference("lenet5").path))
    parser.add_argument("--data")
    parser.add_argument("--preprocess")
    parser.add_argument("--validation-samples", type=int, default=2000)
    args = parser.parse_args()
    for exact, space in ((True, "exact layers allowed"), (False, "no exact layers")):
        settings = Settings(
            data=args.data,
            preprocess=args.preprocess,
            candidates=(args.candidates,),
            max_accuracy_drop=args.max_accuracy_drop,
            validation_samples=args.validation_samples,
            exact=exact,
            jobs=1,
        )
        for share in (False, True):
            runs = [compare(args.model, settings, share) for _ in range(args.repeats)]
            way = "common beginnings shared" if share else "whole runs"
            print(f"{space}, {way}, {args.candidates}, median of {args.repeats}")
            for key in runs[0]:
                values = [run[key] for run in runs if run[key] is not None]
                print(f"  {key:28}{statistics.median(values):.4g}" if values else f"  {key:28}-")


if __name__ == "__main__":
    main()
