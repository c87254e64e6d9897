"""Commands run in this process, results that several tests look at, and small models."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def check(self, code: int = 0) -> Done:
        """Fails with the command's own words where the exit code is another one."""
        assert self.code == code, f"exit code {self.code}\n{self.err}\n{self.out}"
        return self

    def refused(self, code: int, *words: str) -> Done:
        """The command failed with one error of one or two lines that holds these words."""
        self.check(code)
        assert self.out == ""
        assert "Traceback" not in self.err
        head, mark, error = self.err.rpartition("error: ")
        assert mark, self.err
        assert "error: " not in head, self.err
        assert 1 <= len(error.splitlines()) <= 2, error
        assert error.endswith("\n")
        for word in words:
            assert word in error, f"{word!r} is missing in: {error}"
        return self


def run_cli(*words: str | Path) -> Done:
    from hawx_onnx.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def cli() -> Callable[..., Done]:
    """Runs ``hawx-onnx`` with some words in this process."""
    return run_cli


@pytest.fixture(scope="session")
def lenet(root: Path) -> Path:
    return root / "models" / "lenet5" / "lenet5.onnx"


@pytest.fixture(scope="session")
def optimized(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``optimize`` writes with default options."""
    folder = tmp_path_factory.mktemp("optimized") / "new" / "out"
    done = run_cli("optimize", lenet, "-o", folder, "--json").check()
    (folder.parent / "stdout.json").write_text(done.out, encoding="utf-8")
    (folder.parent / "stderr.txt").write_text(done.err, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def report(optimized: Path) -> dict[str, Any]:
    return json.loads((optimized / "report.json").read_text(encoding="utf-8"))


def _value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    shapes: dict[str, list[int | str]],
    output: tuple[str, list[int | str]],
    **constants: np.ndarray,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [_value(name, shape) for name, shape in shapes.items()],
        [_value(*output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def _network(path: Path, batch: int | str) -> Path:
    """Conv, Relu, Flatten, Gemm without node names: 8x8 images, five classes."""
    rng = np.random.default_rng(1)
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "w"], ["y"]),
    ]
    return _save(
        path,
        nodes,
        {"x": [batch, 1, 8, 8]},
        ("y", [batch, 5]),
        k=rng.standard_normal((4, 1, 3, 3)).astype(np.float32),
        w=rng.standard_normal((144, 5)).astype(np.float32),
    )


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small models by name, sound and unsound."""
    folder = tmp_path_factory.mktemp("models")
    weight = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    product = helper.make_node("MatMul", ["x", "w"], ["y"], "product")
    relu = helper.make_node("Relu", ["x"], ["y"], "relu")
    add = helper.make_node("Add", ["p", "b"], ["y"], "add")
    to_p = helper.make_node("MatMul", ["x", "w"], ["p"], "product")
    return {
        "open batch": _network(folder / "open.onnx", "N"),
        "batch of one": _network(folder / "one.onnx", 1),
        "batch of seven": _network(folder / "seven.onnx", 7),
        "no product": _save(folder / "relu.onnx", [relu], {"x": ["N", 4]}, ("y", ["N", 4])),
        "two inputs": _save(
            folder / "two.onnx",
            [to_p, add],
            {"x": ["N", 4], "b": [3]},
            ("y", ["N", 3]),
            w=weight,
        ),
        "open length": _save(
            folder / "length.onnx", [product], {"x": ["N", "S", 4]}, ("y", ["N", "S", 3]), w=weight
        ),
    }


@pytest.fixture(scope="session")
def small_data(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled samples for the small networks; the labels are what the network says, mostly."""
    import onnxruntime

    rng = np.random.default_rng(2)
    x = rng.standard_normal((150, 1, 8, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(models["open batch"], providers=["CPUExecutionProvider"])
    y = session.run(None, {"x": x})[0].argmax(axis=1)
    y[::10] = (y[::10] + 1) % 5
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(path, x=x, y=y)
    return path
