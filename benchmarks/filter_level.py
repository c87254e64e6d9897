"""Filter level on LeNet-5: two multipliers for each of 22 filters, 2^22 assignments.

    python benchmarks/filter_level.py [--quick] [--candidates A,B] [--evaluations N] [--json FILE]

MNIST's 10,000 test images, split into calibration, validation and test; the network and the images
are read from the reference collection beside the checkout (shared/data). The first two convolutions
have 6 and 16 filters; the other layers are excluded, and run exact in the library's operators. No
filter stays exact. Seconds are processor time of one thread. Printed are

- the time of one assignment on all validation images in one session, run whole, times 2^22, over
  scoring and solving: from the quantised model to the predicted front, as at layer level; over
  scoring and all that the search does between its measurements; and over the whole of the search.
  An exhaustive search that computes common beginnings once takes less; its rate in the sub-space
  is told beside it;
- the cheapest choice of the predicted front within the budget, when nothing is measured;
- what the search at layer level finds in the same run, all 4 assignments measured, and whether
  any of them is cheaper than what filter level measured at no lower accuracy;
- an exhaustive search of 2^10 assignments: free are the ten filters whose multipliers the scores
  tell apart least (damage per energy saved nearest to the median), the others have the multipliers
  that the search chose. Regret of the search's choice, and hypervolume of all that it measured over
  that of the whole sub-space.

Everything is measured on the validation split, one thread; the choice's accuracy on the test split.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.chosen_multipliers import choose_multipliers
from hawx_onnx.frontend.model import load_model
from hawx_onnx.hardware import load_target
from hawx_onnx.passes import Calibrate, Score
from hawx_onnx.passes.staged_probe import StagedProbe
from hawx_onnx.predictors.enough_samples import EnoughSamples
from hawx_onnx.preparation import quantized_state
from hawx_onnx.prepared import Prepared
from hawx_onnx.run_data import load_data
from hawx_onnx.runtime.evaluate import accuracy
from hawx_onnx.search import Limits, Measurer, SearchResult, select
from hawx_onnx.search.pareto import non_dominated
from hawx_onnx.search.pool import build_pool
from hawx_onnx.search.problem import Choice, Problem
from hawx_onnx.search.result import Point, collect_points, hypervolume
from hawx_onnx.selection import Searcher
from hawx_onnx.settings import Settings
from hawx_onnx.validation_runs import ValidationRuns

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MODEL = DATA / "models" / "lenet5_mnist_pytorch_fp32.onnx"
PREPROCESSING = {"resize": [32, 32], "scale": 255, "mean": [0.1307], "std": [0.3081]}
FREE = 10
SPEEDUP = 3e7
EXCLUDED = ("Conv_6", "Gemm_9", "Gemm_11")


def prepared_lenet(settings: Settings) -> Prepared:
    """The int8 network with its first two convolutions as candidates, scored channel by channel."""
    source, multipliers = load_model(MODEL), choose_multipliers(settings)
    dataset = load_data(source, settings)
    state = quantized_state(source, dataset, multipliers, lambda text: None)
    state = Calibrate(1)(state)
    enough = EnoughSamples(settings.max_accuracy_drop)
    score = Score(settings.score_samples, 1, enough=enough, kept=EXCLUDED)
    score(state)  # warms up
    state = score(state)
    target = load_target(settings.target)
    return Prepared(MODEL, source, state, dataset, True, target, ())


def predict(prepared: Prepared, settings: Settings) -> tuple[float, Choice]:
    """Seconds from scores to the predicted front, and the cheapest choice within the budget."""
    start = time.perf_counter()
    searcher = Searcher(prepared, settings)
    problem, surrogate = searcher.problem, searcher.surrogate
    pool, _ = build_pool(problem, surrogate.damages())
    picks = problem.encode(pool)
    costs = problem.scores_of(picks)
    accuracies = surrogate.accuracies([tuple(row) for row in picks.tolist()])
    drops = surrogate.accuracy((0,) * len(problem.units)) - accuracies
    non_dominated(np.stack([costs, drops], axis=1))
    within = np.flatnonzero(drops <= settings.max_accuracy_drop + 1e-6)
    # Where none is, the least harmful one.
    best = within[costs[within].argmin()] if within.size else drops.argmin()
    return time.perf_counter() - start, pool[best]


def seconds_of_one(prepared: Prepared, searcher: Searcher, repeats: int) -> float:
    """Median time of one random assignment on all validation images, in one session."""
    network = ValidationRuns(prepared.state, prepared.dataset.validation, 0, 1, share=False)
    measurer = Measurer(network, searcher.problem, Limits(early_stop=False))
    measurer.baseline()
    rng = np.random.default_rng(0)
    seconds = []
    for _ in range(repeats):
        picks = [int(rng.integers(one.start, one.stop)) for one in searcher.problem.options]
        start = time.perf_counter()
        measurer.measure(searcher.problem.decode(picks))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def free_units(searcher: Searcher, count: int) -> list[int]:
    """The units whose damage per cost saved is nearest to the median of all."""
    cost = searcher.problem.terms.per_layer
    damage = searcher.surrogate.damages()["output"]
    saved = np.abs(cost[:, 1] - cost[:, 2])
    ratio = np.log(np.maximum(np.abs(damage[:, 2] - damage[:, 1]), 1e-300) / saved)
    filters = [row for row, unit in enumerate(searcher.problem.units) if unit.channels is not None]
    order = np.argsort(np.abs(ratio - np.median(ratio[filters])), kind="stable")
    return sorted([row for row in order.tolist() if row in filters][:count])


def sub_space(
    prepared: Prepared, searcher: Searcher, chosen: Point, free: Sequence[int]
) -> tuple[SearchResult, float]:
    """Measures all assignments of some units' multipliers, the others as chosen; and its time."""
    problem = searcher.problem
    base = problem.encode([chosen.choice])[0]
    picks = []
    for some in itertools.product((1, 2), repeat=len(free)):
        row = base.copy()
        row[list(free)] = some
        picks.append(problem.decode(row.tolist()))
    network = ValidationRuns(prepared.state, prepared.dataset.validation, 0, 1)
    limits = Limits(early_stop=False, block=network.block)
    measurer = Measurer(network, problem, limits)
    start = time.perf_counter()
    measurer.measure_all(picks)
    seconds = time.perf_counter() - start
    points = collect_points(problem, measurer, picks)
    baseline = measurer.baseline().value
    result = SearchResult("sub-space", points, baseline, len(picks), 0.0, 0.0, seconds, len(picks))
    return result, seconds


def free_cost(problem: Problem, choice: Choice) -> float:
    """What is minimised; of energy, that of the layers whose filters are chosen alone.

    The energy of the others is always the same, and would make all choices look alike.
    """
    report = problem.report(choice)
    if problem.objectives != ("energy",):
        return problem.objective_of(report.total)
    return sum(one.energy_uj for one in report.layers if one.name not in EXCLUDED)


def multiplication_energy(problem: Problem, choice: Choice) -> float:
    """What multiplications of the layers whose filters are chosen take, in microjoules."""
    layers = problem.report(choice).layers
    return sum(one.energy_parts.multiplication_uj for one in layers if one.name not in EXCLUDED)


def dearer_than_layers(searcher: Searcher, ours: SearchResult, layers: SearchResult) -> list[float]:
    """For each choice of layers: cost of our cheapest one at no lower accuracy, over its own."""

    def cost(choice: Choice) -> float:
        return free_cost(searcher.problem, choice)

    ratios = []
    for point in layers.points:
        assert point.measured_accuracy is not None
        alike = [
            cost(one.choice)
            for one in ours.points
            if one.complete and (one.measured_accuracy or 0.0) >= point.measured_accuracy
        ]
        ratios.append(min(alike, default=np.inf) / cost(point.choice))
    return ratios


def measure(settings: Settings, free: int, repeats: int) -> dict[str, Any]:
    """One run of everything."""
    prepared = prepared_lenet(settings)
    searcher = Searcher(prepared, settings)
    one = seconds_of_one(prepared, searcher, repeats)
    predict(prepared, settings)  # warms up
    predicting, winner = predict(prepared, settings)
    ours = searcher.run("hawx")
    layers = Searcher(prepared, replace(settings, granularity="layer")).run("exhaustive")
    problem = searcher.problem
    chosen, of_layers = select(problem, ours), select(problem, layers)
    if chosen is None or of_layers is None:
        raise SystemExit("no assignment meets the budget: give a larger --max-accuracy-drop")
    units = free_units(searcher, free)
    whole, seconds = sub_space(prepared, searcher, chosen, units)
    best = select(problem, whole)
    assert best is not None  # the choice is one of them
    exact = problem.objective_of(problem.report(problem.exact_choice).total)
    test = prepared.dataset.test
    hits = {
        name: accuracy(_outputs(prepared, choice, test.x), test.y).value
        for name, choice in (
            ("exact", problem.exact_choice),
            ("chosen", chosen.choice),
            ("predicted", winner),
        )
    }
    filters = [
        f"{problem.workloads[unit.layer].name}:{(unit.channels or (0,))[0]}"
        for unit in (problem.units[row] for row in units)
    ]
    exhaustive = one * problem.space_size
    return {
        "space_size": problem.space_size,
        "validation_samples": len(prepared.dataset.validation),
        "seconds_of_one": one,
        "exhaustive_seconds_estimate": exhaustive,
        "scoring_seconds": ours.scoring_seconds,
        "solving_seconds": ours.solving_seconds,
        "measuring_seconds": ours.measuring_seconds,
        "evaluations": ours.evaluations,
        "predicting_seconds": predicting,
        "speedup": exhaustive / (ours.scoring_seconds + predicting),
        "speedup_solving_of_search": exhaustive / (ours.scoring_seconds + ours.solving_seconds),
        "speedup_whole": exhaustive / ours.seconds,
        "validation_drop": ours.baseline_accuracy - (chosen.measured_accuracy or 0.0),
        "test_drop": hits["exact"] - hits["chosen"],
        "test_drop_predicted": hits["exact"] - hits["predicted"],
        "cost_of_predicted_over_layers": free_cost(problem, winner)
        / free_cost(problem, of_layers.choice),
        "cost_over_layers": free_cost(problem, chosen.choice)
        / free_cost(problem, of_layers.choice),
        "worst_over_layers_at_equal_accuracy": max(dearer_than_layers(searcher, ours, layers)),
        "multiplication_energy_saved": 1
        - multiplication_energy(problem, chosen.choice)
        / multiplication_energy(problem, problem.exact_choice),
        "free_filters": filters,
        "sub_space_size": len(whole.points),
        "sub_space_seconds_of_one": seconds / len(whole.points),
        "regret": (problem.objective_of(chosen.totals) - problem.objective_of(best.totals)) / exact,
        "hypervolume_ratio": hypervolume(problem, ours) / hypervolume(problem, whole),
    }


def _outputs(prepared: Prepared, choice: Choice, x: np.ndarray) -> np.ndarray:
    """Outputs of the int8 network under a choice."""
    state = prepared.state
    return StagedProbe(state.model, state.candidates, state.multipliers, 1).outputs(0, x, choice)


def main(words: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", default="mul8s_trunc3,mul8s_trunc4")
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--score-samples", type=int, default=256)
    parser.add_argument("--max-accuracy-drop", type=float, default=0.01)
    parser.add_argument("--target", default="temporal")
    parser.add_argument("--objective", default="energy")
    parser.add_argument("--repeats", type=int, default=9, help="timed assignments (default: 9)")
    parser.add_argument("--quick", action="store_true", help="few images, 2^4 assignments measured")
    parser.add_argument("--json", metavar="FILE", help="write everything to a file")
    args = parser.parse_args(words)
    if not MODEL.is_file():
        print("left out: shared/data is not beside this checkout")
        return
    # So that other programs on the machine do not count, in the package's own figures either.
    time.perf_counter = time.process_time
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "mnist.yaml")
        file.write_text(json.dumps(PREPROCESSING), encoding="utf-8")  # JSON is YAML
        settings = Settings(
            data=str(DATA / "mnist_test.npz"),
            preprocess=str(file),
            candidates=(args.candidates,),
            max_accuracy_drop=args.max_accuracy_drop,
            confidence=0.5,  # published figures go by measured drops
            validation_samples=500 if args.quick else 5000,
            score_samples=64 if args.quick else args.score_samples,
            max_evaluations=min(args.evaluations, 12) if args.quick else args.evaluations,
            granularity="filter",
            objective=(args.objective,),
            target=args.target,
            exact=False,
            exclude=EXCLUDED,
            jobs=1,
        )
        found = measure(settings, 4 if args.quick else FREE, 3 if args.quick else args.repeats)
    for key, value in found.items():
        print(f"{key:38}{value:.4g}" if isinstance(value, float) else f"{key:38}{value}")
    met = "pass" if found["speedup"] >= SPEEDUP else "short"
    print(f"{'speedup, limit ' + format(SPEEDUP, '.0e'):38}{met}")
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
