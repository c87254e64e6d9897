"""Search at layer level against measured exhaustive search, all in one run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/search.py [--repeats N] [--targets] [--json FILE]
        [--candidates A,B] [--model M --data D --preprocess P] [--seed S]

Both spaces of two candidate multipliers are searched: 3^5 = 243 assignments of LeNet-5 with exact
layers allowed, and 2^5 = 32 without. By default the network and the 10,000 test images of MNIST of
the reference collection beside the checkout, cut into calibration, validation and test; where it
is missing, the shipped LeNet-5 on digits.

Measured is the processor time of one thread; of all but exhaustive search, medians over repeats:

- exhaustive search over all validation images, in two ways: every assignment whole, in one session
  that runs any of them; and with common beginnings of assignments run once, as the commands do;
- scoring (sessions included) and solving: from the quantised model to the predicted front;
- the predicted winner run on all test images, its session included;
- the whole predicted front, and the exact network, measured on the validation images together.

The search without measurements chooses the cheapest assignment predicted within the budget, the one
with its front measured the cheapest measured within it. Regret and hypervolume are those of the
exhaustive search's own measurements on the validation images.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scoring.subjects import SHARED
from side_by_side.search_table import lines, verdicts

from hawx_onnx import models
from hawx_onnx.passes import PassState, Score
from hawx_onnx.predictors import ResponseSurrogate
from hawx_onnx.predictors.enough_samples import EnoughSamples
from hawx_onnx.preparation import prepare
from hawx_onnx.prepared import Prepared
from hawx_onnx.search import Problem, SearchResult
from hawx_onnx.search.pareto import non_dominated
from hawx_onnx.search.pool import build_pool
from hawx_onnx.search.problem import Choice
from hawx_onnx.search.result import collect_points, hypervolume, select
from hawx_onnx.selection import Searcher, make_problem
from hawx_onnx.settings import Settings
from hawx_onnx.validation_runs import ValidationRuns

MNIST = {"resize": [32, 32], "scale": 255.0, "mean": [0.1307], "std": [0.3081]}
# One thread does all the work, and other programs on the machine do not count.
clock = time.process_time


@dataclass(frozen=True)
class Predicted:
    """What scoring and solving give: the front and the winner, and their seconds."""

    state: PassState
    problem: Problem
    front: tuple[Choice, ...]
    winner: Choice
    scoring: float
    solving: float


def predict(prepared: Prepared, settings: Settings) -> Predicted:
    """Scores the prepared network anew and solves the problem without a measurement."""
    start = clock()
    enough = EnoughSamples(settings.max_accuracy_drop)
    score = Score(settings.score_samples, 1, settings.memory_bytes, False, enough)
    state = score(prepared.state)
    scored = clock()
    assert state.sensitivity is not None
    problem, surrogate = make_problem(prepared, settings), ResponseSurrogate(state.sensitivity)
    pool, _ = build_pool(problem, surrogate.damages())
    costs = problem.scores(pool)
    exact = surrogate.accuracy((0,) * len(problem.units))
    drops = exact - surrogate.accuracies([tuple(row) for row in problem.encode(pool).tolist()])
    front = np.flatnonzero(non_dominated(np.stack([costs, drops], axis=1)))
    within = np.flatnonzero(drops <= settings.max_accuracy_drop + 1e-6)
    # Where none is, the least harmful one.
    winner = within[costs[within].argmin()] if within.size else drops.argmin()
    done = clock()
    chosen = tuple(pool[row] for row in front)
    return Predicted(state, problem, chosen, pool[winner], scored - start, done - scored)


def confirm(prepared: Prepared, choice: Choice) -> tuple[float, np.ndarray]:
    """Seconds, session included, and which of the test images are right."""
    start = clock()
    runs = ValidationRuns(prepared.state, prepared.dataset.test, 0, 1, share=False)
    found = [runs.scores(choice, batch) for batch in range(len(runs.sizes))]
    return clock() - start, np.concatenate(found)


def measure_front(searcher: Searcher, found: Predicted) -> tuple[float, SearchResult]:
    """Seconds and points of the predicted front, measured on the validation images."""
    start = clock()
    measurer = searcher.measurer("hawx")
    exact = found.problem.exact_choice
    # Together, so that the exact network shares its beginnings too.
    baseline, *_ = measurer.measure_all(list(dict.fromkeys((exact, *found.front))))
    seconds = clock() - start
    assert baseline is not None
    points = collect_points(found.problem, measurer, found.front)
    size = found.problem.space_size
    return seconds, SearchResult("hawx", points, baseline.value, len(points), 0, 0, seconds, size)


def exhaustive(prepared: Prepared, settings: Settings, share: bool) -> tuple[float, SearchResult]:
    """Seconds and points of exhaustive search."""
    start = clock()
    result = Searcher(prepared, settings, share=share).run("exhaustive")
    return clock() - start, result


def regrets(
    problem: Problem, choice: Choice | None, reference: SearchResult
) -> tuple[float, float] | None:
    """Accuracy lost and cost added against the best choice, fractions; by the reference."""
    best, known = select(problem, reference), {p.choice: p for p in reference.points}
    if best is None or choice is None:
        return None
    ours = known[choice]
    assert ours.measured_accuracy is not None
    assert best.measured_accuracy is not None
    exact = problem.objective_of(problem.report(problem.exact_choice).total)
    gap = problem.objective_of(ours.totals) - problem.objective_of(best.totals)
    return best.measured_accuracy - ours.measured_accuracy, gap / exact


def reference_of(prepared: Prepared, settings: Settings) -> tuple[dict[str, float], SearchResult]:
    """Both ways of exhaustive search, which find the same."""
    whole, reference = exhaustive(prepared, settings, share=False)
    shared, again = exhaustive(prepared, settings, share=True)
    assert _accuracies(reference) == _accuracies(again)
    return {"whole_s": whole, "shared_s": shared}, reference


def once(prepared: Prepared, settings: Settings, reference: SearchResult) -> dict[str, Any]:
    """One repeat of ours."""
    found = predict(prepared, settings)
    confirming, hits = confirm(prepared, found.winner)
    _, exact_hits = confirm(prepared, found.problem.exact_choice)
    unstopped = Searcher(prepared, replace(settings, early_stop=False))
    measuring, front = measure_front(unstopped, found)
    best = select(found.problem, front)
    assert found.state.sensitivity is not None
    return {
        "scoring_s": found.scoring,
        "solving_s": found.solving,
        "confirming_s": confirming,
        "front_s": measuring,
        "front": len(found.front),
        "scoring_samples": len(found.state.sensitivity.baseline),
        "hypervolume": hypervolume(found.problem, front) / hypervolume(found.problem, reference),
        "winner_regret": regrets(found.problem, found.winner, reference),
        "front_regret": regrets(found.problem, best.choice if best else None, reference),
        "test": [int(hits.sum()), int(exact_hits.sum()), len(hits)],
    }


def _accuracies(result: SearchResult) -> dict[Choice, float | None]:
    return {point.choice: point.measured_accuracy for point in result.points}


def summary(runs: Sequence[dict[str, Any]], exhaustive_seconds: dict[str, float]) -> dict[str, Any]:
    """Medians of seconds, and speed-ups over both ways of exhaustive search."""
    found = {**runs[0], **exhaustive_seconds}
    for key in (key for key in runs[0] if key.endswith("_s")):
        found[key] = statistics.median(run[key] for run in runs)
    predicting = found["scoring_s"] + found["solving_s"]
    confirmed = predicting + found["confirming_s"]
    parts = {"predicted": predicting, "confirmed": confirmed, "all": confirmed + found["front_s"]}
    for name, seconds in parts.items():
        found[f"{name}_s"] = seconds
        for way in ("whole", "shared"):
            found[f"{name}_over_{way}"] = found[f"{way}_s"] / seconds
    return found


def chosen_files(args: argparse.Namespace, folder: Path) -> tuple[str, str | None, str | None]:
    """Model, data and preprocessing."""
    if args.model is not None:
        return args.model, args.data, args.preprocess
    model = SHARED / "data" / "models" / "lenet5_mnist_pytorch_fp32.onnx"
    if not model.is_file():
        return str(models.reference("lenet5").path), None, None
    preprocess = folder / "mnist.yaml"
    preprocess.write_text(yaml.safe_dump(MNIST), encoding="utf-8")
    return str(model), str(SHARED / "data" / "mnist_test.npz"), str(preprocess)


def main(given: Sequence[str] | None = None) -> None:
    """Prints the table of both spaces."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--candidates", default="mul8s_trunc2,mul8s_trunc3")
    parser.add_argument("--library", action="append", default=[])
    parser.add_argument("--max-accuracy-drop", type=float, default=0.01)
    parser.add_argument("--model")
    parser.add_argument("--data")
    parser.add_argument("--preprocess")
    parser.add_argument("--validation-samples", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as folder:
        model, data, preprocess = chosen_files(args, Path(folder))
        settings = Settings(
            data=data,
            preprocess=preprocess,
            library=tuple(args.library),
            candidates=(args.candidates,),
            max_accuracy_drop=args.max_accuracy_drop,
            confidence=0.5,  # published figures go by measured drops
            validation_samples=args.validation_samples,
            fold_bias=False,
            seed=args.seed,
            jobs=1,
        )
        prepared = prepare(model, settings)
    found = {}
    for exact in (True, False):
        own = replace(settings, exact=exact)
        confirm(prepared, predict(prepared, own).winner)  # warms up
        seconds, reference = reference_of(prepared, own)
        runs = [once(prepared, own, reference) for _ in range(args.repeats)]
        found[exact] = {**summary(runs, seconds), "space": make_problem(prepared, own).space_size}
    print(f"{args.candidates}, seed {args.seed}, medians of {args.repeats}")
    print(lines(found, len(prepared.dataset.validation)))
    if args.targets:
        for text, met in verdicts(found):
            print("met   " if met else "MISSED", text)
    if args.json is not None:
        args.json.write_text(json.dumps({str(key): one for key, one in found.items()}, indent=1))


if __name__ == "__main__":
    main()
