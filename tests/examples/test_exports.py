"""What the examples export is optimised as it is."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

# A run of seconds: one candidate, few evaluations.
QUICK = ("--candidates", "mul8s_trunc1", "--max-evaluations", "2", "--jobs", "1")

CASES = [
    ("pytorch_export", ("torch",), ("--exporter", "classic", "--epochs", "6"), 3),
    ("pytorch_export", ("torch", "onnxscript"), ("--exporter", "dynamo", "--epochs", "6"), 3),
    ("scikit_learn_export", ("skl2onnx",), ("--iterations", "30"), 3),
    ("keras_export", ("keras", "tensorflow", "tf2onnx"), (), 4),
    ("keras_export", ("keras", "tensorflow", "tf2onnx"), ("--saved-model",), 4),
    ("jax_export", ("flax", "jax2onnx", "optax"), (), 3),
]


@pytest.mark.parametrize(
    ("script", "needs", "options", "products"),
    CASES,
    ids=["pytorch-classic", "pytorch-dynamo", "scikit-learn", "keras", "keras-saved-model", "jax"],
)
def test_an_exported_network_is_optimised_unchanged(
    script, needs, options, products, root, tmp_path, capsys
):
    for package in needs:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is needed to export")
    from hawx_onnx.cli.main import main

    run_example(root / "examples" / "export" / f"{script}.py", *options, "-o", str(tmp_path))
    model = tmp_path / "model.onnx"
    batch = onnx.load(model).graph.input[0].type.tensor_type.shape.dim[0]
    assert not batch.HasField("dim_value")
    data, out = str(tmp_path / "data.npz"), tmp_path / "hawx"
    assert main(["optimize", str(model), "--data", data, "-o", str(out), "--json", *QUICK]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["model"]["candidate_nodes"] == products
    assert report["data"]["splits"]["test"] > 300
    # The network is trained, and its int8 form is that network.
    assert report["baseline"]["accuracy"] > 0.85
    assert {path.name for path in out.iterdir()} >= {"model.onnx", "report.html"}


def run_example(script: Path, *options: str) -> None:
    """Runs a script as a user does."""
    done = subprocess.run(
        [sys.executable, str(script), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_script_has_a_test(root):
    scripts = {path.stem for path in (root / "examples" / "export").glob("*.py")}
    assert scripts == {case[0] for case in CASES}
