"""Compensation in ``optimize``: reported, repeated by ``apply``, switchable."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnx
import pytest

from hawx_onnx.journal import FILE
from hawx_onnx.passes.graph import metadata

ROUGH = ("--candidates", "mul8s_trunc4", "--max-accuracy-drop", "0.05", "--max-evaluations", "6")
SWITCHES = ("--no-fold-bias", "--no-map-weights", "--no-rescale")


@pytest.fixture(scope="module")
def rough(cli: Callable, lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with a multiplier that errs much."""
    folder = tmp_path_factory.mktemp("rough")
    done = cli("optimize", lenet, "-o", folder, *ROUGH).check()
    (folder / "stdout.txt").write_text(done.out, encoding="utf-8")
    return folder


def document(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def kept(report: dict[str, Any]) -> list[str]:
    return [trial["pass"] for trial in report["compensation"] if trial["kept"]]


def test_gains_are_reported(rough: Path) -> None:
    from hawx_onnx.report import report_schema

    report = document(rough / "report.json")
    jsonschema.Draft202012Validator(report_schema()).validate(report)
    trials = report["compensation"]
    assert {trial["pass"] for trial in trials} == {"fold-bias", "map-weights", "rescale"}
    assert "fold-bias" in kept(report)
    for trial in trials:
        gain = trial["validation_accuracy_after"] - trial["validation_accuracy_before"]
        assert trial["gain"] == pytest.approx(gain)
        assert trial["validation_samples"] == report["data"]["splits"]["validation"]
        if trial["kept"]:
            assert gain >= 0
    first, last = trials[0], [trial for trial in trials if trial["kept"]][-1]
    assert last["validation_accuracy_after"] == report["selected"]["validation_accuracy"]
    assert last["output_mse_after"] < first["output_mse_before"] / 4
    shown = (rough / "stdout.txt").read_text(encoding="utf-8")
    assert "compensation, on validation samples: " in shown
    page = (rough / "report.html").read_text(encoding="utf-8")
    assert "Compensation passes, on the validation samples" in page


def test_the_search_measures_folded_networks(rough: Path) -> None:
    """What it measured of the selected assignment is what folding alone gives."""
    report = document(rough / "report.json")
    assert report["search"]["compensation"] == "fold-bias"
    (selected,) = [point for point in report["pareto"] if point["selected"]]
    fold = report["compensation"][0]
    assert fold["pass"] == "fold-bias" and fold["kept"]
    assert selected["measured_accuracy"] == fold["validation_accuracy_after"]
    assert fold["validation_accuracy_before"] < fold["validation_accuracy_after"]
    # Without folding the budget would not have allowed it.
    least = report["baseline"]["validation_accuracy"] - report["budget"]["max_accuracy_drop"]
    assert fold["validation_accuracy_before"] < least <= selected["measured_accuracy"]
    assert report["selected"]["validation_accuracy"] >= selected["measured_accuracy"]
    scored = document(rough / "sensitivity.json")["compensation"]
    assert scored["pass"] == "fold-bias" and "conv1" in scored["layers"]
    rows = list(csv.DictReader((rough / "pareto.csv").open(encoding="utf-8")))
    assert {row["compensation"] for row in rows} == {"fold-bias"}
    page = (rough / "report.html").read_text(encoding="utf-8")
    assert "All but the exact model have their biases folded." in page


def test_measurements_with_and_without_folding_are_not_mixed(
    cli: Callable, lenet: Path, rough: Path, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_bytes((rough / FILE).read_bytes())
    words = ("optimize", lenet, "-o", tmp_path, *ROUGH, "--resume")
    cli(*words, "--no-fold-bias").refused(2, "folded biases: True there, False here", "--resume")


def test_apply_makes_the_same_model_of_the_file(
    cli: Callable, lenet: Path, rough: Path, tmp_path: Path
) -> None:
    held = document(rough / "assignment.json")["compensation"]
    assert sorted(held["passes"]) == sorted(kept(document(rough / "report.json")))
    again = tmp_path / "m.onnx"
    cli("apply", lenet, "--assignment", rough / "assignment.json", "-o", again).check()
    model, wanted = onnx.load(again), onnx.load(rough / "model.onnx")
    assert model.SerializeToString(deterministic=True) == wanted.SerializeToString(
        deterministic=True
    )
    assert json.loads(metadata(model)["hawx.compensation"]) == held["passes"]
    evaluated = cli("evaluate", again, "--json").check().json
    selected = document(rough / "report.json")["selected"]
    assert evaluated["correct"] == selected["correct"]


def test_each_pass_can_be_switched_off(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    report = cli("optimize", lenet, "-o", tmp_path, *ROUGH, *SWITCHES, "--json").check().json
    assert report["compensation"] == [] and report["search"]["compensation"] is None
    assert all(word in report["command"] for word in SWITCHES)
    assert "compensation" not in document(tmp_path / "assignment.json")
    assert "hawx.compensation" not in metadata(onnx.load(tmp_path / "model.onnx"))
    assert "Compensation passes" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    only = cli("optimize", lenet, "-o", tmp_path, *ROUGH, *SWITCHES[1:], "--json").check().json
    assert [trial["pass"] for trial in only["compensation"]] == ["fold-bias"]


def test_compensation_of_another_model_is_refused(
    cli: Callable, lenet: Path, rough: Path, tmp_path: Path
) -> None:
    given = document(rough / "assignment.json")
    model = onnx.load(lenet)
    weights = next(t for t in model.graph.initializer if len(t.dims) == 4)
    changed = onnx.numpy_helper.to_array(weights) * np.float32(1.01)
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
    onnx.save(model, tmp_path / "other.onnx")
    words = ("--assignment", rough / "assignment.json", "-o", tmp_path / "m.onnx")
    done = cli("apply", tmp_path / "other.onnx", *words)
    done.refused(2, "compensation of conv", "not those that it was made for", "--seed")
    given["compensation"]["layers"]["conv2"]["bias"] = [0.5]
    (tmp_path / "bad.json").write_text(json.dumps(given), encoding="utf-8")
    words = ("--assignment", tmp_path / "bad.json", "-o", tmp_path / "m.onnx")
    cli("apply", lenet, *words).refused(2, "bad.json: conv2", "`bias` must hold whole numbers")
    assert not (tmp_path / "m.onnx").exists()
