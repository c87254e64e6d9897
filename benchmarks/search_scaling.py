"""How the time of a search grows with layers x candidates, beyond scoring and measuring.

    python benchmarks/search_scaling.py [--quick] [--evaluations N] [--json FILE]

Networks of the reference collection beside the checkout (shared/data), their real layers and
filters, 2 to 13 candidates, layer and filter level. Scores are random, of 256 samples, and runs of
the network are answered from numbers of the same kind, such that some of the layers at the coarsest
multiplier use the budget up. Timed is the search alone, in processor time of all threads, without
imports and without what answers the runs. Printed are the times, how many choices were measured,
and for each level the exponent of (layers x candidates), fitted by least squares to the logarithms;
the target is at most 1. A search that ended before its evaluations were used up says little of how
it grows: a second exponent leaves such rows out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx import components
from hawx_onnx.components import Multiplier
from hawx_onnx.costing import model_workloads
from hawx_onnx.frontend.model import load_model
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.predictors import FilterSurrogate, ResponseSurrogate
from hawx_onnx.search import Limits, Measurer, Problem, search_hawx
from hawx_onnx.search.problem import Choice
from hawx_onnx.search.units import Unit, channel_units
from hawx_onnx.sensitivity import GRADIENT, FilterScore, Sensitivity

MODELS = Path(__file__).resolve().parents[2] / "shared" / "data" / "models"
NETWORKS = ("lenet5_mnist_pytorch", "vgg11_cifar10", "resnet18w32_cifar10", "resnet20_cifar10")
CANDIDATES = (2, 3, 5, 8, 13)
HEAD = ("level", "network", "layers", "candidates", "units", "measured", "seconds")
SAMPLES, VALIDATED, CLASSES, BATCH = 256, 1000, 10, 250
# How far all layers at the coarsest multiplier move an output together, in standard deviations of
# the exact ones; the true class is five ahead. All of them lower the accuracy by five points or so,
# and the budget is one.
FARTHEST = 1.5
LIMIT = 1.0


class Answers:
    """Answers runs of a network from sums of random moves of the outputs, layer by layer."""

    sizes = (BATCH,) * (VALIDATED // BATCH)

    def __init__(self, layers: int, multipliers: int, rng: np.random.Generator) -> None:
        self.labels = rng.integers(0, CLASSES, VALIDATED)
        self.baseline = rng.standard_normal((VALIDATED, CLASSES)).astype(np.float32)
        self.baseline[np.arange(VALIDATED), self.labels] += 5
        size = FARTHEST * np.linspace(0, 1, multipliers) / np.sqrt(layers)
        self.moves = rng.standard_normal((layers, VALIDATED, CLASSES)).astype(np.float32)
        self.size = size.astype(np.float32)
        self.seconds = 0.0

    def prepare(self, choices: Sequence[Choice]) -> None:
        """Nothing to do."""

    def expect(self, choices: Sequence[Choice], batches: range) -> None:
        """Nothing is run before it is asked for."""

    def forget(self, batch: int) -> None:
        """Nothing to do."""

    def scores(self, choice: Choice, batch: int) -> np.ndarray:
        """Which classes are right; a layer of several multipliers moves by their mean."""
        start = time.process_time()
        rows = slice(batch * BATCH, (batch + 1) * BATCH)
        sizes = np.array([self.size[np.array(entry)].mean() for entry in choice], np.float32)
        moved = np.tensordot(sizes, self.moves[:, rows], 1)
        found = np.asarray((self.baseline[rows] + moved).argmax(axis=1) == self.labels[rows])
        self.seconds += time.process_time() - start
        return found


def workloads_of(name: str) -> tuple[LayerWorkload, ...]:
    """The layers of a network that would get multipliers."""
    return model_workloads(load_model(MODELS / f"{name}_fp32.onnx"))


def scores_of(
    workloads: Sequence[LayerWorkload], multipliers: int, rng: np.random.Generator
) -> Sensitivity:
    """Random scores: damage grows from one multiplier to the next."""
    labels = rng.integers(0, CLASSES, SAMPLES)
    baseline = rng.standard_normal((SAMPLES, CLASSES)).astype(np.float32)
    baseline[np.arange(SAMPLES), labels] += 5
    growth = FARTHEST * np.linspace(0, 1, multipliers, dtype=np.float32) / np.sqrt(len(workloads))
    growth = growth.astype(np.float32)
    filters = {}
    for work in workloads:
        shape = (multipliers, work.filters, SAMPLES)
        shifts = rng.standard_normal(shape).astype(np.float32) / np.float32(work.filters**0.5)
        shifts *= growth[:, None, None]
        squared = (shifts.astype(np.float64) ** 2).mean(axis=2)
        filters[work.name] = FilterScore(squared, squared, shifts.mean(axis=2), shifts, GRADIENT)
    shape4 = (len(workloads), multipliers, SAMPLES, CLASSES)
    responses = rng.standard_normal(shape4).astype(np.float32) * growth[:, None, None]
    names = tuple(work.name for work in workloads)
    of_types = tuple(f"m{index}" for index in range(multipliers))
    return Sensitivity(names, of_types, {}, baseline, responses, labels, filters)


def multipliers_of(count: int) -> tuple[Multiplier, ...]:
    """The exact multiplier and signed ones, evenly by energy, the cheapest among them."""
    signed = [components.load(name) for name in components.names() if name.startswith("mul8s_")]
    ranked = sorted(
        (m for m in signed if m.cost is not None and not m.is_exact),
        key=lambda m: -(m.cost.energy_fj if m.cost else 0.0),
    )
    places = np.linspace(len(ranked) - 1, 0, count - 1).round().astype(int)[::-1]
    return (components.load("mul8s_exact"), *(ranked[place] for place in places))


def seconds(
    workloads: tuple[LayerWorkload, ...], count: int, level: str, evaluations: int
) -> tuple[float, int, int]:
    """Processor time of one search without what the network takes, units, measured choices."""
    rng = np.random.default_rng(count)
    sensitivity = scores_of(workloads, count, rng)
    network = Answers(len(workloads), count, rng)
    target = load_target("temporal")
    units: tuple[Unit, ...] = ()
    if level == "filter":
        orders = [range(work.filters) for work in workloads]
        units = channel_units(orders, target.channels_together(workloads))
    problem = Problem(workloads, multipliers_of(count), target, "energy", units=units)
    measurer = Measurer(network, problem, Limits(evaluations))
    surrogate = FilterSurrogate(sensitivity, units) if units else ResponseSurrogate(sensitivity)
    start = time.process_time()
    search_hawx(problem, measurer, surrogate)
    taken = time.process_time() - start - network.seconds
    return taken, len(problem.units), measurer.evaluations


def exponent(rows: Sequence[dict[str, Any]]) -> float:
    """Of layers x candidates, by least squares over logarithms."""
    size = np.log([row["layers"] * row["candidates"] for row in rows])
    return float(np.polyfit(size, np.log([row["seconds"] for row in rows]), 1)[0])


def main(words: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--levels", default="layer,filter")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--quick", action="store_true", help="one network, three sizes")
    parser.add_argument("--json", metavar="FILE", help="write everything to a file")
    args = parser.parse_args(words)
    if not MODELS.is_dir():
        print("left out: shared/data is not beside this checkout")
        return
    rows = []
    names = args.networks.split(",")[: 1 if args.quick else None]
    # Imports and the first use of a library count for no network.
    seconds(workloads_of(names[0]), 5, "layer", 12)
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for level in args.levels.split(","):
        for name in names:
            workloads = workloads_of(name)
            for count in (2, 5) if args.quick else CANDIDATES:
                taken, units, measured = seconds(workloads, count, level, args.evaluations)
                row = {"level": level, "network": name, "layers": len(workloads)}
                row |= {"candidates": count, "units": units, "measured": measured}
                rows.append({**row, "seconds": taken})
                cells = f"{len(workloads)} | {count} | {units} | {measured} | {taken:.3g}"
                print(f"| {level} | {name} | {cells} |", flush=True)
    for level in args.levels.split(","):
        of_level = [row for row in rows if row["level"] == level]
        found = exponent(of_level)
        told = "pass" if found <= LIMIT else "short"
        print(f"{level} level: exponent {found:.2f}, limit {LIMIT:g}: {told}")
        whole = [row for row in of_level if row["measured"] >= args.evaluations]
        if len(whole) > 2:
            print(f"  of {len(whole)} searches that used all evaluations: {exponent(whole):.2f}")
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
