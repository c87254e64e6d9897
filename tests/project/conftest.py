"""The composite action, run step by step as a runner does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github" / "actions" / "check" / "action.yml"
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


@pytest.fixture(scope="session")
def action() -> dict[str, Any]:
    return yaml.safe_load(ACTION.read_text(encoding="utf-8"))


def _tool_path() -> str:
    """PATH with the commands of this environment first."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))


@pytest.fixture(scope="session")
def tool_path() -> str:
    """PATH with the commands of this environment first."""
    return _tool_path()


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Finds a command, or skips."""

    def find(name: str) -> str:
        found = shutil.which(name, path=_tool_path())
        if found is None:
            pytest.skip(f"{name} is not installed")
        return found

    return find


def _value_of(text: str, inputs: dict[str, str]) -> str:
    """A text of the action with its inputs put in; other expressions are not known here."""

    def put(match: re.Match[str]) -> str:
        scope, _, name = match[1].partition(".")
        assert scope == "inputs", match[0]
        return inputs[name]

    return EXPRESSION.sub(put, text)


def _wanted(step: dict[str, Any], inputs: dict[str, str]) -> bool:
    """Whether a step is to run: its condition compares an input with a text."""
    if "if" not in step:
        return True
    match = re.fullmatch(r"\$\{\{ inputs\.([\w-]+) != '' \}\}", step["if"])
    assert match is not None, step["if"]
    return inputs[match[1]] != ""


@pytest.fixture(scope="session")
def wanted() -> Callable[[dict[str, Any], dict[str, str]], bool]:
    """Tells whether a step of the action is to run."""
    return _wanted


@pytest.fixture
def run_action(
    action: dict[str, Any], program: Callable[[str], str], checkout: Path, tmp_path: Path
) -> Callable[..., Any]:
    """Runs the steps in ``checkout``, each in a shell of its own; stops at the first failure."""
    program("hawx-onnx")

    def run(**given: str) -> tuple[int, str, dict[str, str], str]:
        known = {name: str(about.get("default", "")) for name, about in action["inputs"].items()}
        assert given.keys() <= known.keys()
        inputs = {**known, "install": "", **given}
        output, summary = tmp_path / "output", tmp_path / "summary"
        for file in (output, summary):
            file.write_text("")
        code, told = 0, ""
        for step in action["runs"]["steps"]:
            if code or not _wanted(step, inputs):
                continue
            script = tmp_path / "step.sh"
            assert step["shell"] == "bash"
            script.write_text(_value_of(step["run"], inputs))
            own = {key: _value_of(text, inputs) for key, text in step.get("env", {}).items()}
            runner = {
                "PATH": _tool_path(),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_WORKSPACE": str(checkout),
            }
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
                cwd=checkout,
                env={**os.environ, **runner, **own},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            code, told = done.returncode, told + done.stdout + done.stderr
        pairs = (line.split("=", 1) for line in output.read_text().splitlines())
        return code, told, dict(pairs), summary.read_text()

    return run
