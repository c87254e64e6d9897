"""Accuracies predicted of choices of channels, against what is measured on other images.

    python benchmarks/channel_predictions.py [--network mnist|cifar10] [--quick]

Random choices of one of a few multipliers for each output channel: of LeNet-5 for MNIST the first
two layers between two multipliers, or all five between the exact one and another; of ResNet-20 all
layers between the exact one and six of EvoApproxLib's signed ones that harm single layers least.
Printed are rank correlation and mean absolute error of the predicted drops, the network scored on
validation images and measured on test images. Networks and images are those of the reference
collection beside the checkout; without it nothing is measured.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import evoapprox
import filter_level
import numpy as np
from search import MNIST

from hawx_onnx.passes import Score
from hawx_onnx.predictors.enough_samples import EnoughSamples
from hawx_onnx.predictors.surrogate import spearman
from hawx_onnx.preparation import prepare
from hawx_onnx.prepared import Prepared
from hawx_onnx.search.problem import Choice
from hawx_onnx.selection import Searcher
from hawx_onnx.settings import Settings
from hawx_onnx.validation_runs import ValidationRuns

SHARED = Path(__file__).resolve().parents[2] / "shared"
MILD = 6


def random_picks(searcher: Searcher, kinds: Sequence[int], base: int, count: int) -> np.ndarray:
    """Multipliers of units [count, U]: a random share of the free ones gets one of ``kinds``."""
    rng = np.random.default_rng(5)
    free = np.array([len(options) > 1 for options in searcher.problem.options])
    rows = []
    for _ in range(count):
        share = rng.random()
        picked = rng.choice(kinds, len(free))
        rows.append(np.where(free & (rng.random(len(free)) < share), picked, free * base))
    return np.array(rows, np.intp)


def compare(
    prepared: Prepared, settings: Settings, kinds: Sequence[int], base: int, count: int, images: int
) -> str:
    """One line: how well predictions hold."""
    searcher = Searcher(prepared, settings)
    problem, test = searcher.problem, prepared.dataset.test
    assert test.y is not None
    runs = ValidationRuns(
        prepared.state, replace(test, x=test.x[:images], y=test.y[:images]), 0, 1, share=False
    )

    def accuracy(choice: Choice) -> float:
        found = [runs.classes(choice, batch) for batch in range(len(runs.sizes))]
        return float((np.concatenate(found) == runs.labels).mean())

    picks = random_picks(searcher, kinds, base, count)
    exact = accuracy(problem.exact_choice)
    measured = [exact - accuracy(problem.decode(row)) for row in picks.tolist()]
    surrogate = searcher.surrogate
    told = [surrogate.accuracy(tuple(row)) for row in picks.tolist()]
    predicted = surrogate.accuracy((0,) * picks.shape[1]) - np.array(told)
    error = 100 * float(np.abs(predicted - measured).mean())
    rank = spearman(predicted.tolist(), measured) or 0.0
    most = 100 * max(measured)
    return f"Spearman {rank:.2f}, error {error:.2f} points, drops up to {most:.1f}"


def mnist(count: int, images: int) -> None:
    """LeNet-5: two layers between two multipliers, five between the exact one and another."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "mnist.yaml")
        file.write_text(json.dumps(MNIST), encoding="utf-8")  # JSON is YAML
        settings = Settings(
            data=str(SHARED / "data/mnist_test.npz"),
            preprocess=str(file),
            candidates=("mul8s_trunc3,mul8s_trunc4",),
            validation_samples=5000,
            objective=("energy",),
            target="temporal",
            fold_bias=False,
            jobs=1,
        )
        convolutions = replace(
            settings, exact=False, exclude=filter_level.EXCLUDED, granularity="filter"
        )
        first = filter_level.prepared_lenet(convolutions)
        print("first two layers, trunc3 or trunc4: ", end="")
        print(compare(first, convolutions, [2], 1, count, images))
        every = replace(settings, candidates=("mul8s_trunc2,mul8s_trunc3",))
        prepared = prepare(filter_level.MODEL, every)
    score = Score(every.score_samples, 1, enough=EnoughSamples(every.max_accuracy_drop))
    prepared = replace(prepared, state=score(prepared.state))
    for kind, name in ((1, "trunc2"), (2, "trunc3")):
        print(f"all layers, exact or {name}: ", end="")
        wanted = replace(every, granularity="filter")
        print(compare(prepared, wanted, [kind], 0, count, images))


def cifar10(count: int, images: int) -> None:
    """ResNet-20 with six mild multipliers."""
    settings = Settings(granularity="filter", objective=("energy",), fold_bias=False, jobs=1)
    args = argparse.Namespace(shared=SHARED, validation_images=256, test_images=images, all=False)
    prepared = evoapprox.prepared_resnet(args, settings)
    assert prepared.state.sensitivity is not None
    harm = prepared.state.sensitivity.accuracy_drop().max(axis=0)
    mild = [int(index) for index in np.argsort(harm, kind="stable") if index][:MILD]
    print("ResNet-20: " + compare(prepared, settings, mild, 0, count, images))


def main(words: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=("mnist", "cifar10"), default="mnist")
    parser.add_argument("--quick", action="store_true", help="few choices and images")
    args = parser.parse_args(words)
    if not filter_level.MODEL.is_file():
        print("left out: shared/data is not beside this checkout")
        return
    many, images = (60, 2000) if args.network == "mnist" else (40, 500)
    run = mnist if args.network == "mnist" else cifar10
    run(*((8, 200) if args.quick else (many, images)))


if __name__ == "__main__":
    main()
