"""``hawx-onnx optimize``: what it writes, and that its figures are those of the other commands."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml

FILES = {
    "assignment.json",
    "journal.sqlite",
    "model.onnx",
    "pareto.csv",
    "report.html",
    "report.json",
    "run.yaml",
    "sensitivity.json",
}
COSTS = ("power_mw", "area_um2", "energy_uj", "latency_cycles")
# A run of a second: two candidates, few evaluations.
QUICK = ("--candidates", "mul8s_trunc2,mul8s_trunc1", "--max-evaluations", "4")


def report_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_the_folder_holds_all_files_and_nothing_else(optimized: Path) -> None:
    assert {path.name for path in optimized.iterdir()} == FILES
    assert all(path.stat().st_size > 0 for path in optimized.iterdir())


def test_json_is_the_report_alone(optimized: Path, report: dict[str, Any]) -> None:
    printed = (optimized.parent / "stdout.json").read_text(encoding="utf-8")
    assert json.loads(printed) == report
    told = "".join(f"warning: {text}\n" for text in report["warnings"])
    assert (optimized.parent / "stderr.txt").read_text(encoding="utf-8") == told


def test_the_report_follows_its_schema(report: dict[str, Any]) -> None:
    from hawx_onnx.report import report_schema

    jsonschema.Draft202012Validator(report_schema()).validate(report)
    assert report["schema_version"] == 1


def test_the_report_tells_the_run(report: dict[str, Any], lenet: Path) -> None:
    assert report["data"]["splits"] == {"calibration": 256, "validation": 399, "test": 599}
    assert report["data"]["metric"] == "accuracy"
    assert report["model"]["candidate_nodes"] == 5
    assert report["granularity"] == "layer"
    assert report["baseline"]["samples"] == report["selected"]["samples"] == 599
    assert report["search"]["space_size"] == len(report["candidates"]) ** 5
    assert report["search"]["evaluations"] <= 40
    assert report["search"]["seconds"] > 0
    assert set(report["kernels"]) == {row["name"] for row in report["candidates"]}
    assert report["command"] == f"hawx-onnx optimize {lenet}"
    assert report["environment"]["seed"] == 0
    assert report["operands"] == "own"
    # The search sees validation samples alone, so that test samples may drop by more.
    beyond = ["exceeds the budget"] if report["accuracy_drop"] > 0.01 else []
    assert len(report["warnings"]) == len(beyond)
    assert all(words in text for words, text in zip(beyond, report["warnings"], strict=True))


def test_the_budget_is_held_with_confidence(report: dict[str, Any]) -> None:
    told = report["safeguard"]
    assert report["budget"]["confidence"] == told["confidence"] == 0.95
    assert told["validation_drop"] < told["largest_drop"] <= 0.01 + 1e-6
    assert told["exact"] is False
    chosen = report["selected"]["power_mw"]
    limit = report["baseline"]["validation_accuracy"] - 0.01 - 1e-6
    cheaper = [
        point
        for point in report["pareto"]
        if point["power_mw"] < chosen and (point["measured_accuracy"] or 0) >= limit
    ]
    assert told["passed_over"] == len(cheaper) > 0


def test_savings_are_those_of_the_totals(report: dict[str, Any]) -> None:
    names = ("power", "area", "energy", "latency")
    for name, field in zip(names, COSTS, strict=True):
        ratio = 1 - report["selected"][field] / report["baseline"][field]
        assert report["savings"][name] == pytest.approx(ratio)
    assert report["savings"]["power"] > 0.05
    drop = report["baseline"]["accuracy"] - report["selected"]["accuracy"]
    assert report["accuracy_drop"] == pytest.approx(drop)
    low, high = report["accuracy_drop_ci95"]
    assert low <= drop <= high


def test_the_budget_holds_on_the_validation_split(report: dict[str, Any]) -> None:
    before = report["baseline"]["validation_accuracy"]
    assert before - report["selected"]["validation_accuracy"] <= 0.01 + 1e-6


def test_the_front_holds_predicted_and_measured_points(report: dict[str, Any]) -> None:
    points = report["pareto"]
    assert any(point["predicted_accuracy"] is not None for point in points)
    measured = [point for point in points if point["measured_accuracy"] is not None]
    assert len(measured) >= 2
    assert sum(point["on_front"] for point in points) >= 2
    (chosen,) = [point for point in points if point["selected"]]
    assert chosen["assignment"] == report["selected"]["assignment"]
    assert chosen["measured_accuracy"] == report["selected"]["validation_accuracy"]
    assert [point["power_mw"] for point in points] == sorted(p["power_mw"] for p in points)


def test_pareto_csv_has_a_row_for_each_point(optimized: Path, report: dict[str, Any]) -> None:
    with (optimized / "pareto.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(report["pareto"])


def test_the_page_is_one_file_without_links_out(optimized: Path) -> None:
    page = (optimized / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "src=" not in page
    assert "https://" not in page


def test_layers_tell_multipliers_or_a_reason(report: dict[str, Any]) -> None:
    assert [layer["name"] for layer in report["layers"]] == ["conv1", "conv2", "fc1", "fc2", "fc3"]
    chosen = report["selected"]["assignment"]
    for layer in report["layers"]:
        assert layer["multipliers"] == {chosen[layer["name"]]: layer["channels"]}
        assert (layer["reason"] is None) == (chosen[layer["name"]] != "mul8s_exact")


@pytest.mark.parametrize("flags", [(), ("--portable",)], ids=["library", "portable"])
def test_evaluate_finds_the_reported_accuracy(
    cli: Callable, optimized: Path, report: dict[str, Any], flags: tuple[str, ...]
) -> None:
    found = cli("evaluate", optimized / "model.onnx", "--json", *flags).check().json
    assert found["path"] == ("portable" if flags else "library")
    for key in ("accuracy", "accuracy_ci95", "samples", "correct"):
        assert found[key] == report["selected"][key]


def test_cost_finds_the_reported_costs(
    cli: Callable, lenet: Path, optimized: Path, report: dict[str, Any]
) -> None:
    held = cli("cost", optimized / "model.onnx", "--json").check().json
    given = cli("cost", lenet, "--assignment", optimized / "assignment.json", "--json").check().json
    for found in (held, given):
        assert found["operands"] == "own"
        for block, reported in (("total", "selected"), ("baseline", "baseline")):
            for field in COSTS:
                assert found[block][field] == report[reported][field]
        assert found["savings"] == report["savings"]
        for layer, row in zip(found["layers"], report["layers"], strict=True):
            assert layer == {key: row[key] for key in layer}


def test_cost_of_a_plain_model_is_that_of_uniform_operands(
    cli: Callable, lenet: Path, tmp_path: Path
) -> None:
    exact = cli("cost", lenet, "--json").check().json
    assert exact["operands"] == "uniform"
    assert exact["notes"] == []
    flags = (*QUICK, "--no-operand-aware-power", "--json")
    found = cli("optimize", lenet, "-o", tmp_path, *flags).check().json
    assert found["operands"] == "uniform"
    for field in COSTS:
        assert exact["total"][field] == found["baseline"][field]
    document = json.loads((tmp_path / "assignment.json").read_text(encoding="utf-8"))
    assert set(document) - {"compensation"} == {"assignment"}
    cost = cli("cost", tmp_path / "model.onnx", "--json").check().json
    for field in COSTS:
        assert cost["total"][field] == found["selected"][field]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_threads_change_no_energy(
    cli: Callable, lenet: Path, optimized: Path, tmp_path: Path, jobs: str
) -> None:
    cli("optimize", lenet, "-o", tmp_path, "--jobs", jobs, "-q").check()
    first, second = (folder / "assignment.json" for folder in (optimized, tmp_path))
    assert first.read_bytes() == second.read_bytes()
    assert json.loads(first.read_text(encoding="utf-8"))["energies_fj"]


def test_a_stock_runtime_gives_the_same_bytes(optimized: Path, tmp_path: Path) -> None:
    import hawx_onnx
    from hawx_onnx.models.lenet5.data import digits_splits

    assert "test" in digits_splits()
    x = test_inputs(optimized / "model.onnx")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy, onnxruntime\n"
        "model, x, y = sys.argv[1:]\n"
        "session = onnxruntime.InferenceSession(model, providers=['CPUExecutionProvider'])\n"
        "assert not any(name.startswith('hawx') for name in sys.modules)\n"
        "numpy.save(y, session.run(None, {session.get_inputs()[0].name: numpy.load(x)})[0])\n"
    )
    words = [str(optimized / "model.onnx"), str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HAWX")}
    subprocess.run(
        [sys.executable, "-c", code, *words], check=True, cwd=tmp_path, env=environment, timeout=120
    )
    session = hawx_onnx.create_session(optimized / "model.onnx", use_library=True)
    (ours,) = session.run(None, {session.get_inputs()[0].name: x})
    assert ours.tobytes() == np.load(tmp_path / "y.npy").tobytes()
    assert len(ours) == 599


def test_inputs(model: Path) -> np.ndarray:
    """The test split as the network takes it."""
    import onnx

    from hawx_onnx.run_data import load_data
    from hawx_onnx.settings import Settings

    return load_data(onnx.load(model), Settings()).test.x


test_inputs.__test__ = False


def test_the_same_seed_gives_the_same_bytes(
    cli: Callable, lenet: Path, optimized: Path, tmp_path: Path
) -> None:
    cli("optimize", lenet, "-o", tmp_path, "-q").check()
    for name in ("model.onnx", "assignment.json"):
        assert (tmp_path / name).read_bytes() == (optimized / name).read_bytes()


def test_run_yaml_repeats_the_run(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    flags = (*QUICK, "--max-accuracy-drop", "0.02", "--target", "spatial", "--seed", "7")
    first, second = tmp_path / "first", tmp_path / "second"
    cli("optimize", lenet, "-o", first, *flags).check()
    run = yaml.safe_load((first / "run.yaml").read_text(encoding="utf-8"))
    assert run["settings"]["max-accuracy-drop"] == 0.02
    assert run["settings"]["candidates"] == ["mul8s_trunc2,mul8s_trunc1"]
    cli("optimize", lenet, "-o", second, "--config", first / "run.yaml").check()
    for name in ("model.onnx", "assignment.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert report_of(first)["command"] == report_of(second)["command"]


def test_apply_writes_the_same_model(
    cli: Callable, lenet: Path, optimized: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "applied.onnx"
    cli("apply", lenet, "--assignment", optimized / "assignment.json", "-o", out).check()
    assert out.read_bytes() == (optimized / "model.onnx").read_bytes()
    assert [path.name for path in out.parent.iterdir()] == ["applied.onnx"]


def test_a_second_run_replaces_the_files(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    cli("optimize", lenet, "-o", tmp_path, *QUICK).check()
    cli("optimize", lenet, "-o", tmp_path, *QUICK, "--objective", "energy").check()
    assert {path.name for path in tmp_path.iterdir()} == FILES | {"notes.txt"}
    assert report_of(tmp_path)["objective"] == "energy"


def test_text_shows_the_comparison_and_the_files(
    cli: Callable, lenet: Path, tmp_path: Path
) -> None:
    done = cli("optimize", lenet, "-o", tmp_path, *QUICK).check()
    assert "Exact int8" in done.out
    assert "conv2" in done.out
    assert str(tmp_path / "report.html") in done.out
    assert str(tmp_path / "model.onnx") in done.out
    assert done.err == ""
    assert "\x1b" not in done.out


@pytest.mark.parametrize("objective", ["area", "energy", "latency"])
def test_the_objective_does_not_get_worse(
    cli: Callable, lenet: Path, tmp_path: Path, objective: str
) -> None:
    done = cli("optimize", lenet, "-o", tmp_path, *QUICK, "--objective", objective, "--json")
    found = done.check().json
    assert found["objective"] == objective
    assert found["savings"][objective] >= 0


def test_too_few_evaluations_fall_back_on_the_exact_design(
    cli: Callable, lenet: Path, tmp_path: Path
) -> None:
    flags = ("--candidates", "mul8s_trunc4", "--max-evaluations", "1", "--max-accuracy-drop", "0")
    found = cli("optimize", lenet, "-o", tmp_path, *flags, "--json").check().json
    cost = cli("cost", tmp_path / "model.onnx", "--json").check().json
    assert cost["operands"] == "own"
    assert cost["total"]["energy_uj"] == found["baseline"]["energy_uj"]
    assert set(found["selected"]["assignment"].values()) == {"mul8s_exact"}
    assert found["accuracy_drop"] == 0
    assert all(layer["reason"] for layer in found["layers"])
    assert sum(point["selected"] for point in found["pareto"]) == 1


@pytest.mark.parametrize("kind", ["spatial", "temporal"])
def test_targets(cli: Callable, lenet: Path, tmp_path: Path, kind: str) -> None:
    found = cli("optimize", lenet, "-o", tmp_path, *QUICK, "--target", kind, "--json").check().json
    assert found["target"]["kind"] == kind
    assert found["savings"]["energy"] >= 0
    given = ("--assignment", tmp_path / "assignment.json")
    for words in ((tmp_path / "model.onnx",), (lenet, *given)):
        cost = cli("cost", *words, "--target", kind, "--json").check().json
        assert cost["operands"] == "own"
        for field in (*COSTS, "multiplication_energy_uj"):
            assert cost["total"][field] == found["selected"][field]
            assert cost["baseline"][field] == found["baseline"][field]
        for layer, row in zip(cost["layers"], found["layers"], strict=True):
            assert layer == {key: row[key] for key in layer}


def test_a_target_of_ones_own(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.yaml"
    target.write_text("kind: temporal\nrows: 4\ncols: 8\nfrequency_mhz: 200\n", encoding="utf-8")
    out = tmp_path / "out"
    found = cli("optimize", lenet, "-o", out, *QUICK, "--target", target, "--json").check().json
    assert found["target"] == {**found["target"], "name": "mine", "rows": 4, "cols": 8}
    cost = cli("cost", out / "model.onnx", "--target", target, "--json").check().json
    assert cost["total"]["power_mw"] == found["selected"]["power_mw"]


def test_hardware_limits_that_can_be_met(
    cli: Callable, lenet: Path, tmp_path: Path, report: dict[str, Any]
) -> None:
    power = 0.95 * report["baseline"]["power_mw"]
    area = 1.3 * report["baseline"]["area_um2"]
    limits = ("--max-power", str(power), "--max-area", str(area))
    found = cli("optimize", lenet, "-o", tmp_path, *limits, "--json").check().json
    assert found["selected"]["power_mw"] <= power
    assert found["selected"]["area_um2"] <= area
    assert found["budget"]["max_power_mw"] == pytest.approx(power)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--max-power", "1"), ("least power", "mW", "the limit 1")),
        (("--max-area", "1000"), ("least area", "um2", "the limit 1000")),
        (
            (
                *("--no-exact", "--candidates", "mul8s_trunc4", "--max-accuracy-drop", "0"),
                "--no-fold-bias",
            ),
            ("loses", "points", "0 are allowed"),
        ),
    ],
    ids=["power", "area", "accuracy"],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_budget_that_cannot_be_met(
    cli: Callable, lenet: Path, tmp_path: Path, flags: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = cli("optimize", lenet, "-o", tmp_path / "out", *flags)
    front = tmp_path / "out" / "pareto.csv"
    done.refused(1, "no assignment meets the budget", *words, "loosen the budget", str(front))
    rows = list(csv.DictReader(front.open(encoding="utf-8")))
    # The one assignment of the last case is given up early, and stands on no front.
    assert any(row["on_front"] == "true" for row in rows) == ("--no-exact" not in flags)
    assert rows
    assert not any(row["selected"] == "true" for row in rows)
    assert not (front.parent / "model.onnx").exists()


def test_unsigned_candidates(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    flags = ("--candidates", "mul8u_trunc*", "--max-evaluations", "8")
    flags += ("--max-accuracy-drop", "0.02")
    found = cli("optimize", lenet, "-o", tmp_path, *flags, "--json").check().json
    assert {row["encoding"] for row in found["candidates"]} == {"unsigned"}
    assert found["candidates"][0]["name"] == "mul8u_exact"
    assert found["savings"]["power"] > 0
    for path in ((), ("--portable",)):
        again = cli("evaluate", tmp_path / "model.onnx", "--json", *path).check().json
        assert again["correct"] == found["selected"]["correct"]
    cost = cli("cost", tmp_path / "model.onnx", "--json").check().json
    assert cost["total"]["energy_uj"] == found["selected"]["energy_uj"]
    assert cost["baseline"]["energy_uj"] == found["baseline"]["energy_uj"]


def test_without_data_a_foreign_model_is_held_against_itself(
    cli: Callable, models: dict[str, Path], tmp_path: Path
) -> None:
    done = cli("optimize", models["open batch"], "-o", tmp_path, *QUICK, "--json").check()
    found = done.json
    assert found["data"]["metric"] == "agreement"
    assert found["data"]["labelled"] is False
    assert found["float"]["accuracy"] == 1
    assert any("synthetic" in text and "--data" in text for text in found["warnings"])
    assert "synthetic" in done.err
    text = cli("optimize", models["open batch"], "-o", tmp_path, *QUICK).check()
    assert "Agreement" in text.out
    assert "synthetic" in text.out + text.err


@pytest.mark.parametrize("name", ["open batch", "batch of one", "batch of seven"])
def test_fixed_and_open_batches_give_the_same(
    cli: Callable, models: dict[str, Path], small_data: Path, tmp_path: Path, name: str
) -> None:
    flags = (*QUICK, "--data", small_data, "--max-accuracy-drop", "0.05", "--json")
    found = cli("optimize", models[name], "-o", tmp_path, *flags).check().json
    reference = cli("optimize", models["open batch"], "-o", tmp_path / "open", *flags).check().json
    assert found["data"]["splits"] == {"calibration": 30, "validation": 60, "test": 60}
    for block in ("float", "baseline", "selected"):
        assert found[block]["correct"] == reference[block]["correct"]
    for field in COSTS:
        assert found["selected"][field] == reference["selected"][field]
    evaluated = cli("evaluate", tmp_path / "model.onnx", "--data", small_data, "--json").check()
    assert evaluated.json["correct"] == found["selected"]["correct"]


def test_unnamed_nodes_go_by_one_name_everywhere(
    cli: Callable, models: dict[str, Path], small_data: Path, tmp_path: Path
) -> None:
    model, flags = models["open batch"], (*QUICK, "--max-accuracy-drop", "0.05")
    cli("optimize", model, "-o", tmp_path, "--data", small_data, *flags).check()
    assignment = tmp_path / "assignment.json"
    total = cli("cost", model, "--assignment", assignment, "--json").check().json["total"]
    for field in COSTS:
        assert total[field] == report_of(tmp_path)["selected"][field]


def test_mnist_with_preprocessing_from_a_file(
    cli: Callable, shared: Callable[[str], Path], tmp_path: Path
) -> None:
    model = shared("data/models/lenet5_mnist_pytorch_fp32.onnx")
    with np.load(shared("data/mnist_test.npz"), allow_pickle=False) as mnist:
        np.savez(tmp_path / "mnist.npz", x=mnist["x"][:300], y=mnist["y"][:300])
    preprocess = tmp_path / "preprocess.yaml"
    preprocess.write_text(
        "layout: nchw\nresize: [32, 32]\nscale: 255\nmean: [0.1307]\nstd: [0.3081]\n",
        encoding="utf-8",
    )
    data = ("--data", tmp_path / "mnist.npz", "--preprocess", preprocess)
    flags = ("--candidates", "mul8s_trunc1,mul8sm_drum4", "--max-evaluations", "4")
    flags = (*flags, "--confidence", "0.5")  # 120 samples make nothing sure
    found = cli("optimize", model, "-o", tmp_path / "o", *data, *flags, "--json").check().json
    assert found["float"]["accuracy"] > 0.97
    assert found["baseline"]["accuracy"] > 0.97
    assert found["savings"]["power"] > 0.02
    for path in ((), ("--portable",)):
        again = cli("evaluate", tmp_path / "o" / "model.onnx", *data, "--json", *path).check().json
        assert again["correct"] == found["selected"]["correct"]
    cli("evaluate", model, *data[:2]).refused(3, "uint8", "--preprocess")


def test_excluded_layers_stay_exact(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    flags = (*QUICK, "--max-accuracy-drop", "0.9", "--exclude", "conv*,fc3")
    cli("optimize", lenet, "-o", tmp_path, *flags).check()
    found = json.loads((tmp_path / "assignment.json").read_text(encoding="utf-8"))["assignment"]
    exact = {layer for layer, name in found.items() if name == "mul8s_exact"}
    assert {layer for layer in found if layer.startswith("conv") or layer == "fc3"} <= exact
    assert exact != set(found)


def test_several_objectives_and_few_multipliers(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    flags = (*QUICK, "--objective", "power", "--objective", "area", "--max-multipliers", "1")
    cli("optimize", lenet, "-o", tmp_path, *flags, "--max-accuracy-drop", "0.5").check()
    report = report_of(tmp_path)
    assert (report["objective"], report["further_objectives"]) == ("power", ["area"])
    used = {name for layer in report["layers"] for name in layer["multipliers"]}
    assert len(used) == 1
    assert "mul8s_exact" not in used


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--max-energy", "1e-9", ("energy", "uJ", "1e-09")),
        ("--max-latency", "1", ("latency", "cycles")),
    ],
)
def test_further_budgets_that_cannot_be_met(
    cli: Callable, lenet: Path, tmp_path: Path, flag: str, value: str, words: tuple[str, ...]
) -> None:
    cli("optimize", lenet, "-o", tmp_path, *QUICK, flag, value).refused(1, *words)


@pytest.mark.parametrize("target", ["spatial", "temporal"])
def test_channels_of_their_own(cli: Callable, lenet: Path, tmp_path: Path, target: str) -> None:
    from hawx_onnx.report import report_schema

    # So strict that whole layers will not do.
    flags = ("--candidates", "mul8s_trunc4", "--max-accuracy-drop", "0.003")
    flags = (
        *flags,
        "--max-evaluations",
        "40",
        "--granularity",
        "filter",
        "--target",
        target,
        "--exclude",
        "conv1",
        # Few samples cannot make so small a drop sure.
        "--confidence",
        "0.5",
    )
    done = cli("optimize", lenet, "-o", tmp_path, *flags, "--json").check().json
    jsonschema.Draft202012Validator(report_schema()).validate(done)
    assert done["granularity"] == "filter"
    assert done["safeguard"] is None
    assert done["budget"]["confidence"] is None
    found = json.loads((tmp_path / "assignment.json").read_text(encoding="utf-8"))["assignment"]
    assert found["conv1"] == "mul8s_exact"
    mixed = [layer for layer in done["layers"] if len(layer["multipliers"]) > 1]
    assert mixed
    assert all(sum(layer["multipliers"].values()) == layer["channels"] for layer in mixed)
    cost = cli("cost", tmp_path / "model.onnx", "--target", target, "--json").check().json
    assert cost["total"]["power_mw"] == pytest.approx(done["selected"]["power_mw"])
