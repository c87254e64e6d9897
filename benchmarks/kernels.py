"""Speed of the approximate operators against onnxruntime's exact ones and a plain look-up loop.

    python benchmarks/kernels.py [--quick | --targets] [--shapes A,B] [--cases A,B] [--json FILE]

For each shape these take turns in one process: the exact operator (uint8 activations, int8 weights:
onnxruntime's fast path), the approximate one with multipliers of one to five products, with a table
without structure, with that and activation codes below 128, and a table look-up for each product in
plain C (lookup_loop.c, one thread, windows unfolded already). Every output is compared with the
loop's. Printed are medians; ratios count, since absolute times depend on the machine. A line is
called disturbed where other programs had the cores too often: repeat it, or use --wait.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from side_by_side import cases, loop, markdown, nodes, shapes, targets
from side_by_side.turns import Contender, Timing, take_turns

from hawx_onnx.runtime.library import describe_kernels

LOOP = "look-up loop"
AVX2_CASES = "rank 1,general"


def measure(
    shape: shapes.Shape,
    batch: int,
    chosen: Sequence[cases.Case],
    args: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Rows of results of one shape: the loop, then each case with each number of threads.

    Raises:
        SystemExit: An operator's output is not that of the loop.
    """
    layer = nodes.layer_of(shape)
    entries: list[tuple[str, cases.Case | None, Contender]] = []
    moved = nodes.activations(shape, batch, (-128, 127)).view(np.uint8) ^ 128
    for count in sorted(int(word) for word in args.threads.split(",")):
        run, _ = nodes.bound_run(nodes.exact_model(layer), moved, count)
        entries.append(("exact", None, Contender(run, count)))
        for case in chosen:
            x = nodes.activations(shape, batch, case.codes)
            run, output = nodes.bound_run(nodes.approximate_model(layer, case), x, count)
            if not np.array_equal(output, loop.loop_output(layer, x, case.table)):
                raise SystemExit(f"{shape.name}, batch {batch}, {case.name}: wrong output")
            entries.append((case.name, case, Contender(run, count)))
    x = nodes.activations(shape, batch, (-128, 127))
    run, _ = loop.loop_run(layer, x, cases.general_table())
    entries.insert(0, (LOOP, None, Contender(run, repeats=3)))
    contenders = [contender for *_, contender in entries]
    timings = take_turns(contenders, args.repeats, args.wait)
    return list(_rows(shape, batch, entries, timings))


def _rows(
    shape: shapes.Shape,
    batch: int,
    entries: Sequence[tuple[str, cases.Case | None, Contender]],
    timings: Sequence[Timing],
) -> Iterator[dict[str, Any]]:
    """Yields the results with their ratios."""
    seconds = {
        (name, contender.threads): timing.median
        for (name, _, contender), timing in zip(entries, timings, strict=True)
    }
    isa = describe_kernels(cases.general_table())["isa"]
    for (name, case, contender), timing in zip(entries, timings, strict=True):
        exact = seconds.get(("exact", contender.threads))
        one = seconds.get((name, 1))
        yield {
            "shape": shape.name,
            "op": shape.op,
            "batch": batch,
            "depth": shape.depth,
            "macs": shape.macs(batch),
            "case": name,
            "rank": case.rank if case else 0,
            "multiplier": case.multiplier if case else None,
            "isa": isa,
            "threads": contender.threads,
            "ms": 1e3 * timing.median,
            "least_ms": 1e3 * timing.least,
            "disturbed": timing.disturbed,
            "gmacs": shape.macs(batch) / timing.median / 1e9,
            "of_exact": timing.median / exact if exact else None,
            "times_loop": seconds[(LOOP, 1)] / timing.median,
            "times_one_thread": one / timing.median if one and contender.threads > 1 else None,
        }


# Key of a row, heading, width (left of 0), digits behind the point.
COLUMNS = (
    ("case", "case", -22, None),
    ("threads", "threads", 8, None),
    ("ms", "ms", 10, 3),
    ("gmacs", "GMAC/s", 9, 1),
    ("of_exact", "/ exact", 10, 2),
    ("times_loop", "x loop", 9, 1),
    ("times_one_thread", "x 1 thread", 13, 2),
)


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Prints the results of one shape."""
    first = rows[0]
    title = f"{first['shape']}, batch {first['batch']}, {first['macs'] / 1e6:.2f} M products"
    print(f"\n{title} in sums of {first['depth']}, {first['isa']}")
    print("".join(_cell(heading, width, None) for _, heading, width, _ in COLUMNS))
    for row in rows:
        mark = "  disturbed" if row["disturbed"] else ""
        print("".join(_cell(row[key], width, digits) for key, _, width, digits in COLUMNS) + mark)


def _cell(value: object, width: int, digits: int | None) -> str:
    text = "" if value is None else str(value) if digits is None else f"{value:.{digits}f}"
    return text.ljust(-width) if width < 0 else text.rjust(width)


def on_avx2(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of a process of its own in which the library uses nothing beyond AVX2."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        words = [sys.executable, __file__, "--json", str(file), "--threads", "1"]
        words += ["--cases", AVX2_CASES, "--repeats", str(args.repeats)]
        words += ["--shapes", args.shapes, "--batches", args.batches, "--wait", str(args.wait)]
        subprocess.run(words, env={**os.environ, "HAWX_ISA": "avx2"}, check=True)
        return json.loads(file.read_text())["rows"]


def print_verdicts(found: Sequence[targets.Verdict]) -> None:
    """Prints each target and whether it is met, the missed ones last."""
    print("\ntargets")
    for each in sorted(found, key=lambda one: (one.disturbed, not one.met)):
        print(
            f"  {'pass ' if each.met else 'short'} {each.shape:20} batch {each.batch:<4}"
            f"{each.case:22}{each.what:24}{each.value:8.2f}  limit {each.limit:g}"
            f"{'  disturbed' if each.disturbed else ''}"
        )
    told = [each for each in found if not each.disturbed]
    print(f"{sum(each.met for each in told)} of {len(told)} met", end="")
    print(f", {len(found) - len(told)} not to be told" if len(told) < len(found) else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", default="", help="parts of names, separated by commas")
    parser.add_argument("--cases", default="", help="names, separated by commas")
    parser.add_argument("--batches", default="", help="batches among those of the shapes")
    parser.add_argument("--threads", default="1,2", help="numbers of threads (default: 1,2)")
    parser.add_argument("--repeats", type=int, default=40, help="timed runs of each (default: 40)")
    parser.add_argument(
        "--wait", type=float, default=0.0, help="seconds for each shape to outwait other programs"
    )
    parser.add_argument("--quick", action="store_true", help="two small shapes, few runs")
    parser.add_argument("--targets", action="store_true", help="hold the figures to the targets")
    parser.add_argument("--markdown", action="store_true", help="tables for docs/performance.md")
    parser.add_argument("--json", metavar="FILE", help="write everything to a file")
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    args = _parser().parse_args(words)
    if args.quick:
        args.shapes, args.repeats = args.shapes or ",".join(shapes.QUICK), min(args.repeats, 5)
    batches = {int(word) for word in args.batches.split(",") if word}
    chosen = cases.named([word.strip() for word in args.cases.split(",") if word.strip()])
    rows: list[dict[str, Any]] = []
    for shape in shapes.named([word.strip() for word in args.shapes.split(",") if word.strip()]):
        for batch in shape.batches:
            if not batches or batch in batches:
                measured = measure(shape, batch, chosen, args)
                print_rows(measured)
                rows += measured
    if args.targets:
        rows += on_avx2(args)
    found = targets.verdicts(rows)
    if args.targets:
        print_verdicts(found)
    if args.markdown:
        print("", *markdown.kernel_tables(rows), sep="\n\n")
    if args.json:
        Path(args.json).write_text(json.dumps(_document(args, rows, found, chosen), indent=1))


def _document(
    args: argparse.Namespace,
    rows: list[dict[str, Any]],
    found: Sequence[targets.Verdict],
    chosen: Sequence[cases.Case],
) -> dict[str, Any]:
    """Everything that was measured, and where."""
    factors = [case.factors.copy() for case in chosen]
    for number, rows_of_case in enumerate(factors):
        rows_of_case[:, 0] = number
    tables = np.stack([case.table for case in chosen])
    described = describe_kernels(tables, np.concatenate(factors))
    return {
        "machine": platform.machine(),
        "cpu": described["cpu"],
        "isa": described["isa"],
        "onnxruntime": onnxruntime.__version__,
        "repeats": args.repeats,
        "kernels": {case.name: k for case, k in zip(chosen, described["chosen"], strict=True)},
        "rows": rows,
        "targets": [each.document() for each in found],
    }


if __name__ == "__main__":
    main()
