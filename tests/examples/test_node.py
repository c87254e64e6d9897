"""The Node.js example, where onnxruntime-node is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Prepared, rows


@pytest.fixture(scope="module")
def folder(root: Path, examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example that finds the packages that ``make node-example`` installed."""
    modules = Path(os.environ.get("HAWX_NODE_MODULES") or root / "build" / "node" / "node_modules")
    if shutil.which("node") is None:
        pytest.skip("there is no node")
    if not (modules / "onnxruntime-node").is_dir():
        pytest.skip("onnxruntime-node is not installed: make node-example")
    copy = tmp_path_factory.mktemp("node")
    shutil.copyfile(examples / "node" / "classify.js", copy / "classify.js")
    (copy / "node_modules").symlink_to(modules.resolve(), target_is_directory=True)
    return copy


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", folder / "classify.js", *words], capture_output=True, text=True, check=False
    )


def test_it_says_what_python_says(folder: Path, prepared: Prepared) -> None:
    done = run(folder, *prepared.arguments)
    assert done.returncode == 0, done.stderr
    # Node writes float32 numbers as the doubles that they are: rounding to nine digits tells them.
    told = [[float(f"{number:.9g}") for number in row] for row in rows(done.stdout)]
    assert told == prepared.expected


def test_errors_are_told(folder: Path, prepared: Prepared, tmp_path: Path) -> None:
    model, samples = prepared.arguments
    short = tmp_path / "short.f32"
    short.write_bytes(b"\0" * 12)
    for words, told in (
        (["no.onnx", samples], "no.onnx"),
        ([model, short], "no whole number of samples"),
    ):
        done = run(folder, *words)
        assert done.returncode == 1
        assert told in done.stderr
