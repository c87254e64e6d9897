"""A network of three inputs and two outputs through all commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import hawx_onnx
from hawx_onnx.frontend.model import load_model
from hawx_onnx.runtime.runner import Runner

SAMPLES = 120
SHAPES = {"wc": (4, 1, 3, 3), "table": (3, 3), "w1": (12, 16), "b1": (16,), "w2": (16, 4)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The network, and data whose labels are the network's own classes."""
    rng = np.random.default_rng(0)
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        net (float[N,1,8,8] image, float[N,5] facts, int64[N] kind)
            => (float[N,4] y, float[N,12] hidden) {
            c = Conv<kernel_shape=[3,3]>(image, wc)
            k = Relu(c)
            p = GlobalAveragePool(k)
            f = Flatten(p)
            e = Gather(table, kind)
            hidden = Concat<axis=1>(f, facts, e)
            h = Gemm(hidden, w1, b1)
            g = Relu(h)
            y = MatMul(g, w2)
        }"""
    )
    names = ("conv", "relu", "pool", "flat", "embed", "join", "first", "clamp", "last")
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name
    for name, shape in SHAPES.items():
        values = rng.normal(0, 0.5, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    path = tmp_path_factory.mktemp("several")
    onnx.save(model, path / "m.onnx")
    data = {
        "image": rng.normal(size=(SAMPLES, 1, 8, 8)).astype(np.float32),
        "facts": rng.normal(size=(SAMPLES, 5)).astype(np.float32),
        "kind": rng.integers(0, 3, SAMPLES),
    }
    runner = Runner(model)
    labels = runner.run(runner.spec.join(data)).argmax(axis=1)
    np.savez(path / "d.npz", y=labels, **data)
    return path


def test_optimize_and_evaluate(folder: Path) -> None:
    options = {"data": folder / "d.npz", "jobs": 1}
    result = hawx_onnx.optimize(
        folder / "m.onnx",
        output=folder / "out",
        candidates=("mul8s_trunc1",),
        max_accuracy_drop=0.1,
        max_evaluations=3,
        **options,
    )
    assert {layer["name"] for layer in result.report["layers"]} == {"conv", "first", "last"}
    assert result.report["float"]["accuracy"] == 1.0
    assert result.report["savings"]["power"] > 0
    rewritten = load_model(folder / "out" / "model.onnx")
    assert [value.name for value in rewritten.graph.input] == ["image", "facts", "kind"]
    assert [value.name for value in rewritten.graph.output] == ["y", "hidden"]
    measured = hawx_onnx.evaluate(folder / "out" / "model.onnx", **options)
    assert measured["accuracy"] == result.report["selected"]["accuracy"]


def test_sensitivity_of_single_channels(folder: Path) -> None:
    found = hawx_onnx.analyze(
        folder / "m.onnx", data=folder / "d.npz", candidates=("mul8s_trunc2",), jobs=1
    )
    assert set(found.filters) == {"conv", "first", "last"}
    assert {score.method for score in found.filters.values()} == {"gradient"}
    assert all(score.output_mse[1].max() > 0 for score in found.filters.values())


def test_cost(folder: Path) -> None:
    layers = hawx_onnx.cost(folder / "m.onnx")["layers"]
    assert {layer["name"]: layer["macs"] for layer in layers} == {
        "conv": 4 * 9 * 36,
        "first": 12 * 16,
        "last": 16 * 4,
    }
