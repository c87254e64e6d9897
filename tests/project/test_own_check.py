"""The repository's own check in CI: the action, on the rules of examples/check, on the demo."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import hawx_onnx
from hawx_onnx.checks import measure_baseline
from hawx_onnx.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
LENET = ROOT / "models" / "lenet5" / "lenet5.onnx"
ACTION = "./.github/actions/check"


@pytest.fixture(scope="module")
def steps() -> list[dict[str, Any]]:
    """The steps of the job that makes the demo."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["jobs"]["demo"]["steps"]


@pytest.fixture(scope="module")
def given(steps: list[dict[str, Any]]) -> dict[str, str]:
    """What the job gives the action."""
    (step,) = (step for step in steps if step.get("uses") == ACTION)
    return {key: str(value) for key, value in step["with"].items()}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run like the demo's, which measures less: every layer is approximate."""
    folder = tmp_path_factory.mktemp("demo")
    hawx_onnx.optimize(LENET, output=folder, max_evaluations=6, exact=False, jobs=1)
    return folder


@pytest.fixture
def checkout(tmp_path: Path, demo: Path) -> Path:
    """The files of the tree that the action sees, and the demo's result."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "examples" / "check", folder / "examples" / "check")
    shutil.copytree(demo, folder / "out" / "demo")
    return folder


def test_the_demo_holds(run_action: Callable, given: dict[str, str], checkout: Path) -> None:
    code, told, outputs, summary = run_action(**given)
    assert (code, outputs["passed"]) == (0, "true"), told
    rules = yaml.safe_load((ROOT / "examples" / "check" / "rules.yaml").read_text("utf-8"))
    assert f"all {len(rules)} checks hold" in summary.replace("&#32;", " ")
    assert "paired" in told
    assert json.loads((checkout / given["sarif"]).read_text())["runs"][0]["results"] == []


def test_a_result_that_is_no_longer_approximate_does_not(
    run_action: Callable, given: dict[str, str], checkout: Path
) -> None:
    shutil.copy(LENET, checkout / given["model"])
    code, told, outputs, _ = run_action(**given)
    assert (code, outputs["passed"]) != (0, "true")
    assert f"::error file={given['model']},title=HAWX302 no-exact-fallback::" in told


def test_the_job_makes_what_it_checks(steps: list[dict[str, Any]], given: dict[str, str]) -> None:
    """The demo's folder, then the action on it, then the artefact with the findings."""
    used = [str(step.get("run") or step["uses"]) for step in steps]
    assert used.index("make demo") < used.index(ACTION) < len(used) - 1
    assert "echo .venv/bin" in used[used.index(ACTION) - 1].replace('"', "").replace("$PWD/", "")
    folder = re.search(r"^OUT := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert folder is not None
    assert given["model"] == f"{folder[1]}/model.onnx"
    assert given["install"] == ""


def test_the_baseline_is_that_of_the_shipped_network() -> None:
    path = ROOT / "examples" / "check" / "baseline.json"
    fresh = measure_baseline(str(LENET), Settings(jobs=1), "test", False)
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(json.dumps(fresh))
