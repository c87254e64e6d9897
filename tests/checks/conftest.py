"""A rewritten LeNet-5 that is made once, and ways to spoil models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import hawx_onnx
from hawx_onnx.checks import CheckReport, Finding


@pytest.fixture(scope="session")
def lenet(root: Path) -> Path:
    return root / "models" / "lenet5" / "lenet5.onnx"


@pytest.fixture(scope="session")
def rewritten(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5 with two approximate layers, the others exact."""
    path = tmp_path_factory.mktemp("checks") / "model.onnx"
    names = [node.name for node in onnx.load(lenet).graph.node if node.op_type == "Conv"]
    choice = {names[0]: "mul8s_trunc3", names[1]: "mul8s_trunc_a6"}
    hawx_onnx.apply(lenet, choice, path, jobs=1)
    return path


@pytest.fixture(scope="session")
def convolutions(lenet: Path) -> list[str]:
    """Names of the two convolutions."""
    return [node.name for node in onnx.load(lenet).graph.node if node.op_type == "Conv"]


@pytest.fixture(scope="session")
def one() -> Callable[..., Finding]:
    """Checks one rule on one model."""

    def find(model: Path, rule: str, value: object, **options: object) -> Finding:
        report: CheckReport = hawx_onnx.check(model, rules={rule: value}, jobs=1, **options)
        (finding,) = report.findings
        assert report.passed == (finding.status == "passed")
        assert report.exit_code == {"passed": 0, "failed": 1}.get(finding.status, finding.exit_code)
        assert finding.file == str(model)
        return finding

    return find


@pytest.fixture
def spoilt(tmp_path: Path) -> Callable[[Path, Callable[[onnx.ModelProto], None]], Path]:
    """Writes a copy of a model that a function has edited."""

    def make(path: Path, edit: Callable[[onnx.ModelProto], None]) -> Path:
        model = onnx.load(path)
        edit(model)
        copy = tmp_path / "spoilt.onnx"
        copy.write_bytes(model.SerializeToString(deterministic=True))
        return copy

    return make


def set_constant(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], None]) -> None:
    """Edits an initializer in place."""
    (tensor,) = (t for t in model.graph.initializer if t.name == name)
    value = numpy_helper.to_array(tensor).copy()
    change(value)
    tensor.CopyFrom(numpy_helper.from_array(value, name))


@pytest.fixture(scope="session")
def constant() -> Callable[..., None]:
    return set_constant
