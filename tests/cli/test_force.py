"""``--force``: a rewritten model is taken, undone, and optimised from its assignment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

FEW = ("--candidates", "mul8s_trunc1,mul8s_trunc2", "--max-evaluations", "4", "--jobs", "1")


@pytest.fixture(scope="module")
def twice(
    cli: Callable, lenet: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The folders of a run and of one more on what it wrote, with little to measure."""
    folder = tmp_path_factory.mktemp("force")
    cli("optimize", lenet, "-o", folder / "first", *FEW, "--json").check()
    words = ("-o", folder / "second", "--force", "--json", "--data", "digits")
    model = folder / "first" / "model.onnx"
    cli("optimize", model, *words, *FEW[:2], "--max-evaluations", "1", "--jobs", "1").check()
    return folder / "first", folder / "second"


def read(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_it_goes_on_from_the_assignment(twice: tuple[Path, Path]) -> None:
    """With one measurement the second run takes that of its start, so it never ends dearer."""
    first, second = map(read, twice)
    assert second["savings"]["power"] >= first["savings"]["power"] - 1e-9
    assert first["savings"]["power"] > 0
    own = json.loads((twice[0] / "assignment.json").read_text(encoding="utf-8"))["assignment"]
    measured = [p["assignment"] for p in second["pareto"] if p["measured_accuracy"] is not None]
    assert own in measured


def test_the_exact_model_is_the_one_before_compensation(twice: tuple[Path, Path]) -> None:
    first, second = map(read, twice)
    assert second["baseline"]["accuracy"] == first["baseline"]["accuracy"]
    layers = [[(row["name"], row["op"]) for row in report["layers"]] for report in (first, second)]
    assert layers[0] == layers[1]


def test_the_report_says_so(twice: tuple[Path, Path]) -> None:
    first, second = map(read, twice)
    assert any("was rewritten before" in text for text in second["warnings"])
    assert not any("was rewritten before" in text for text in first["warnings"])
    assert "--force" in second["command"]


def test_the_result_can_be_forced_again(cli: Callable, twice: tuple[Path, Path]) -> None:
    out = twice[1].parent / "applied.onnx"
    assignment = twice[1].parent / "exact.json"
    layers = [row["name"] for row in read(twice[1])["layers"]]
    assignment.write_text(json.dumps({layers[0]: "mul8s_trunc1"}), encoding="utf-8")
    words = ("--assignment", assignment, "-o", out, "--force", "--data", "digits")
    cli("apply", twice[1] / "model.onnx", *words).check()
    nodes = [node.name for node in onnx.load(out).graph.node if node.domain == "ai.hawx"]
    assert nodes == layers[:1]


def test_an_assignment_that_candidates_do_not_allow(
    cli: Callable, twice: tuple[Path, Path]
) -> None:
    """The run goes on without it, and says so."""
    first = read(twice[0])
    used = {name for row in first["layers"] for name in row["multipliers"]} - {"mul8s_exact"}
    other = ("--candidates", "mul8s_trunc3", "--max-evaluations", "1", "--jobs", "1")
    words = ("-o", twice[1].parent / "other", "--force", "--json", "--data", "digits", *other)
    done = cli("optimize", twice[0] / "model.onnx", *words).check()
    assert "does not start from the model's own assignment" in done.err
    assert "mul8s_trunc3" not in used
