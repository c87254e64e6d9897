"""What holds for every command: flags, configuration files, exit codes, terminals."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

import hawx_onnx

QUICK = ("--candidates", "mul8s_trunc2", "--max-evaluations", "2")
VERBS = ("optimize", "analyze", "explore", "evaluate", "cost", "apply", "library", "doctor")
OTHERS = ("olive-config",)


def run(root: Path, *words: str | Path, **options: object) -> subprocess.CompletedProcess:
    """Runs the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "hawx_onnx", *map(str, words)],
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        **{"stderr": subprocess.PIPE, **options},
    )


def test_the_command_in_a_process_of_its_own(root: Path, tmp_path: Path) -> None:
    model = "models/lenet5/lenet5.onnx"
    done = run(root, "optimize", model, "-o", tmp_path, *QUICK, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema_version"] == 1
    assert done.stderr == ""
    failed = run(root, "optimize", "none.onnx")
    assert failed.returncode == 3
    assert failed.stdout == ""
    assert len(failed.stderr.splitlines()) == 2


def test_a_reader_may_go_away(root: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hawx_onnx", "library", "list", "--json"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()
    assert errors == b""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
@pytest.mark.parametrize("coloured", [True, False])
def test_progress_is_shown_on_terminals_alone(root: Path, tmp_path: Path, coloured: bool) -> None:
    ours, theirs = os.openpty()
    words = ("optimize", "models/lenet5/lenet5.onnx", "-o", tmp_path, *QUICK, "--json")
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    environment.pop("NO_COLOR", None)
    if not coloured:
        environment["NO_COLOR"] = "1"
    # Read while it runs: a terminal's buffer is short, and a slow run shows more.
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read_all, ours)
        try:
            done = run(root, *words, stderr=theirs, env=environment)
        finally:
            os.close(theirs)
        shown = reading.result()
    assert done.returncode == 0
    assert json.loads(done.stdout)
    assert "\x1b" in shown
    assert "search" in shown
    assert "Traceback" not in shown
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-7]m", shown)) == coloured
    assert "2 of 2 measured, 0 s left" in shown
    last = shown.splitlines()[-1]
    assert re.search(r"done in \d+ s, 2 assignments measured; to repeat: hawx-onnx optimize ", last)
    assert last.endswith(shlex.join(map(str, words)))


def read_all(handle: int) -> str:
    """Reads a pseudo-terminal to its end."""
    parts = []
    while True:
        try:
            part = os.read(handle, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(handle)
    return b"".join(parts).decode("utf-8", "replace")


def test_version_and_help(cli: Callable) -> None:
    assert hawx_onnx.__version__ in cli("--version").check().out
    text = cli("--help").check().out
    assert all(verb in text for verb in (*VERBS, *OTHERS))
    for verb in (*VERBS, *OTHERS):
        assert "--json" in cli(verb, "--help").check().out


def test_no_command_prints_the_help(cli: Callable) -> None:
    done = cli().check(2)
    assert done.out == ""
    assert "optimize" in done.err


@pytest.mark.parametrize("before", [(), ("-q",), ("--seed", "3"), ("--json",)], ids=" ".join)
def test_unknown_commands(cli: Callable, before: tuple[str, ...]) -> None:
    cli(*before, "optimise", "x.onnx").refused(2, "'optimise'", "did you mean optimize")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("doctor", "library")])
def test_missing_arguments(cli: Callable, verb: str) -> None:
    cli(verb).refused(2, "MODEL", f"hawx-onnx {verb} --help")


def test_global_flags_stand_before_or_after_the_command(cli: Callable, lenet: Path) -> None:
    before = cli("--json", "cost", lenet).check()
    assert before.json == cli("cost", lenet, "--json").check().json


def test_verbosity(cli: Callable, lenet: Path, models: dict[str, Path], tmp_path: Path) -> None:
    model, out = models["open batch"], tmp_path / "out"
    plain = cli("optimize", model, "-o", out, *QUICK, "--json").check()
    assert "synthetic" in plain.err
    quiet = cli("optimize", model, "-o", out, *QUICK, "--json", "-q").check()
    assert quiet.err == ""
    loud = cli("-v", "optimize", model, "-o", out, *QUICK, "--json").check()
    assert "quantising" in loud.err
    assert loud.json["selected"] == plain.json["selected"] == quiet.json["selected"]
    failed = cli("cost", lenet, "--target", "nowhere", "-vv").check(2)
    assert "Traceback" in failed.err
    assert failed.out == ""
    cli("cost", lenet, "--target", "nowhere", "-v").refused(2, "'nowhere'")
    cli("cost", lenet, "--target", "nowhere", "-q").refused(2, "'nowhere'")


def test_the_seed_draws_the_synthetic_inputs(
    cli: Callable, models: dict[str, Path], tmp_path: Path
) -> None:
    runs = []
    for seed in ("1", "1", "2"):
        words = ("optimize", models["open batch"], "-o", tmp_path, *QUICK, "--seed", seed)
        cli(*words).check()
        runs.append(yaml.safe_load((tmp_path / "run.yaml").read_text(encoding="utf-8")))
    assert [run["settings"]["seed"] for run in runs] == [1, 1, 2]
    first, same, other = (run["data"]["fingerprint"] for run in runs)
    assert first == same != other


def configuration(folder: Path, text: str) -> Path:
    path = folder / "options.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_configuration_file_sets_options_and_flags_win(
    cli: Callable, lenet: Path, tmp_path: Path
) -> None:
    config = configuration(
        tmp_path,
        "candidates: mul8s_trunc2\nmax-evaluations: 2\nmax-accuracy-drop: 2e-2\n"
        f"target: spatial\noutput: {tmp_path / 'out'}\njson: true\n",
    )
    found = cli("optimize", lenet, "--config", config).check().json
    assert found["budget"]["max_accuracy_drop"] == 0.02
    assert found["target"]["kind"] == "spatial"
    assert (tmp_path / "out" / "model.onnx").is_file()
    flags = ("--target", "temporal", "-o", tmp_path / "other", "--candidates", "mul8s_trunc1")
    found = cli("optimize", lenet, "--config", config, *flags).check().json
    assert found["target"]["kind"] == "temporal"
    assert [row["name"] for row in found["candidates"]] == ["mul8s_exact", "mul8s_trunc1"]
    assert (tmp_path / "other" / "model.onnx").is_file()
    assert found["budget"]["max_accuracy_drop"] == 0.02


def test_a_configuration_file_holds_flags_of_the_command(
    cli: Callable, lenet: Path, tmp_path: Path
) -> None:
    config = configuration(tmp_path, "split: validation\nportable: true\njson: true\n")
    assert cli("evaluate", lenet, "--config", config).check().json["split"] == "validation"
    flags = ("--config", config, "--split", "test")
    assert cli("evaluate", lenet, *flags).check().json["split"] == "test"
    config = configuration(
        tmp_path,
        "method: [random, hawx]\ncandidates: [mul8s_trunc2]\nmax-evaluations: 2\njson: true\n"
        "validation-samples: 50\n",
    )
    methods = cli("explore", lenet, "--config", config).check().json["methods"]
    assert [block["method"] for block in methods] == ["random", "hawx"]
    methods = cli("explore", lenet, "--method", "hawx", "--config", config).check().json["methods"]
    assert [block["method"] for block in methods] == ["hawx"]
    config = configuration(tmp_path, f"assignment: {tmp_path / 'none.json'}\n")
    cli("cost", lenet, "--config", config).refused(2, "none.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max-acuracy-drop: 1\n", ("'max-acuracy-drop'", "did you mean max-accuracy-drop")),
        ("splt: test\n", ("'splt'", "did you mean split")),
        ("max-accuracy-drop: little\n", ("max-accuracy-drop", "'little' is not a number")),
        ("max-accuracy-drop: 3\n", ("max-accuracy-drop", "between 0 and 1")),
        ("max-power: [1]\n", ("max-power", "[1] is not a number")),
        ("seed: 1.5\n", ("seed", "1.5 is not a whole number")),
        ("seed: true\n", ("seed", "True is not a whole number")),
        ("exact: 1\n", ("exact", "1 is not true or false")),
        ("candidates: 7\n", ("candidates", "7 is not a list")),
        ("objective: speed\n", ("objective", "'speed'")),
        ("target:\n", ("target", "None is not a text")),
        ("portable: maybe\n", ("portable", "'maybe' is not true or false")),
        ("split: {a: b}\n", ("split", "not a text")),
        ("- a\n- b\n", ("no mapping", "flag-name: value")),
        ("settings: 5\n", ("no mapping",)),
        ("a: [\n", ("not valid YAML",)),
    ],
)
def test_wrong_configuration_files(
    cli: Callable, lenet: Path, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    config = configuration(tmp_path, text)
    cli("evaluate", lenet, "--config", config).refused(2, str(config), *words)


def test_configuration_files_that_cannot_be_read(
    cli: Callable, lenet: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "none.yaml"
    cli("cost", lenet, "--config", missing).refused(2, "none.yaml", "No such file")
    missing.write_bytes(b"\xff\xfe\x00")
    cli("cost", lenet, "--config", missing).refused(2, "none.yaml", "cannot be read")
    cli("cost", lenet, "--config").refused(2, "--config")
    missing.write_text("", encoding="utf-8")
    cli("cost", lenet, "--config", missing).check()
