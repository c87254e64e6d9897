"""The Olive pass: against Olive itself where it is installed, and against a stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hawx_onnx.runtime.library import create_session

OPTIONS = {"data": "digits", "target": "spatial", "max_evaluations": 2, "jobs": 1}


def run(*words: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, "OLIVE_DISABLE_TELEMETRY": "1", **more},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def workflow(root: Path, tmp_path: Path):
    """Writes a workflow of our pass with some options."""

    def write(**options: object) -> Path:
        model = root / "models" / "lenet5" / "lenet5.onnx"
        accelerator = {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
        samples = {
            "name": "dummy",
            "type": "DummyDataContainer",
            "load_dataset_config": {
                "input_shapes": [[1, 1, 32, 32]],
                "input_names": ["input"],
                "input_types": ["float32"],
            },
        }
        latency = {
            "name": "latency",
            "type": "latency",
            "sub_types": [{"name": "avg"}],
            "data_config": "dummy",
        }
        document = {
            "input_model": {"type": "ONNXModel", "model_path": str(model)},
            "systems": {"local": {"type": "LocalSystem", "accelerators": [accelerator]}},
            "target": "local",
            "data_configs": [samples],
            "evaluators": {"speed": {"type": "OnnxEvaluator", "metrics": [latency]}},
            "evaluator": "speed",
            "evaluate_input_model": False,
            "passes": {"approximate": {"type": "HawxApproximate", **OPTIONS, **options}},
            "cache_dir": str(tmp_path / "cache"),
            "output_dir": str(tmp_path / "out"),
        }
        path = tmp_path / "run.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return write


@pytest.fixture
def package(olive_python: str, tmp_path: Path) -> Path:
    done = run(olive_python, "-m", "hawx_onnx", "olive-config", "-o", "package.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "package.json"


def test_olive_runs_the_pass(olive_python, workflow, package, tmp_path) -> None:
    words = ("run", "--config", workflow(), "--package-config", package)
    done = run(olive_python, "-m", "olive", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "out"
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["savings"]["power"] > 0
    assert report["target"]["name"] == "spatial-dataflow"
    # Olive has measured it, which it does in a stock onnxruntime.
    assert "latency" in (out / "metrics.json").read_text(encoding="utf-8")
    assert len(create_session(out / "model.onnx").get_inputs()) == 1


def test_olive_is_told_that_no_assignment_meets_the_budget(
    olive_python, workflow, package, tmp_path
) -> None:
    words = ("run", "--config", workflow(max_power=1e-9), "--package-config", package)
    done = run(olive_python, "-m", "olive", *words, cwd=tmp_path)
    assert "no assignment" in done.stdout + done.stderr
    assert not (tmp_path / "out" / "model.onnx").exists()


CODE = """
import json, sys
from hawx_onnx.integrations.olive import HawxApproximate
from olive.model import ONNXModelHandler
from olive.passes.pass_config import Config
made = HawxApproximate._default_config(None)
values = {name: one.default_value for name, one in made.items()}
model, folder, options = sys.argv[1:]
handler = ONNXModelHandler(model, model_attributes={"kept": 1})
done = HawxApproximate()._run_for_config(handler, Config({**values, **json.loads(options)}), folder)
types = {name: str(one.type_) for name, one in made.items()}
print(json.dumps([done.model_path, done.model_attributes, types]))
"""


def test_the_pass_in_a_stand_in_for_olive(root: Path, stand_in: Path, tmp_path: Path) -> None:
    model = root / "models" / "lenet5" / "lenet5.onnx"
    words = (sys.executable, "-c", CODE, model, tmp_path / "out", json.dumps(OPTIONS))
    done = run(*words, cwd=tmp_path, PYTHONPATH=str(stand_in))
    assert done.returncode == 0, done.stderr
    path, attributes, types = json.loads(done.stdout.splitlines()[-1])
    assert create_session(path).get_inputs()[0].name
    assert attributes["kept"] == 1
    names = {Path(name).name for name in attributes["additional_files"]}
    assert names >= {"report.json", "report.html", "assignment.json", "run.yaml"}
    assert all(Path(name).is_file() for name in attributes["additional_files"])
    assert types["library"] == "list[str]"
    assert types["max_power"] == "typing.Optional[float]"
    assert types["fold_bias"] == "<class 'bool'>"


def test_a_budget_that_nothing_meets(root: Path, stand_in: Path, tmp_path: Path) -> None:
    model = root / "models" / "lenet5" / "lenet5.onnx"
    options = json.dumps({**OPTIONS, "max_power": 1e-9})
    words = (sys.executable, "-c", CODE, model, tmp_path / "out", options)
    done = run(*words, cwd=tmp_path, PYTHONPATH=str(stand_in))
    assert done.returncode == 1
    assert "OlivePassError" in done.stderr


def test_without_olive_the_error_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "olive").mkdir()
    (tmp_path / "olive" / "__init__.py").write_text("raise ImportError('none of it')")
    code = "import hawx_onnx.integrations.olive"
    done = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "Olive cannot be imported: none of it" in done.stderr
    assert "pip install 'hawx-onnx[olive]'" in done.stderr
