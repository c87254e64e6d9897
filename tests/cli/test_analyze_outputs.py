"""``analyze`` on data and outputs of all kinds: what is scored, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

HEADER = '<ir_version: 8, opset_import: ["" : 17]>\n'
CLASSIFIER = """net (float[N,2,6,6] x) => (float[N,5] y) {
    a = Conv<pads=[1,1,1,1]>(x, k)
    b = Relu(a)
    p = GlobalAveragePool(b)
    f = Flatten(p)
    y = Gemm<transB=1>(f, w)
}"""
SEGMENTATION = """net (float[N,2,6,6] x) => (float[N,4,6,6] y) {
    a = Conv<pads=[1,1,1,1]>(x, k)
    b = Relu(a)
    y = Conv<pads=[1,1,1,1]>(b, k2)
}"""
TWO_HEADS = """net (float[N,2,6,6] x) => (int64[N] best, float[N,5] y, float[N,4,6,6] map) {
    a = Conv<pads=[1,1,1,1]>(x, k)
    map = Relu(a)
    p = GlobalAveragePool(map)
    f = Flatten(p)
    y = Gemm<transB=1>(f, w)
    best = ArgMax<axis=1, keepdims=0>(y)
}"""
NON_ZERO = """net (float[N,2,6,6] x) => (float[K,4] found, float[N,4,6,6] map) {
    a = Conv<pads=[1,1,1,1]>(x, k)
    map = Relu(a)
    places = NonZero(map)
    rows = Transpose(places)
    found = Cast<to=1>(rows)
}"""
CANDIDATES = ("--candidates", "mul8s_trunc2,mul8s_trunc4")


def saved(path: Path, text: str, **changes: np.ndarray) -> Path:
    rng = np.random.default_rng(0)
    model = onnx.parser.parse_model(HEADER + text)
    arrays = {
        "k": rng.standard_normal((4, 2, 3, 3)).astype(np.float32),
        "k2": rng.standard_normal((4, 4, 3, 3)).astype(np.float32),
        "w": rng.standard_normal((5, 4)).astype(np.float32),
        **changes,
    }
    read = {name for node in model.graph.node for name in node.input}
    for name in read & set(arrays):
        model.graph.initializer.append(numpy_helper.from_array(arrays[name], name))
    for node in model.graph.node:
        node.name = node.output[0]
    onnx.save(model, path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Samples without labels."""
    x = np.random.default_rng(1).standard_normal((60, 2, 6, 6)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    return tmp_path / "data.npz"


@pytest.fixture
def analyze(cli: Callable, tmp_path: Path, data: Path) -> Callable:
    """Runs ``analyze`` on a model in text form; gives what it did and its sensitivity.json."""

    def run(text: str, *flags: str | Path, given: Path = data, **changes: Any) -> Any:
        model = saved(tmp_path / "model.onnx", text, **changes)
        return cli("analyze", model, "-o", tmp_path / "o", "--data", given, *CANDIDATES, *flags)

    return run


def level_of(done: Any, folder: Path) -> dict[str, np.ndarray]:
    done.check()
    document = json.loads((folder / "o" / "sensitivity.json").read_text(encoding="utf-8"))
    return {key: np.array(value) for key, value in document["layer_level"].items()}


def test_without_labels_it_is_agreement_with_the_exact_network(
    analyze: Callable, tmp_path: Path
) -> None:
    done = analyze(CLASSIFIER)
    level = level_of(done, tmp_path)
    assert "no labels" in done.err
    assert "exact int8 model" in done.err
    np.testing.assert_allclose(level["agreement"], 1 - level["accuracy_drop"])
    assert (level["agreement"][:, 0] == 1).all()
    assert (level["agreement"][:, 2] < 1).any()


def test_a_segmentation_is_scored_by_its_divergence(
    analyze: Callable, tmp_path: Path, data: Path
) -> None:
    labelled = tmp_path / "labelled.npz"
    np.savez(labelled, x=np.load(data)["x"], y=np.arange(60) % 3)
    done = analyze(SEGMENTATION, given=labelled)
    level = level_of(done, tmp_path)
    assert "labels are not used" in done.err
    assert level["output_mse"].shape == (2, 3)
    assert (level["output_mse"][:, 0] == 0).all()
    assert (level["output_mse"][:, 1] < level["output_mse"][:, 2]).all()
    wanted = np.clip(1 - level["output_divergence"], 0, 1)
    np.testing.assert_allclose(level["agreement"], wanted)
    np.testing.assert_allclose(level["accuracy_drop"], 1 - wanted)
    assert analyze(SEGMENTATION).check().out


def test_of_several_outputs_the_first_of_floats_is_scored(
    analyze: Callable, tmp_path: Path
) -> None:
    done = analyze(TWO_HEADS)
    first = level_of(done, tmp_path)
    assert "has 3 outputs: 'y' is scored, --output-name chooses" in done.err
    named = analyze(TWO_HEADS, "--output-name", "y")
    assert "outputs" not in named.err
    np.testing.assert_array_equal(level_of(named, tmp_path)["output_mse"], first["output_mse"])
    other = analyze(TWO_HEADS, "--output-name", "map")
    mse = level_of(other, tmp_path)["output_mse"]
    assert mse[0, 2] > 0
    assert (mse[1] == 0).all()  # the classifier does not lead to the map
    analyze(TWO_HEADS, "--output-name", "maps").refused(2, "'maps'", "did you mean map")


def test_an_output_whose_shape_depends_on_the_sample_is_refused(
    analyze: Callable, tmp_path: Path
) -> None:
    done = analyze(NON_ZERO)
    done.refused(3, "output found", "not one entry for each", "--output-name: 'map'")
    assert not (tmp_path / "o").exists()
    assert (level_of(analyze(NON_ZERO, "--output-name", "map"), tmp_path)["output_mse"] >= 0).all()


def test_weights_that_are_nan_are_refused(analyze: Callable) -> None:
    weight = np.ones((5, 4), np.float32)
    weight[2, 1] = np.nan
    analyze(CLASSIFIER, w=weight).refused(3, "tensor w", "[2, 1] is nan")


def test_outputs_that_are_nan_are_refused(analyze: Callable) -> None:
    text = CLASSIFIER.replace("y = Gemm<transB=1>(f, w)", "g = Gemm<transB=1>(f, w)\n y = Log(g)")
    analyze(text).refused(3, "output y", "NaN or infinite")


@pytest.mark.parametrize("wrong", ["labels", "values"])
def test_data_that_does_not_fit(analyze: Callable, tmp_path: Path, data: Path, wrong: str) -> None:
    x, y = np.load(data)["x"].copy(), np.arange(60) % 5
    if wrong == "labels":
        y = y[:-4]
    else:
        x[3, 1, 2, 0] = np.nan
    np.savez(tmp_path / "wrong.npz", x=x, y=y)
    words = {"labels": "56 labels for 60 samples", "values": "[3, 1, 2, 0] is nan"}[wrong]
    analyze(CLASSIFIER, given=tmp_path / "wrong.npz").refused(3, "wrong.npz", words)


def test_labels_that_are_no_classes_are_refused(
    analyze: Callable, tmp_path: Path, data: Path
) -> None:
    np.savez(tmp_path / "many.npz", x=np.load(data)["x"], y=np.arange(60) % 9)
    analyze(CLASSIFIER, given=tmp_path / "many.npz").refused(3, "5 outputs, classes 0 to 4")


def test_too_little_memory_is_told(analyze: Callable) -> None:
    analyze(CLASSIFIER, "--memory-limit", "1M").refused(2, "--memory-limit", "give at least")
    analyze(CLASSIFIER, "--memory-limit", "much").refused(2, "--memory-limit", "512M or 2G")
