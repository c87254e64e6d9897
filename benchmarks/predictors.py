"""Predicted against measured: accuracy of assignments, and costs of multipliers.

    python benchmarks/predictors.py [--network NAME] [--assignments N] [--samples N] [--quick]

Accuracy: assignments of a network are measured; the predictor learns from some of them, drawn at
random several times, and is judged on all others, beside the additive surrogate alone. Networks are
the shipped LeNet-5 (`digits`), and with the reference collection beside the checkout LeNet-5 on
MNIST (`mnist`, all 243 assignments of two multipliers) and ResNet-20 on CIFAR-10 (`cifar10`, random
assignments of EvoApproxLib's 13 signed multipliers).

Costs: predictions from the truth tables of EvoApproxLib's multipliers, whose circuits the predictor
has never seen, against the authors' figures, both as shares of the exact multiplier's.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hawx_onnx import components, models
from hawx_onnx.assignment import Assignment
from hawx_onnx.frontend.data import load_dataset
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.predictors import AccuracyPredictor, ResponseSurrogate
from hawx_onnx.predictors.hardware_cost import predicted_cost
from hawx_onnx.predictors.surrogate import spearman
from hawx_onnx.predictors.validation import quality_of
from hawx_onnx.preparation import prepare
from hawx_onnx.prepared import Prepared
from hawx_onnx.sensitivity import Sensitivity
from hawx_onnx.settings import Settings

SHARED = Path(__file__).resolve().parents[2] / "shared"
BUDGET = 0.01
PUBLISHED = {
    "area_um2": "pdk45_area_um2",
    "delay_ns": "pdk45_delay_ns",
    "energy_fj": "pdk45_power_mw",
}


@dataclass(frozen=True)
class Network:
    """What is measured; no files for the shipped network."""

    candidates: str
    model: str = ""
    scoring: str = ""
    test: str = ""
    preprocessing: str = ""
    library: str = ""


NETWORKS = {
    "digits": Network("mul8s_trunc2,mul8s_trunc3"),
    "mnist": Network(
        "mul8s_trunc2,mul8s_trunc3",
        "models/lenet5_mnist_pytorch_fp32.onnx",
        "mnist_train_5k.npz",
        "mnist_test.npz",
        "resize: [32, 32]\nscale: 255\nmean: [0.1307]\nstd: [0.3081]\n",
    ),
    "cifar10": Network(
        "mul8s_1*",
        "models/resnet20_cifar10_fp32.onnx",
        "cifar10_train_5k.npz",
        "cifar10_test_5k.npz",
        "scale: 255\nmean: [0.485,0.456,0.406]\nstd: [0.229,0.224,0.225]\n",
        "evoapprox/tables.npz",
    ),
}


@dataclass(frozen=True, eq=False)
class Measured:
    """Assignments and what was measured of them.

    Attributes:
        sensitivity: Scores, on other samples than the accuracies.
        choices: Approximate assignments.
        accuracies: Theirs.
        baseline: That of the exact network.
    """

    sensitivity: Sensitivity
    choices: list[tuple[int, ...]]
    accuracies: np.ndarray
    baseline: float


def prepared_network(network: Network, folder: Path) -> tuple[Prepared, np.ndarray, np.ndarray]:
    """Scores a network; returns samples and labels to measure on, which scoring has not seen."""
    if not network.model:
        settings = Settings(candidates=(network.candidates,), jobs=1, score_samples=256)
        path: Path = models.reference("lenet5").path
        prepared = prepare(path, settings, costs=False)
        test = prepared.dataset.test
        assert test.y is not None
        return prepared, test.x, test.y
    data, yaml = SHARED / "data", folder / "preprocessing.yaml"
    yaml.write_text(network.preprocessing, encoding="utf-8")
    settings = Settings(
        candidates=(network.candidates,),
        library=(str(SHARED / network.library),) if network.library else (),
        data=str(data / network.scoring),
        preprocess=str(yaml),
        jobs=1,
        score_samples=256,
        validation_samples=256,
    )
    path = data / network.model
    dataset = load_dataset(
        str(data / network.test),
        model_input(load_model(path)),
        reference=None,
        preprocessing=Preprocessing.from_yaml(yaml),
        seed=0,
    )
    labels = [split.y for split in dataset.splits if split.y is not None]
    samples = np.concatenate([split.x for split in dataset.splits])
    return prepare(path, settings, costs=False), samples, np.concatenate(labels)


def measure(network: Network, assignments: int, samples: int) -> Measured:
    """Measures random assignments, or all where there are no more."""
    with tempfile.TemporaryDirectory() as folder:
        prepared, x, y = prepared_network(network, Path(folder))
    state = prepared.state
    assert state.sensitivity is not None
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    x, y = x[:samples], y[:samples]

    def accuracy(choice: Sequence[int]) -> float:
        names = {
            candidate.name: state.multipliers[index].name
            for candidate, index in zip(state.candidates, choice, strict=True)
        }
        return float((probe.outputs(Assignment.of(names), x).argmax(axis=1) == y).mean())

    layers, types = len(state.candidates), len(state.multipliers)
    choices = drawn_choices(layers, types, assignments)
    measured = np.array([accuracy(choice) for choice in choices])
    return Measured(state.sensitivity, choices, measured, accuracy((0,) * layers))


def drawn_choices(layers: int, types: int, count: int) -> list[tuple[int, ...]]:
    """All assignments, or random ones that approximate from a few layers to all of them."""
    if types**layers <= count + 1:
        return [choice for choice in itertools.product(range(types), repeat=layers) if any(choice)]
    rng = np.random.default_rng(1)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        approximate = rng.random(layers) < rng.random()
        choice = np.where(approximate, rng.integers(1, types, layers), 0)
        if choice.any():
            found[tuple(choice.tolist())] = None
    return list(found)


def judge(measured: Measured, known: int, repeats: int) -> None:
    """Learns from some assignments, predicts the others, prints both methods' means."""
    rows: dict[str, list[list[float]]] = {"surrogate": [], "predictor": []}
    surrogate = ResponseSurrogate(measured.sensitivity)
    exact = (0,) * len(measured.sensitivity.layers)
    added = surrogate.accuracy(exact) - surrogate.accuracies(measured.choices)
    drops = measured.baseline - measured.accuracies
    fit_seconds, inside = [], []
    rng = np.random.default_rng(0)
    predictor = AccuracyPredictor(measured.sensitivity, max_accuracy_drop=BUDGET)
    for _ in range(repeats):
        order = rng.permutation(len(drops))
        inner, outer = order[:known], order[known:]
        start = time.process_time()
        predictor.fit(
            [measured.choices[i] for i in inner],
            measured.accuracies[inner],
            baseline=measured.baseline,
        )
        fit_seconds.append(time.process_time() - start)
        mean, error = predictor.predict([measured.choices[i] for i in outer])
        inside.append((np.abs(mean - measured.accuracies[outer]) <= error).mean())
        for name, found in (("surrogate", added[outer]), ("predictor", measured.baseline - mean)):
            each = quality_of(found, drops[outer], BUDGET)
            figures = (each.spearman, each.mae, each.budget_spearman, each.budget_mae)
            rows[name].append([np.nan if figure is None else figure for figure in figures])
    for name, found_rows in rows.items():
        rank, mae, near_rank, near_mae = np.nanmean(found_rows, axis=0)
        print(
            f"  learnt from {known:3}: {name:10} Spearman {rank:.3f}, error {100 * mae:5.2f} points"
            f"; near the budget {near_rank:.3f}, {100 * near_mae:.2f}"
        )
    print(
        f"    within one standard error {np.mean(inside):.2f}; processor time: fit "
        f"{np.median(fit_seconds):.2f} s, 1,000 predictions "
        f"{_predicting(predictor, measured):.2f} s"
    )


def _predicting(predictor: AccuracyPredictor, measured: Measured) -> float:
    """Processor time of 1,000 predictions."""
    many = (measured.choices * (1000 // len(measured.choices) + 1))[:1000]
    start = time.process_time()
    predictor.predict(many)
    return time.process_time() - start


def costs() -> None:
    """Holds predicted costs against published ones."""
    folder = SHARED / "evoapprox"
    if not folder.is_dir():
        print("costs: left out, there is no EvoApproxLib beside the checkout")
        return
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    library = [m for m in components.load_library(folder / "tables.npz") if m.name in rows]
    print(
        f"costs of {len(library)} multipliers of EvoApproxLib, each as a share of the exact one's"
    )
    for ours, theirs in PUBLISHED.items():
        found, told = [], []
        for codes in (True, False):
            group = [m for m in library if m.encoding.codes_signed == codes]
            base = next(m for m in group if m.is_exact)
            for m in group:
                if m is not base:
                    found.append(_figure(m, ours) / _figure(base, ours))
                    told.append(float(rows[m.name][theirs]) / float(rows[base.name][theirs]))
        off = float(np.sqrt(np.mean((np.array(found) - np.array(told)) ** 2)))
        print(f"  {ours:10} Spearman {spearman(found, told):.3f}, RMS error {off:.3f}")


def _figure(multiplier: components.Multiplier, quantity: str) -> float:
    return float(getattr(predicted_cost(multiplier), quantity))


def main() -> None:
    """Measures, learns, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", choices=NETWORKS, action="append", default=[])
    parser.add_argument("--assignments", type=int, default=242, help="most to measure")
    parser.add_argument("--samples", type=int, default=1000, help="to measure each on")
    parser.add_argument("--repeats", type=int, default=10, help="random draws")
    parser.add_argument("--quick", action="store_true", help="few assignments of the shipped net")
    args = parser.parse_args()
    count, repeats = (60, 2) if args.quick else (args.assignments, args.repeats)
    costs()
    for name in args.network or ["digits"]:
        network = NETWORKS[name]
        if network.model and not SHARED.is_dir():
            print(f"{name}: left out, there is no reference collection beside the checkout")
            continue
        measured = measure(network, count, args.samples)
        print(f"{name}: {len(measured.choices)} assignments, at most {args.samples} samples")
        for known in (20, 40):
            judge(measured, known, repeats)


if __name__ == "__main__":
    main()
