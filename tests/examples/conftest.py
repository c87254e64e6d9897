"""What the examples run, written once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import hawx_onnx


@dataclass(frozen=True)
class Prepared:
    """The files that ``examples/prepare.py`` wrote."""

    folder: Path
    library: Path

    @property
    def arguments(self) -> list[str]:
        return [str(self.folder / "model.onnx"), str(self.folder / "input.f32")]

    @property
    def expected(self) -> list[list[float]]:
        return rows((self.folder / "expected.txt").read_text(encoding="utf-8"))


def rows(text: str) -> list[list[float]]:
    """The lines of an example: a class, then scores."""
    return [[float(word) for word in line.split()] for line in text.splitlines()]


@pytest.fixture(scope="session")
def examples(root: Path) -> Path:
    return root / "examples"


@pytest.fixture(scope="session")
def prepared(root: Path, examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("examples")
    lenet = root / "models" / "lenet5" / "lenet5.onnx"
    layers = [layer["name"] for layer in hawx_onnx.cost(lenet)["layers"]]
    names = ["mul8s_trunc2", "mul8sm_mitchell"]
    assignment = {layer: names[i % 2] for i, layer in enumerate(layers)}
    hawx_onnx.apply(lenet, assignment, folder / "rewritten.onnx", data="digits")
    done = subprocess.run(
        [sys.executable, examples / "prepare.py", folder / "rewritten.onnx", folder / "prepared"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Prepared(folder / "prepared", Path(done.stdout.strip()))
