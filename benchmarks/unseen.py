"""How often a choice keeps its budget on images that the search did not see: LeNet-5 / MNIST.

    python benchmarks/unseen.py [--repeats N] [--sizes 200,500,1000] [--confidence 0.5,0.8,0.95]
        [--candidates A,B,...] [--evaluations N] [--json FILE] [--quick]

Network and images are read from the reference collection beside the checkout. Ranges, folded biases
and scores come from training images. All assignments are measured once on the 10,000 test images.
Then searches are replayed, each on validation images drawn at random from these; the images that
were not drawn tell the true drop of what it chooses. A confidence of one half is none: the measured
drop decides. Printed for each number of validation images and each confidence: the share of choices
that lose more than the budget of one point on the other images, their mean drop there, the power
saved, and the share of choices that are the exact network.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from hawx_onnx.chosen_multipliers import choose_multipliers
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.hardware import load_target
from hawx_onnx.passes import Calibrate, Score
from hawx_onnx.passes.shared_folds import shared_folds
from hawx_onnx.preparation import quantized_state
from hawx_onnx.prepared import Prepared
from hawx_onnx.search import Limits, Measurer, Problem, search_hawx, select
from hawx_onnx.search.problem import Choice
from hawx_onnx.search.result import collect_points
from hawx_onnx.selection import Searcher
from hawx_onnx.settings import Settings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MODEL = DATA / "models" / "lenet5_mnist_pytorch_fp32.onnx"
PREPROCESSING = {"resize": [32, 32], "scale": 255.0, "mean": [0.1307], "std": [0.3081]}
CALIBRATION, SCORING, BATCH = 512, 256, 64

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """Every assignment on every image.

    Attributes:
        searcher: With the problem and its surrogate.
        hits: Which images are right, by assignment: bool [images].
    """

    searcher: Searcher
    hits: dict[Choice, Bools]


class Replay:
    """Answers as the network would on some images, from what is known of all."""

    def __init__(self, hits: dict[Choice, Bools], rows: npt.NDArray[np.intp]) -> None:
        self._hits = hits
        self._rows = [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
        self.sizes = tuple(map(len, self._rows))

    def prepare(self, choices: Sequence[Choice]) -> None:
        """Nothing is shared."""

    def forget(self, batch: int) -> None:
        """Nothing is kept."""

    def classes(self, choice: Choice, batch: int) -> np.ndarray:
        """0 where the network is right: the class that all labels of a replay have."""
        return np.where(self._hits[choice][self._rows[batch]], 0, 1)


def dataset(images: int) -> tuple[Dataset, Split]:
    """Training images to calibrate and score on, and the test images."""
    source = model_input(load_model(MODEL))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mnist.yaml")
        path.write_text(yaml.safe_dump(PREPROCESSING), encoding="utf-8")
        preprocessing = Preprocessing.from_yaml(path)
    parts = {}
    for name in ("train_5k", "test"):
        with np.load(DATA / f"mnist_{name}.npz", allow_pickle=False) as stored:
            x = preprocessing.apply(stored["x"], source, where=name)
            parts[name] = x, stored["y"].astype(np.int64)

    def split(name: str, part: str, rows: slice) -> Split:
        return Split(name, *(array[rows] for array in parts[part]))

    whole = split("validation", "test", slice(images))
    scoring = split("validation", "train_5k", slice(CALIBRATION, CALIBRATION + SCORING))
    calibration = split("calibration", "train_5k", slice(CALIBRATION))
    return Dataset("MNIST", calibration, scoring, split("test", "test", slice(1)), ""), whole


def measure(candidates: str, images: int) -> Measured:
    """Prepares the network as ``optimize`` does, and measures all assignments."""
    settings = Settings(candidates=(candidates,), early_stop=False, jobs=1)
    source, (data, whole) = load_model(MODEL), dataset(images)
    state = quantized_state(source, data, choose_multipliers(settings), lambda text: None)
    state = Calibrate(1)(state)
    folds = shared_folds(state, 1)
    state = Score(SCORING, 1, folds=folds)(state)
    every = replace(data, validation=whole)
    target = load_target(settings.target)
    prepared = Prepared(MODEL, source, state, every, True, target, (), folds)
    searcher = Searcher(prepared, settings)
    problem = searcher.problem
    measurer = searcher.measurer("exhaustive")
    choices = [problem.decode(picks) for picks in itertools.product(*problem.options)]
    found = measurer.measure_all(choices)
    hits = {choice: one.hits for choice, one in zip(choices, found, strict=True) if one is not None}
    return Measured(searcher, hits)


def with_confidence(problem: Problem, confidence: float) -> Problem:
    """The problem with another confidence; one half goes by measured drops."""
    sure = confidence if confidence > 0.5 else None
    return replace(problem, budget=replace(problem.budget, confidence=sure))


def replayed(
    known: Measured, rows: npt.NDArray[np.intp], confidence: float, evaluations: int
) -> Choice:
    """What a search on some images chooses."""
    problem = with_confidence(known.searcher.problem, confidence)
    labels = np.zeros(len(rows), np.int64)
    measurer = Measurer(Replay(known.hits, rows), problem, labels, Limits(evaluations=evaluations))
    result = search_hawx(problem, measurer, known.searcher.surrogate)
    # The exact design is always among the points.
    exact = problem.exact_choice
    choices = dict.fromkeys((exact, *(point.choice for point in result.points)))
    points = collect_points(problem, measurer, choices)
    found = select(problem, replace(result, points=points))
    return exact if found is None else found.choice


def summary(known: Measured, chosen: Sequence[tuple[Choice, Bools]]) -> dict[str, float]:
    """How choices do, each on the images that its search did not see."""
    problem = known.searcher.problem
    exact = problem.exact_choice
    costs = problem.scores([exact, *(choice for choice, _ in chosen)])
    drops = np.array([known.hits[exact][u].mean() - known.hits[c][u].mean() for c, u in chosen])
    return {
        "beyond": float((drops > problem.budget.max_accuracy_drop + 1e-6).mean()),
        "drop": float(drops.mean()),
        "saved": float(1 - costs[1:].mean() / costs[0]),
        "exact": float(np.mean([choice == exact for choice, _ in chosen])),
    }


def run(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of the table."""
    known = measure(args.candidates, args.images)
    confidences = [float(word) for word in args.confidence.split(",")]
    rows = []
    for size in (int(word) for word in args.sizes.split(",")):
        chosen: dict[float, list[tuple[Choice, Bools]]] = {sure: [] for sure in confidences}
        for repeat in range(args.repeats):
            order = np.random.default_rng([size, repeat]).permutation(args.images)
            unseen = np.ones(args.images, bool)
            unseen[order[:size]] = False
            for sure, those in chosen.items():
                choice = replayed(known, order[:size], sure, args.evaluations)
                those.append((choice, unseen))
        rows += [
            {"images": size, "confidence": sure, **summary(known, one)}
            for sure, one in chosen.items()
        ]
    return rows


def main(words: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--candidates", default="mul8s_trunc3,mul8s_trunc4,mul8s_ctrunc8c")
    parser.add_argument("--sizes", default="200,500,1000")
    parser.add_argument("--confidence", default="0.5,0.8,0.95")
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--images", type=int, default=10_000, help="first test images")
    parser.add_argument("--quick", action="store_true", help="few images and repeats")
    parser.add_argument("--json", metavar="FILE", help="write everything to a file")
    args = parser.parse_args(words)
    if not MODEL.is_file():
        print(f"left out: {MODEL} is missing")
        return
    if args.quick:
        args.repeats, args.images, args.sizes = 3, 400, "100"
        args.candidates = "mul8s_trunc3,mul8s_trunc4"
    logging.disable(logging.WARNING)
    rows = run(args)
    print("images  confidence  beyond the budget  mean drop  power saved  exact")
    for row in rows:
        shares = (f"{100 * row[key]:10.1f} %" for key in ("beyond", "drop", "saved", "exact"))
        print(f"{row['images']:6}  {row['confidence']:10}", *shares)
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
