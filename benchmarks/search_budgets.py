"""What the search finds with how many evaluations: ResNet-20 / CIFAR-10, layer level.

    python benchmarks/search_budgets.py [--evaluations 20,50,100,200] [--nsga2 200,500]
        [--validation-samples N] [--folder DIR] [--quick]

Reads network, images and EvoApproxLib's signed multipliers from the reference collection. Energies
of multipliers are the published powers (PDK 45 nm). Of the 5,000 test images of CIFAR-10, 512
calibrate, so many of the validation part are what the search sees, and the test part, 2,244, is
looked at only for the last column. Printed for each method and number of evaluations: measured
assignments and the whole runs that they amount to, multiplication energy saved by the cheapest
assignment within one point on the validation images, its drop there and on the test images, and of
the learnt predictions the rank correlation and error near the budget, each before measuring,
beside those of the surrogate alone. With a folder, measurements are kept from one search to the
next, which changes times alone.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import tempfile
from pathlib import Path

from hawx_onnx.components import ComponentCost, Multiplier
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.preparation import prepare
from hawx_onnx.prepared import Prepared
from hawx_onnx.runtime.evaluate import accuracy
from hawx_onnx.search import Point, Problem, SearchResult, select
from hawx_onnx.selection import Searcher
from hawx_onnx.settings import Settings

SHARED = Path(__file__).resolve().parents[2] / "shared"
PREPROCESSING = "scale: 255\nmean: [0.485, 0.456, 0.406]\nstd: [0.229, 0.224, 0.225]\n"
EXACT = "mul8s_1KV8"
HEAD = ("method", "evaluations", "measured", "runs", "saved %", "validation drop", "test drop")
LEARNT = ("learnt: Spearman", "error", "surrogate: Spearman", "error")


def with_published_energies(multipliers: tuple[Multiplier, ...]) -> tuple[Multiplier, ...]:
    """Multipliers with the authors' figures, milliwatts taken as picojoules."""
    with (SHARED / "evoapprox/metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    found = []
    for multiplier in multipliers:
        row = rows.get(multiplier.name, rows[EXACT])
        energy = 1000 * float(row["pdk45_power_mw"])
        area, delay = float(row["pdk45_area_um2"]), float(row["pdk45_delay_ns"])
        cost = ComponentCost("pdk45", area, delay, energy, 0.0, "published")
        found.append(dataclasses.replace(multiplier, cost=cost))
    return tuple(found)


def load(settings: Settings) -> Prepared:
    """ResNet-20, scored, with the published energies."""
    prepared = prepare(SHARED / "data/models/resnet20_cifar10_fp32.onnx", settings)
    multipliers = with_published_energies(prepared.state.multipliers)
    return dataclasses.replace(prepared, state=prepared.state.replace(multipliers=multipliers))


def drop_on_test(prepared: Prepared, problem: Problem, point: Point) -> float:
    """Drop of an assignment on the test images."""
    state, test = prepared.state, prepared.dataset.test
    assert test.y is not None
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    exact, chosen = (
        accuracy(probe.outputs(problem.assignment(choice), test.x), test.y).value
        for choice in (problem.exact_choice, point.choice)
    )
    return exact - chosen


def row_of(prepared: Prepared, problem: Problem, result: SearchResult) -> list[str]:
    """The cells of one search, from the number of measured assignments on."""
    point = select(problem, result)
    assert point is not None
    exact = problem.report(problem.exact_choice).total.multiplication_energy_uj
    saved = 1 - point.totals.multiplication_energy_uj / exact
    runs = result.samples_run / len(prepared.dataset.validation)
    drop = result.baseline_accuracy - (point.measured_accuracy or 0.0)
    cells = [f"{result.evaluations}", f"{runs:.1f}", f"{100 * saved:.2f}", f"{100 * drop:.2f}"]
    cells.append(f"{100 * drop_on_test(prepared, problem, point):.2f}")
    learnt = result.predictor
    if learnt is None:
        return [*cells, "-", "-", "-", "-"]
    for quality in (learnt.quality, learnt.methods["surrogate"]):
        rank, error = quality.budget_spearman, quality.budget_mae
        cells += ["-" if rank is None else f"{rank:.2f}"]
        cells += ["-" if error is None else f"{100 * error:.2f}"]
    return cells


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--evaluations", default="20,50,100,200", help="of HAWX")
    parser.add_argument("--nsga2", default="200,500", help="evaluations of NSGA-II")
    parser.add_argument("--validation-samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="keeps measurements")
    parser.add_argument("--quick", action="store_true", help="one search with 12 evaluations")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print("left out: there is no reference collection beside the checkout")
        return
    if args.quick:
        args.evaluations, args.nsga2, args.validation_samples = "12", "", 200
    with tempfile.TemporaryDirectory() as scratch:
        yaml = Path(scratch, "cifar.yaml")
        yaml.write_text(PREPROCESSING, encoding="utf-8")
        settings = Settings(
            candidates=("mul8s_1*",),
            library=(str(SHARED / "evoapprox/tables.npz"),),
            data=str(SHARED / "data/cifar10_test_5k.npz"),
            preprocess=str(yaml),
            validation_samples=args.validation_samples,
            target="spatial",
            objective=("energy",),
            confidence=0.5,  # published figures go by measured drops
            predict_costs=True,
            operand_aware_power=False,
            seed=args.seed,
            jobs=1,
        )
        prepared = load(settings)
    print(f"| {' | '.join((*HEAD, *LEARNT))} |\n|{'---|' * (len(HEAD) + len(LEARNT))}")
    for method, counts in (("hawx", args.evaluations), ("nsga2", args.nsga2)):
        for count in (int(text) for text in counts.split(",") if text):
            limited = dataclasses.replace(settings, max_evaluations=count)
            searcher = Searcher(prepared, limited, folder=args.folder, resume=bool(args.folder))
            result = searcher.run(method)
            cells = [method, str(count), *row_of(prepared, searcher.problem, result)]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
