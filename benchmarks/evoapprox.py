"""ResNet-20 / CIFAR-10 with the multipliers of EvoApproxLib: what a search saves within a point.

    python benchmarks/evoapprox.py [--all] [--granularity layer|filter] [--method hawx|nsga2]
        [--evaluations N] [--max-accuracy-drop D] [--confidence P] [--validation-images N]
        [--json FILE] [--quick]

The network, the images and the truth tables are read from the reference collection beside the
checkout (shared/). Ranges and folds come from training images. Of the 5,000 test images the search
sees the first 1,000, or as many as asked for; the others, which no choice rests on, give the
accuracies printed.

Energies are those that the library's authors published (power in PDK 45 nm) for all multipliers
alike, since no circuit of most unsigned ones is at hand: shares of multiplication energy, of the
exact signed multiplier's. With ``--all`` the unsigned ones take part, sign logic around them; it
adds its share of the exact unsigned multiplier's energy, found by synthesis in our flow (yosys).
Nothing but multiplications is costed.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hawx_onnx import components
from hawx_onnx.components import ComponentCost, Multiplier
from hawx_onnx.components.sign_logic import sign_logic_cost, with_sign_logic
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.hardware import load_target
from hawx_onnx.passes import Calibrate, Score
from hawx_onnx.passes.shared_folds import shared_folds
from hawx_onnx.passes.staged_probe import StagedProbe
from hawx_onnx.preparation import quantized_state
from hawx_onnx.prepared import Prepared
from hawx_onnx.runtime.evaluate import Accuracy, accuracy, paired_drop
from hawx_onnx.search import Problem, select
from hawx_onnx.search.problem import Choice
from hawx_onnx.selection import Searcher
from hawx_onnx.settings import Settings

SHARED = Path(__file__).resolve().parents[2] / "shared"
PREPROCESSING = "scale: 255\nmean: [0.485, 0.456, 0.406]\nstd: [0.229, 0.224, 0.225]\n"
CALIBRATION = 512
EXACT_SIGNED, EXACT_UNSIGNED = "mul8s_1KV8", "mul8u_1JFF"
TECHNOLOGY = "EvoApproxLib PDK 45 nm, published power"


def multipliers(shared: Path, unsigned: bool) -> tuple[Multiplier, ...]:
    """The exact signed multiplier, then the approximate ones, with published energies."""
    with (shared / "evoapprox/metrics.csv").open(encoding="utf-8", newline="") as file:
        power = {row["name"]: float(row["pdk45_power_mw"]) for row in csv.DictReader(file)}
    tables = {m.name: m for m in components.load_library(shared / "evoapprox/tables.npz")}
    found = [_costed(tables.pop(EXACT_SIGNED), power[EXACT_SIGNED])]
    found += [_costed(m, power[m.name]) for m in tables.values() if m.encoding.codes_signed]
    if unsigned:
        exact = components.load("mul8u_exact").cost
        assert exact is not None
        logic = sign_logic_cost().energy_fj / exact.energy_fj * power[EXACT_UNSIGNED]
        cores = [m for m in tables.values() if not m.encoding.codes_signed]
        found += [_costed(with_sign_logic(m), power[m.name] + logic) for m in cores]
    # An exact core with sign logic computes what the exact signed one does, for more.
    return (found[0], *(m for m in found[1:] if not m.is_exact))


def _costed(multiplier: Multiplier, power_mw: float) -> Multiplier:
    """With an energy in proportion to a published power: at one operation a nanosecond."""
    cost = ComponentCost(TECHNOLOGY, 0.0, 0.0, 1e3 * power_mw, 0.0, "metrics.csv")
    return replace(multiplier, cost=cost)


def dataset_of(
    shared: Path, model: onnx.ModelProto, validation_images: int, test_images: int
) -> Dataset:
    """Calibration from training images, validation and test from test images."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cifar.yaml")
        path.write_text(PREPROCESSING, encoding="utf-8")
        preprocessing = Preprocessing.from_yaml(path)
    parts = {}
    for name in ("train", "test"):
        with np.load(shared / f"data/cifar10_{name}_5k.npz", allow_pickle=False) as stored:
            x = preprocessing.apply(stored["x"], model_input(model), where=name)
            parts[name] = x, stored["y"].astype(np.int64)
    test = slice(validation_images, validation_images + test_images)
    return Dataset(
        "CIFAR-10",
        Split("calibration", *(part[:CALIBRATION] for part in parts["train"])),
        Split("validation", *(part[:validation_images] for part in parts["test"])),
        Split("test", *(part[test] for part in parts["test"])),
        note="",
    )


def prepared_resnet(args: argparse.Namespace, settings: Settings) -> Prepared:
    """The int8 network, scored as folded biases leave it."""
    path = args.shared / "data/models/resnet20_cifar10_fp32.onnx"
    source = load_model(path)
    dataset = dataset_of(args.shared, source, args.validation_images, args.test_images)
    every = multipliers(args.shared, args.all)
    state = Calibrate(1)(quantized_state(source, dataset, every, lambda text: None))
    folds = shared_folds(state, 1) if settings.fold_bias else None
    filters = settings.granularity == "filter"
    state = Score(settings.score_samples, 1, filters=filters, folds=folds)(state)
    # Nothing but multiplications: no adders, registers, memories.
    target = load_target("temporal").override(periphery="none", memories="none")
    return Prepared(path, source, state, dataset, True, target, (), folds)


def on_test(prepared: Prepared, choice: Choice) -> Accuracy:
    """Accuracy on images that no choice rests on, biases folded as in the search."""
    state, test = prepared.state, prepared.dataset.test
    assert test.y is not None
    folds = None if prepared.folds is None else prepared.folds.fresh(share=True)
    probe = StagedProbe(state.model, state.candidates, state.multipliers, 1, folds=folds)
    parts = [probe.outputs(at, test.x[at : at + 200], choice) for at in range(0, len(test), 200)]
    return accuracy(np.concatenate(parts), test.y)


def saved(problem: Problem, choice: Choice) -> float:
    """Share of the exact network's multiplication energy."""
    exact, ours = (
        problem.report(one).total.multiplication_energy_uj for one in (problem.exact_choice, choice)
    )
    return 1 - ours / exact


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """One search, and its choice on test images."""
    settings = Settings(
        granularity=args.granularity,
        max_evaluations=args.evaluations,
        max_accuracy_drop=args.max_accuracy_drop,
        confidence=args.confidence,
        objective=("energy",),
        score_samples=args.score_samples,
        fold_bias=not args.no_fold_bias,
        seed=args.seed,
        jobs=1,
    )
    start = time.perf_counter()
    prepared = prepared_resnet(args, settings)
    searcher = Searcher(prepared, settings)
    result = searcher.run(args.method)
    problem, chosen = searcher.problem, select(searcher.problem, result)
    choice = problem.exact_choice if chosen is None else chosen.choice
    exact, ours = (on_test(prepared, one) for one in (problem.exact_choice, choice))
    names = [multiplier.name for multiplier in problem.multipliers]
    entries = [entry if isinstance(entry, tuple) else (entry,) for entry in choice]
    return {
        "method": args.method,
        "granularity": args.granularity,
        "multipliers": len(problem.multipliers),
        "evaluations": result.evaluations,
        "scoring_seconds": result.scoring_seconds,
        "solving_seconds": result.solving_seconds,
        "measuring_seconds": result.measuring_seconds,
        "whole_seconds": time.perf_counter() - start,
        "multiplication_energy_saved": saved(problem, choice),
        "validation_drop": result.baseline_accuracy
        - ((chosen.measured_accuracy if chosen else None) or result.baseline_accuracy),
        "test_images": ours.samples,
        "test_exact": exact.value,
        "test_chosen": ours.value,
        "test_drop": paired_drop(exact, ours)[0],
        "test_drop_ci95": list(paired_drop(exact, ours)[1]),
        "types": sorted({names[index] for entry in entries for index in entry}),
    }


def main(words: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED, help="reference collection")
    parser.add_argument("--all", action="store_true", help="unsigned ones too, with sign logic")
    parser.add_argument("--granularity", choices=("layer", "filter"), default="filter")
    parser.add_argument("--method", choices=("hawx", "nsga2", "random"), default="hawx")
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--max-accuracy-drop", type=float, default=0.01)
    parser.add_argument("--confidence", type=float, default=0.95, help="0.5: measured drops")
    parser.add_argument("--validation-images", type=int, default=1000)
    parser.add_argument("--score-samples", type=int, default=256)
    parser.add_argument("--no-fold-bias", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test-images", type=int, default=4000)
    parser.add_argument("--quick", action="store_true", help="few evaluations and images")
    parser.add_argument("--json", metavar="FILE", help="write everything to a file")
    args = parser.parse_args(words)
    if not args.shared.is_dir():
        print(f"left out: {args.shared} is missing")
        return
    if args.quick:
        args.evaluations, args.test_images, args.score_samples = 4, 200, 32
    found = measure(args)
    for key, value in found.items():
        print(f"{key:28}{value:.4g}" if isinstance(value, float) else f"{key:28}{value}")
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
