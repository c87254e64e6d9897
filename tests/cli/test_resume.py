"""``--resume``: an interrupted run, however it ended, repeats nothing and ends like any other."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_files import content, timeless

from hawx_onnx.journal import FILE, Journal
from hawx_onnx.passes import Score
from hawx_onnx.search.problem import Choice
from hawx_onnx.validation_runs import ValidationRuns

QUICK = ("--candidates", "mul8s_trunc3,mul8s_trunc2", "--max-evaluations", "9", "--jobs", "1")
QUICK = (*QUICK, "--max-accuracy-drop", "0.1", "--score-samples", "32")
# Ends like a power switch, before or after the write of its number is committed.
KILLED = """
import os, signal, sys
from hawx_onnx.cli.main import main
from hawx_onnx.journal import Journal

count, after, real = int(sys.argv[1]), sys.argv[2] == "after", Journal._write

def write(self, *rows, **named):
    global count
    count -= 1
    if count == 0 and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, *rows, **named)
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)

Journal._write = write
sys.exit(main(sys.argv[3:]))
"""


def words(models: dict[str, Path], data: Path, out: Path) -> list[str]:
    return [str(word) for word in ("optimize", models["open batch"], "--data", data, "-o", out)]


@pytest.fixture(scope="module")
def whole(
    cli: Callable,
    models: dict[str, Path],
    small_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    cli(*words(models, small_data, folder), *QUICK).check()
    return folder


def writes_of(folder: Path) -> int:
    """How often a run wrote to its journal: at most as often as there are entries."""
    with sqlite3.connect(folder / FILE) as connection:
        tables = ("notes", "results", "measurements")
        counts = [connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables]
    connection.close()
    return sum(counts)


def measured(folder: Path) -> list[str]:
    """The measured choices in a journal, as it writes them, in order."""
    with sqlite3.connect(folder / FILE) as connection:
        rows = connection.execute("SELECT choice FROM measurements ORDER BY rowid").fetchall()
    connection.close()
    return [row[0] for row in rows]


def of_channels(choice: str) -> bool:
    """Whether channels of one layer have different multipliers."""
    return any(isinstance(entry, list) for entry in json.loads(choice))


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_any_entry_a_run_goes_on_to_the_same_bytes(
    models: dict[str, Path], small_data: Path, whole: Path, tmp_path: Path, seed: int
) -> None:
    draw, out = random.Random(seed), tmp_path / "out"
    command = [*words(models, small_data, out), *QUICK]
    for resume in ((), ("--resume",)):
        at = (str(draw.randint(1, writes_of(whole) // 3)), draw.choice(["before", "after"]))
        done = subprocess.run([sys.executable, "-c", KILLED, *at, *command, *resume], check=False)
        assert done.returncode == -signal.SIGKILL
    subprocess.run([sys.executable, "-m", "hawx_onnx", *command, "--resume"], check=True)
    assert content(out) == content(whole)
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}


def test_killed_among_channels_a_run_goes_on_to_the_same_bytes(
    cli: Callable,
    models: dict[str, Path],
    small_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Filter level: killed once channels are measured, it runs none of those again."""
    flags = (*QUICK, "--granularity", "filter", "--max-evaluations", "26", "--no-early-stop")
    real, runs = ValidationRuns.scores, []

    def scores(self: ValidationRuns, choice: Choice, batch: int) -> np.ndarray:
        runs.append(choice)
        return real(self, choice, batch)

    write, writes = Journal._write, []

    def noted(self: Journal, statement: str, rows: Any, **named: Any) -> None:
        writes.append("measurements" in statement and any(of_channels(row[1]) for row in rows))
        write(self, statement, rows, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_write", noted)
        cli(*words(models, small_data, tmp_path / "whole"), *flags).check()
    every = measured(tmp_path / "whole")
    command = [*words(models, small_data, tmp_path / "out"), *flags]
    first = str(writes.index(True) + 1)
    killed = [sys.executable, "-c", KILLED, first, "after", *command]
    assert subprocess.run(killed, check=False).returncode == -signal.SIGKILL
    known = measured(tmp_path / "out")
    assert 0 < sum(map(of_channels, known)) < sum(map(of_channels, every))
    assert known == every[: len(known)]
    monkeypatch.setattr(ValidationRuns, "scores", scores)
    cli(*command, "--resume").check()
    assert {json.dumps(choice) for choice in runs} == {*every} - {*known}
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_killed_at_any_time_a_run_goes_on_to_the_same_bytes(
    models: dict[str, Path], small_data: Path, whole: Path, tmp_path: Path
) -> None:
    draw, out = random.Random(2), tmp_path / "out"
    command = [sys.executable, "-m", "hawx_onnx", *words(models, small_data, out), *QUICK]
    for resume in ((), ("--resume",)):
        process = subprocess.Popen([*command, *resume], stdout=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(1, 6))
        process.kill()
        process.wait()
    subprocess.run([*command, "--resume"], check=True)
    assert content(out) == content(whole)


def test_a_finished_run_repeats_nothing(
    cli: Callable,
    models: dict[str, Path],
    small_data: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / FILE).write_bytes((whole / FILE).read_bytes())

    # Scores, measurements and trials of compensation.
    monkeypatch.setattr(Score, "call", None)
    monkeypatch.setattr(ValidationRuns, "scores", None)
    monkeypatch.setattr("hawx_onnx.passes.compensate.AssignmentProbe", None)
    cli(*words(models, small_data, tmp_path), *QUICK, "--resume").check()
    assert content(tmp_path) == content(whole)
    report = [json.loads((at / "report.json").read_text("utf-8")) for at in (tmp_path, whole)]
    for key in ("scoring_seconds", "measuring_seconds"):
        assert report[0]["search"][key] == pytest.approx(report[1]["search"][key], rel=0.5)


def test_an_interrupted_run_measures_only_what_is_missing(
    cli: Callable, lenet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--candidates", "mul8s_trunc2,mul8s_trunc1", "--max-evaluations", "12")
    flags = (*flags, "--jobs", "1", "--no-operand-aware-power")
    flags = (*flags, "--no-fold-bias", "--no-map-weights", "--no-rescale")
    real, runs = ValidationRuns.scores, []

    def scores(self, choice, batch):
        runs.append((choice, batch))
        if stop_after and len(runs) > stop_after:
            raise KeyboardInterrupt
        return real(self, choice, batch)

    monkeypatch.setattr(ValidationRuns, "scores", scores)
    stop_after = 0
    cli("optimize", lenet, "-o", tmp_path / "whole", *flags).check()
    every = list(runs)
    # Behind the front, which is measured as a block, and some that are measured one by one.
    stop_after = len(every) - 3
    runs.clear()
    command = ["optimize", lenet, "-o", tmp_path / "out", *flags]
    cli(*command).check(130)
    assert not (tmp_path / "out" / "model.onnx").exists()
    done = set(runs[:-1])
    stop_after = 0
    runs.clear()
    cli(*command, "--resume").check()
    assert 0 < len(runs) < len(every) / 2
    again = done & set(runs)
    assert {choice for choice, _ in again} <= {every[-3][0]}
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_another_budget_takes_the_same_measurements(
    cli: Callable,
    models: dict[str, Path],
    small_data: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / FILE).write_bytes((whole / FILE).read_bytes())
    flags = (*QUICK, "--target", "spatial", "--max-accuracy-drop", "0.05", "--no-early-stop")
    real, runs = ValidationRuns.scores, []

    def scores(self: ValidationRuns, choice: Choice, batch: int) -> np.ndarray:
        runs.append(choice)
        return real(self, choice, batch)

    monkeypatch.setattr(ValidationRuns, "scores", scores)
    cli(*words(models, small_data, tmp_path), *flags, "--resume").check()
    resumed = set(runs)
    runs.clear()
    cli(*words(models, small_data, tmp_path / "new"), *flags).check()
    assert content(tmp_path) == content(tmp_path / "new")
    assert resumed < set(runs)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--seed", "3"), ("data: another one", "seed: 0 there, 3 here")),
        (("--candidates", "mul8s_trunc3"), ("multipliers: mul8s_trunc2 is only there",)),
        (("--validation-samples", "30"), ("data: another one",)),
        (("--data", "synthetic"), ("data: another one",)),
    ],
    ids=lambda value: value[0] if value and value[0].startswith("--") else "",
)
def test_journals_of_other_runs_are_refused(
    cli: Callable,
    models: dict[str, Path],
    small_data: Path,
    whole: Path,
    flags: tuple[str, ...],
    told: tuple[str, ...],
) -> None:
    before = writes_of(whole)
    chosen = QUICK[2:] if flags[0] == "--candidates" else QUICK
    done = cli(*words(models, small_data, whole), *chosen, *flags, "--resume", "-v")
    done.refused(2, str(whole / FILE), "is of another run", *told, "leave out --resume")
    assert "quantising" not in done.err
    assert writes_of(whole) == before


def test_the_journal_of_another_model_is_refused(
    cli: Callable, models: dict[str, Path], small_data: Path, whole: Path
) -> None:
    changed = [models["batch of one"], "--data", small_data, "-o", whole, *QUICK, "--resume"]
    cli("optimize", *changed).refused(2, "is of another run", "model: another one")


def test_a_damaged_journal_is_refused(
    cli: Callable, models: dict[str, Path], small_data: Path, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_bytes(os.urandom(5000))
    done = cli(*words(models, small_data, tmp_path), *QUICK, "--resume")
    done.refused(2, FILE, "is no journal, or is damaged", "leave out --resume", "another --output")


def test_explore_goes_on_method_by_method(
    cli: Callable,
    models: dict[str, Path],
    small_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ["explore", models["open batch"], "--data", small_data, *QUICK, "--json"]
    command += ["--method", "hawx", "--method", "random", "-o", tmp_path / "found.json"]
    first = cli(*command).check().json
    assert {path.name for path in tmp_path.iterdir()} == {"found.json", f"found.{FILE}"}
    monkeypatch.setattr(Score, "call", None)
    monkeypatch.setattr(ValidationRuns, "scores", None)
    again = cli(*command, "--resume").check().json
    assert timeless(again) == timeless(first)
    for old, new in zip(first["methods"], again["methods"], strict=True):
        assert new["measuring_seconds"] == pytest.approx(old["measuring_seconds"], rel=0.5)
    monkeypatch.undo()
    more = cli(*command, "--method", "exhaustive", "--resume").check().json
    assert more["methods"][2]["evaluations"] == 9
    assert timeless(more["methods"][0]["points"]) == timeless(first["methods"][0]["points"])


def test_explore_without_an_output_has_nothing_to_go_on_with(
    cli: Callable, models: dict[str, Path]
) -> None:
    cli("explore", models["open batch"], "--resume").refused(2, "--resume", "needs --output")
