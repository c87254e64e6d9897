"""Fidelity and cost of sensitivities, on samples that were not used for scoring.

    python benchmarks/sensitivity.py [--quick] [--only PARTS] [--markdown] [--json FILE]

Fidelity, operator level: predicted mean and spread of accumulated errors against those of the
integer operators over held-out samples, for every channel of every layer under every multiplier.
Channels: predicted change of the outputs against channels that are run approximated alone. Models:
predicted accuracy and change of the outputs against assignments that are run on test images.
Cost: operator (and filter) level over exact int8 passes of the same samples, layer level over the
sum of its own partial runs, all levels on LeNet-5, and the peak memory of a whole `analyze`.
Times are seconds of the processor with one thread. LeNet-5 for digits comes with this repository;
LeNet-5 for MNIST, ResNet-20 and the multipliers of EvoApproxLib are read from the collection
beside the checkout (shared/) and left out where that is missing. The full run takes ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# numpy's own threads would take the cores from one another's runs.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from scoring.channels import RANKS as CHANNEL_RANKS
from scoring.channels import channel_rows
from scoring.cost import all_levels_seconds, level_rows, memory_row
from scoring.fidelity import LIMIT, RANKS, fidelity_table, operator_rows
from scoring.subjects import TABLES, TWO, Subject, halves, multipliers, state_of, subjects
from scoring.whole import OUTPUT_RANKS, model_row
from side_by_side.markdown import table

from hawx_onnx.memory import parse_bytes

QUICK = 200  # samples of each half
PASSES, RUNS, SECONDS = 100, 1.3, 1.0
LIMITS = ("2G", "512M")
PARTS = ("fidelity", "channels", "models", "cost")
FOUR = ("mul8s_1KVA", "mul8s_1KX2", "mul8s_1L2H", "mul8s_1KTY")
ACCURACY_RANKS = {"LeNet-5, MNIST": 0.92, "ResNet-20": 0.90}
IMAGES = {"LeNet-5, MNIST": 10_000, "ResNet-20": 1_000}


def fidelity(found: Sequence[Subject], quick: bool) -> list[dict[str, Any]]:
    """Rows of the operator level."""
    rows = []
    for subject in found:
        chosen = multipliers(TWO, signed=False) if quick else multipliers()
        data = halves(subject, QUICK if quick else None)
        rows += operator_rows(subject.name, state_of(subject, data, chosen))
    return rows


def channels(found: Sequence[Subject], quick: bool) -> list[dict[str, Any]]:
    """Rows of the filter level: all channels of LeNet-5, random ones of others."""
    rows = []
    for subject in found:
        every = "LeNet" in subject.name
        few = quick or not TABLES.is_file()
        chosen = multipliers(TWO, signed=False) if few else multipliers((), signed=True)
        if every and not few:
            chosen = tuple(m for m in chosen if m.is_exact or m.name in FOUR)
        rows += channel_rows(subject.name, state_of(subject, halves(subject), chosen), every=every)
    return rows


def whole(found: Sequence[Subject]) -> list[dict[str, Any]]:
    """Rows of the model level: two candidates for LeNet-5, all signed ones for ResNet-20."""
    rows = []
    for subject in found:
        if subject.data:
            many = TABLES.is_file() and "LeNet" not in subject.name
            chosen = multipliers(() if many else TWO, signed=many)
            rows.append(model_row(subject, chosen, IMAGES[subject.name]))
    return rows


def cost(found: Sequence[Subject], quick: bool) -> dict[str, Any]:
    """Rows of times and of memory, and the time of all levels."""
    levels, memory = [], []
    for subject in found:
        chosen = multipliers(TWO if quick else TWO[:1], signed=not quick)
        levels += level_rows(subject.name, state_of(subject, halves(subject, 512), chosen))
        names = ",".join(m.name for m in chosen[1:])
        library = None if quick or not TABLES.is_file() else TABLES
        memory += [memory_row(subject, limit, names, library) for limit in LIMITS[quick:]]
    state = state_of(found[0], halves(found[0], 512), multipliers(TWO, signed=False))
    return {"levels": levels, "memory": memory, "all_levels_seconds": all_levels_seconds(state)}


def channel_table(rows: Sequence[dict[str, Any]]) -> str:
    """One line for each layer."""
    heads = ("network", "layer", "channels x multipliers", "Spearman", "first order alone")
    heads += ("two halves of the samples", "within a multiplier, at least", "predicted / measured")
    keys = ("spearman", "first_order_spearman", "two_halves_spearman", "within_multiplier_least")
    lines = []
    for row in rows:
        shown = ["-" if row[k] is None else f"{row[k]:.3f}" for k in keys]
        ratio = f"{row['median_ratio']:.2f}"
        lines.append([row["network"], row["layer"], row["pairs"], *shown, ratio])
    return table(heads, lines)


def model_table(rows: Sequence[dict[str, Any]]) -> str:
    """One line for each network."""
    heads = ("network", "candidates", "assignments", "test images", "measured accuracy")
    heads += ("Spearman, accuracy", "Spearman, change of the outputs", "accuracy off by, mean")
    lines = []
    for row in rows:
        low, high = row["accuracy_range"]
        lines.append(
            [
                *(row["network"], row["candidates"], row["assignments"], row["samples"][1]),
                f"{100 * low:.1f} to {100 * high:.1f} %",
                f"{row['accuracy_spearman']:.3f}",
                f"{row['output_spearman']:.3f}",
                f"{100 * row['accuracy_mae']:.2f} points",
            ]
        )
    return table(heads, lines)


def cost_tables(found: dict[str, Any]) -> str:
    """Times, then memory."""
    lines = []
    for row in found["levels"]:
        ratios, seconds = row["of_exact_passes"], row["exact_pass_seconds"]
        lines.append(
            [
                *(row["network"], row["multipliers"], f"{row['operator_seconds']:.2f} s"),
                f"{row['filter_seconds']:.2f} s",
                *(
                    f"{ratios[k]:.1f} ({1e3 * seconds[k]:.0f} ms)"
                    for k in ("onnxruntime", "library")
                ),
                *(f"{row['layer_seconds']:.2f} s", f"{row['layer_of_runs']:.2f}"),
                f"{row['stream_of_runs']:.2f}",
            ]
        )
    heads = (
        *("network", "multipliers", "operator level", "filter level"),
        *(
            "both in exact passes of onnxruntime",
            "of the library",
            "layer level",
            "over its own runs",
            "without set-up",
        ),
    )
    memory = [[row["network"], row["limit"], peak_of(row)] for row in found["memory"]]
    both = (table(heads, lines), table(("network", "limit", "peak"), memory))
    return "\n\n".join(both)


def peak_of(row: dict[str, Any]) -> str:
    """Peak memory in words."""
    if row["needs"]:
        return f"refused, needs {row['needs']}"
    return f"{row['peak_bytes'] / 2**20:.0f}M"


def rank_verdicts(
    alone: Sequence[dict[str, Any]], models: Sequence[dict[str, Any]]
) -> list[tuple[str, bool]]:
    """Targets of the filter level and of the model level."""
    found = []
    for row in alone:
        rank, where = row["spearman"], f"{row['network']}, {row['layer']}"
        told = f"{where}: Spearman of single channels {rank:.3f}, at least {CHANNEL_RANKS}"
        found.append((told, rank >= CHANNEL_RANKS))
    for row in models:
        least = {"accuracy": ACCURACY_RANKS[row["network"]], "output": OUTPUT_RANKS}
        for kind, wanted in least.items():
            rank = row[f"{kind}_spearman"]
            if kind == "accuracy" or "LeNet" in row["network"]:
                told = f"{row['network']}: Spearman of {kind} {rank:.3f}, at least {wanted}"
                found.append((told, rank >= wanted))
    return found


def verdicts(rows: Sequence[dict[str, Any]], costs: dict[str, Any]) -> list[tuple[str, bool]]:
    """Targets of the operator level, and of times and memory."""
    found = []
    for row in rows:
        where = f"{row['network']}, {row['layer']}"
        mean, ranks = row["mean_deviation_max"], row["std_spearman"]
        found.append((f"{where}: mean off by at most {mean:.3f}, limit {LIMIT}", mean <= LIMIT))
        if ranks is not None:
            told = f"{where}: Spearman of the spread {ranks:.3f}, at least {RANKS}"
            found.append((told, ranks >= RANKS))
    for row in costs.get("levels", ()):
        for name, ratio in row["of_exact_passes"].items():
            told = f"{row['network']}: {ratio:.1f} exact passes of {name}, limit {PASSES}"
            found.append((told, ratio <= PASSES))
        told = f"{row['network']}: layer level {row['layer_of_runs']:.2f} of its runs, limit {RUNS}"
        found.append((told, row["layer_of_runs"] <= RUNS))
    for row in costs.get("memory", ()):
        told = f"{row['network']}: peak {peak_of(row)}, limit {row['limit']}"
        found.append((told, (row["peak_bytes"] or 0) <= parse_bytes(row["limit"])))
    if costs:
        seconds = costs["all_levels_seconds"]
        found.append(
            (f"all levels on LeNet-5: {seconds:.2f} s, limit {SECONDS} s", seconds <= SECONDS)
        )
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default="", help="parts of names, separated by commas")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument(
        "--quick", action="store_true", help="the shipped LeNet-5 alone, few samples"
    )
    parser.add_argument("--markdown", action="store_true", help="tables for docs/sensitivity.md")
    parser.add_argument("--json", metavar="FILE", help="write everything to a file")
    args = parser.parse_args(words)
    wanted = [word for word in args.networks.split(",") if word]
    every = subjects()[:1] if args.quick else subjects()
    found = [s for s in every if not wanted or any(word in s.name for word in wanted)]
    for subject in [s for s in found if not s.there]:
        print(f"{subject.name} is left out: shared/data is not beside this checkout")
        found.remove(subject)
    if not found:
        parser.error(f"--networks: there are {', '.join(s.name for s in every)}")
    chosen = {
        part: [s for s in found if s.serves(part)] if part in args.only else [] for part in PARTS
    }
    rows = fidelity(chosen["fidelity"], args.quick)
    alone = channels(chosen["channels"], args.quick)
    models = whole(chosen["models"])
    costs = cost(chosen["cost"], args.quick) if chosen["cost"] else {}
    for told, met in (*verdicts(rows, costs), *rank_verdicts(alone, models)):
        print(f"{'pass ' if met else 'short'}  {told}")
    if args.markdown:
        parts = (
            (fidelity_table, rows),
            (channel_table, alone),
            (model_table, models),
            (cost_tables, costs),
        )
        for show, part in parts:
            print("", *([show(part)] if part else []), sep="\n")
    if args.json:
        document = {"fidelity": rows, "channels": alone, "models": models, "cost": costs}
        Path(args.json).write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
