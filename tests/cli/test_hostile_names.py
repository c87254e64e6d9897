"""Names that nodes, files and multipliers bring are inert in whatever a command prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

NAMES = (
    "::error file=x::owned",
    "conv\n::add-mask::x",
    "##[set-output name=a]b",
    "\r\n  ::stop-commands::x",
    "\x1b[2J\u2028::warning::x",
)
# Where a log may begin a new line, whoever reads it.
_ENDS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


@pytest.fixture(scope="module")
def hostile(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network whose nodes are called by commands, in a file that is too."""
    model = onnx.load(models["open batch"])
    for node, name in zip(model.graph.node, NAMES, strict=False):
        node.name = name
    path = tmp_path_factory.mktemp("hostile") / "##[warning]x\n::error::m.onnx"
    onnx.save(model, path)
    return path


def check_inert(text: str) -> None:
    assert text
    assert "##[" not in text
    for line in _ENDS.split(text):
        assert not line.strip().startswith("::"), line
    assert "\x1b" not in text


RULES = "no-exact-fallback: true\nmax-power: 1e-9\n"


@pytest.mark.parametrize("form", ["text", "json", "junit", "sarif"])
def test_a_check(cli: Callable, hostile: Path, tmp_path: Path, form: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    done = cli("check", hostile, "--rules", rules, "--format", form).check(1)
    check_inert(done.out)
    if form in ("json", "sarif"):
        assert NAMES[0] in json.dumps(done.json)  # told as it is to whoever reads JSON


def test_a_run_and_its_report(
    cli: Callable, hostile: Path, small_data: Path, tmp_path: Path
) -> None:
    flags = ("--candidates", "mul8s_trunc3", "--max-evaluations", "3", "--confidence", "0.5")
    words = ("--data", small_data, "-o", tmp_path / "out", *flags, "--jobs", "1")
    done = cli("optimize", hostile, *words, "--max-accuracy-drop", "0.9", "-v").check()
    check_inert(done.out)
    check_inert(done.err)
    check_inert(cli("report", tmp_path / "out").check().out)
    shown = cli("report", tmp_path / "out", "--json").check()
    check_inert(shown.out)
    assert {layer["name"] for layer in shown.json["layers"]} == {NAMES[0], NAMES[3]}


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_costs(cli: Callable, hostile: Path, flags: tuple[str, ...]) -> None:
    check_inert(cli("cost", hostile, *flags).check().out)


def test_errors_and_warnings(cli: Callable, hostile: Path, tmp_path: Path) -> None:
    check_inert(cli("cost", tmp_path / "a\n::error::b").check(3).err)
    check_inert(cli("cost", hostile, "::error::\n##[error]").check(2).err)
    assignment = tmp_path / "assignment.json"
    assignment.write_text(json.dumps({"assignment": {"x\n::error::y": "##[debug]"}}))
    check_inert(cli("cost", hostile, "--assignment", assignment).check(2).err)
