"""``hawx-onnx report``: a run's report once more, from its journal alone, finished or not."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hawx_onnx.journal import FILE
from hawx_onnx.report import report_schema
from hawx_onnx.validation_runs import ValidationRuns

REBUILT = ("report.json", "report.html", "pareto.csv")
FLAGS = ("--candidates", "mul8s_trunc3,mul8s_trunc2", "--max-evaluations", "9", "--jobs", "1")
FLAGS = (*FLAGS, "--max-accuracy-drop", "0.1", "--score-samples", "32")


@pytest.fixture
def command(models: dict[str, Path], small_data: Path, tmp_path: Path) -> list[str]:
    words = ("optimize", models["open batch"], "--data", small_data, "-o", tmp_path / "out", *FLAGS)
    return [str(word) for word in words]


def rebuilt(cli: Callable, folder: Path) -> dict[str, Any]:
    """The report of a folder, written by ``report`` and sound."""
    printed = cli("report", folder, "--json").check().json
    assert json.loads((folder / "report.json").read_text(encoding="utf-8")) == printed
    jsonschema.Draft202012Validator(report_schema()).validate(printed)
    with (folder / "pareto.csv").open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(printed["pareto"])
    assert "<svg" in (folder / "report.html").read_text(encoding="utf-8")
    return printed


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_finished_run_gets_the_same_bytes(
    cli: Callable, optimized: Path, report: dict[str, Any], tmp_path: Path
) -> None:
    """The journal alone, in another folder, is all that it takes."""
    shutil.copy(optimized / FILE, tmp_path)
    assert rebuilt(cli, tmp_path) == report
    assert report["finished"] is True
    for name in REBUILT:
        assert (tmp_path / name).read_bytes() == (optimized / name).read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {FILE, *REBUILT}
    text = cli("report", tmp_path).check()
    assert "conv2" in text.out
    assert str(tmp_path / "report.html") in text.out


def test_what_was_measured_by_now(
    cli: Callable, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli(*command).check()
    whole = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    with monkeypatch.context() as patch:
        patch.setattr("hawx_onnx.optimization.compensate", interrupt)
        cli(*command).check(130)
    found = rebuilt(cli, tmp_path / "out")
    assert found["finished"] is False
    measured = [one for one in whole["pareto"] if one["samples"] is not None]
    counted = [one for one in measured if set(one["assignment"].values()) != {"mul8s_exact"}]
    assert found["search"]["evaluations"] == len(counted) > 0
    assert found["search"]["samples_run"] == sum(one["samples"] for one in counted)
    for key in ("budget", "candidates", "command", "target", "operands"):
        assert found[key] == whole[key]
    for key in ("validation_accuracy", "power_mw", "area_um2", "energy_uj", "latency_cycles"):
        assert found["baseline"][key] == whole["baseline"][key]
        assert found["selected"][key] == whole["selected"][key]
    assert found["selected"]["assignment"] == whole["selected"]["assignment"]
    assert found["savings"] == whole["savings"]
    assert found["baseline"]["accuracy"] is found["selected"]["accuracy"] is None
    assert found["accuracy_drop"] is None
    assert found["pareto"] == measured
    layers = [row["multipliers"] for row in found["layers"]]
    assert layers == [row["multipliers"] for row in whole["layers"]]
    (first, *_) = found["warnings"]
    assert "not finished" in first
    assert "--resume" in first
    shown = cli("report", tmp_path / "out").check().out
    assert "not finished" in shown
    # And the run can still go on.
    cli(*command, "--resume").check()
    assert rebuilt(cli, tmp_path / "out")["finished"] is True


def test_the_baseline_alone(
    cli: Callable, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, runs = ValidationRuns.scores, []

    def scores(self, choice, batch):
        runs.append(choice)
        return real(self, choice, batch) if len(set(runs)) == 1 else interrupt()

    monkeypatch.setattr(ValidationRuns, "scores", scores)
    cli(*command, "--no-exact").check(130)
    found = rebuilt(cli, tmp_path / "out")
    assert found["search"]["evaluations"] == len(found["pareto"]) == 0
    assert found["baseline"]["validation_accuracy"] > 0.5
    assert found["selected"]["assignment"] == {}
    assert {row["reason"] for row in found["layers"]} == {"nothing is chosen"}


def test_costs_are_those_of_the_last_run(
    cli: Callable, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hawx_onnx.optimization.compensate", interrupt)
    cli(*command).check(130)
    first = rebuilt(cli, tmp_path / "out")
    cli(*command, "--target", "spatial", "--resume").check(130)
    second = rebuilt(cli, tmp_path / "out")
    cli(*command[:-1], command[-1], "--target", "spatial").check(130)
    fresh = rebuilt(cli, tmp_path / "out")
    assert first["selected"]["power_mw"] != second["selected"]["power_mw"]
    fields = ("assignment", "power_mw", "area_um2", "latency_cycles")
    points = [{tuple(map(str, map(p.get, fields))) for p in r["pareto"]} for r in (second, fresh)]
    assert points[1] <= points[0]


def test_a_search_that_chose_nothing(cli: Callable, command: list[str], tmp_path: Path) -> None:
    cli(*command, "--max-power", "1e-6").check(1)
    found = rebuilt(cli, tmp_path / "out")
    assert found["finished"] is False
    assert found["selected"]["assignment"] == {}
    assert "nothing was chosen" in found["warnings"][0]
    assert "least power" in found["warnings"][0]


def test_folders_without_a_search(
    cli: Callable, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("report", tmp_path / "none").refused(2, str(tmp_path / "none"), "no journal", "-o")
    cli("report", tmp_path).refused(2, FILE, "no journal")
    monkeypatch.setattr("hawx_onnx.optimization.Searcher", interrupt)
    cli(*command).check(130)
    cli("report", tmp_path / "out").refused(2, "before its search began", "--resume")
    (tmp_path / FILE).write_bytes(b"nothing of the kind" * 100)
    cli("report", tmp_path).refused(2, FILE, "is no journal, or is damaged")
    (tmp_path / FILE).write_bytes(b"")
    cli("report", tmp_path).refused(2, FILE, "holds nothing yet")


@pytest.mark.parametrize(
    "change",
    [
        {"finished": None, "layers": 3},
        {"layers": [{"name": "conv", "multipliers": 5}]},
        {"pareto": [{"assignment": {"a": {}}}], "search": 7},
        {"model": "\ud800"},
        {"baseline": {"accuracy": "x"}, "selected": None, "warnings": 1},
    ],
)
def test_a_note_of_another_form_overwrites_nothing(
    cli: Callable, optimized: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    shutil.copy(optimized / FILE, tmp_path)
    with sqlite3.connect(tmp_path / FILE) as connection:
        (text,) = connection.execute("SELECT value FROM notes WHERE name = 'report'").fetchone()
        changed = json.dumps({**json.loads(text), **change})
        connection.execute("UPDATE notes SET value = ? WHERE name = 'report'", (changed,))
    connection.close()
    cli("report", tmp_path).refused(2, FILE, "is no journal, or is damaged")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
