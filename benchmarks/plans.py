"""What structure each truth table has for kernels to use, and how long finding it takes.

    python benchmarks/plans.py                    # built-in multipliers
    python benchmarks/plans.py --library FILE     # those of an .npz or .npy file

Times are processor time of one run. The table that it prints is Markdown, as in
docs/architecture.md.
"""

from __future__ import annotations

import argparse
import time

from hawx_onnx import components


def types(plan: components.KernelPlan) -> str:
    """The types of all factors, left x right."""
    found = plan.factorization
    if found is None or not plan.terms:
        return "-"
    sides = ("/".join(sorted(set(side))) for side in (found.left_types, found.right_types))
    return " x ".join(sides)


def main() -> None:
    """Prints one row for each multiplier, and the slowest."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--library", default="builtin", help="builtin, or an .npz or .npy file")
    library = components.load_library(parser.parse_args().library)
    print("| multiplier | rank T | rank E | plan | terms | factors | rows | columns | ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    slowest = 0.0
    for multiplier in library:
        start = time.thread_time()
        plan = multiplier.plan
        taken = 1e3 * (time.thread_time() - start)
        slowest = max(slowest, taken)
        cells = (
            *(multiplier.name, multiplier.rank, multiplier.error_rank, plan.kind),
            *(plan.terms or "-", types(plan), plan.distinct_rows, plan.distinct_columns),
        )
        print("| " + " | ".join(str(cell) for cell in cells) + f" | {taken:.0f} |")
    print(f"\n{len(library)} multipliers, the slowest plan took {slowest:.0f} ms")


if __name__ == "__main__":
    main()
