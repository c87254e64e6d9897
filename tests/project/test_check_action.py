"""The GitHub action and the pre-commit hook, run as their hosts would run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml

import hawx_onnx

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ROOT / ".pre-commit-hooks.yaml"
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rewritten LeNet-5."""
    lenet = ROOT / "models" / "lenet5" / "lenet5.onnx"
    path = tmp_path_factory.mktemp("action") / "model.onnx"
    name = next(node.name for node in onnx.load(lenet).graph.node if node.op_type == "Conv")
    hawx_onnx.apply(lenet, {name: "mul8s_trunc2"}, path, jobs=1)
    return path


@pytest.fixture
def checkout(tmp_path: Path, model: Path) -> Path:
    """A scratch repository with a model and rules that hold."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    shutil.copy(model, folder / "model.onnx")
    (folder / "rules.yaml").write_text("known-tables: true\nmax-opset: 99\n")
    return folder


def test_a_model_that_holds_passes(run_action: Callable, checkout: Path) -> None:
    code, told, outputs, summary = run_action(model="model.onnx", rules="rules.yaml")
    assert (code, outputs) == (0, {"passed": "true", "exit-code": "0"}), told
    assert "all 2 checks hold" in told
    assert "::error" not in told
    assert summary.startswith("### hawx-onnx check")


def test_a_model_that_does_not_hold_fails(run_action: Callable, checkout: Path) -> None:
    (checkout / "rules.yaml").write_text("max-ir-version: 1\n")
    names = {"sarif": "out/check.sarif", "junit": "out/check.xml", "json": "out/check.json"}
    code, told, outputs, summary = run_action(model="model.onnx", rules="rules.yaml", **names)
    assert (code, outputs) == (1, {"passed": "false", "exit-code": "1"}), told
    assert "::error file=model.onnx,title=HAWX503 max-ir-version::" in told
    assert "HAWX503" in summary
    assert json.loads((checkout / "out/check.json").read_text())["exit_code"] == 1
    run = json.loads((checkout / "out/check.sarif").read_text())["runs"][0]
    assert run["artifacts"][0]["location"]["uri"] == "model.onnx"
    assert (checkout / "out/check.xml").is_file()


def test_rules_that_cannot_be_read_are_annotated(run_action: Callable, checkout: Path) -> None:
    (checkout / "rules.yaml").write_text("known-tables: true\nmax-opst: 3\n")
    code, told, outputs, _ = run_action(model="model.onnx", rules="rules.yaml")
    assert (code, outputs) == (2, {"passed": "false", "exit-code": "2"})
    assert "::error file=rules.yaml,line=2,title=HAWX001 rules-file::" in told


def test_lists_are_one_a_line(run_action: Callable, checkout: Path) -> None:
    shutil.copy(checkout / "model.onnx", checkout / "second one.onnx")
    (checkout / "rules.yaml").write_text("min-accuracy: 0.5\n")
    code, told, _, _ = run_action(
        model="model.onnx\nsecond one.onnx\n",
        rules="rules.yaml",
        args="--jobs=1\n--split=validation\r\n",
        data="digits",
        target="spatial",
    )
    assert code == 0, told
    assert "model second one.onnx" in told
    assert "all 2 checks hold on 2 models" in told


COMMANDS = "$(touch owned) `touch owned` '; touch owned; ' \"; touch owned; \""


@pytest.mark.parametrize(("name", "code"), [("model", 3), ("rules", 2)])
@pytest.mark.parametrize("text", [COMMANDS, "--help"], ids=["commands", "flag"])
def test_inputs_are_no_commands(
    run_action: Callable, checkout: Path, name: str, code: int, text: str
) -> None:
    given = {"model": "model.onnx", "rules": "rules.yaml", name: text}
    found, told, outputs, _ = run_action(**given)
    assert (found, outputs["passed"]) == (code, "false"), told
    assert not (checkout / "owned").exists()


def test_nothing_to_check_does_not_pass(run_action: Callable) -> None:
    assert run_action(model="model.onnx")[0] == 2
    assert run_action(model="\n\n", rules="rules.yaml")[0] == 2


def test_no_expression_stands_in_a_script(action: dict[str, Any]) -> None:
    for step in action["runs"]["steps"]:
        assert not EXPRESSION.search(step["run"])


def test_the_action_is_described(action: dict[str, Any]) -> None:
    assert action["runs"]["using"] == "composite"
    assert all(about["description"] for about in action["inputs"].values())
    text = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    assert not [name for name in action["inputs"] if f"`{name}`" not in text]
    assert not [name for name in action["outputs"] if f"`{name}`" not in text]


def test_the_install_step_installs_what_is_named(action: dict[str, Any], wanted: Callable) -> None:
    first = action["runs"]["steps"][0]
    assert first["env"] == {"INSTALL": "${{ inputs.install }}"}
    assert first["run"].split()[:4] == ["python", "-m", "pip", "install"]
    assert wanted(first, {"install": "hawx-onnx"})
    assert not wanted(first, {"install": ""})


@pytest.fixture
def committed(checkout: Path, program: Callable[[str], str]) -> Path:
    """The scratch repository under git, with the hook as a local one of this environment."""
    git = program("git")
    (hook,) = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    # Installed here already: only the environment that pre-commit would make is left out.
    local = {**hook, "language": "system", "args": ["--rules", "rules.yaml", "--jobs", "1"]}
    config = {"repos": [{"repo": "local", "hooks": [local]}]}
    (checkout / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    subprocess.run([git, "init", "-q"], cwd=checkout, check=True)
    subprocess.run([git, "add", "-A"], cwd=checkout, check=True)
    return checkout


@pytest.fixture
def pre_commit(program: Callable[[str], str], tool_path: str, tmp_path: Path) -> Callable[..., Any]:
    """Runs pre-commit in a folder, with a cache of its own."""

    def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": tool_path, "PRE_COMMIT_HOME": str(tmp_path / "pre-commit")}
        return subprocess.run(
            [program("pre-commit"), *words],
            cwd=folder,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_the_hooks_are_a_manifest_of_pre_commit(pre_commit: Callable) -> None:
    done = pre_commit(ROOT, "validate-manifest", str(HOOKS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hook_lets_models_pass_that_hold(committed: Path, pre_commit: Callable) -> None:
    done = pre_commit(committed, "run", "--all-files")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout


def test_the_hook_stops_models_that_do_not(committed: Path, pre_commit: Callable) -> None:
    shutil.copy(committed / "model.onnx", committed / "other.onnx")
    (committed / "rules.yaml").write_text("max-ir-version: 1\n")
    subprocess.run(["git", "add", "-A"], cwd=committed, check=True)
    done = pre_commit(committed, "run", "--all-files")
    assert done.returncode == 1
    assert "failed: 2 of 2 checks do not hold on 2 models" in done.stdout
