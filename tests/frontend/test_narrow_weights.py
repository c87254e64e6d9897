"""Weights of models that are too large for one message, read as codes."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx.errors import ModelError
from hawx_onnx.frontend import external_data
from hawx_onnx.frontend.model import load_model
from hawx_onnx.frontend.narrow_weights import NARROWED_KEY
from hawx_onnx.model_notes import notes_on
from hawx_onnx.runtime.runner import Runner

SIZE = 48
DTYPES = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.DOUBLE: np.float64,
}


def network(kind: int = TensorProto.FLOAT, opset: int = 19) -> onnx.ModelProto:
    """A MatMul, a Gemm with transposed weights, a stack of matrices, and tied embeddings."""
    rng = np.random.default_rng(0)
    values = {
        "w0": rng.normal(0, 0.2, (SIZE, SIZE)) * np.arange(1, SIZE + 1),
        "w1": rng.normal(0, 0.2, (SIZE, SIZE)),
        "w2": rng.normal(0, 0.2, (1, SIZE, SIZE)),
        "tied": rng.normal(0, 0.2, (SIZE, SIZE)),
        "b": rng.normal(0, 0.2, SIZE),
    }
    dtype = DTYPES[kind]
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : {opset}]>
        net (int64[N] rows) => (float[N,{SIZE}] y) {{
            x = Gather(tied, rows)
            a = MatMul(x, w0)
            b0 = Gemm<transB=1>(a, w1, b)
            c = MatMul(b0, w2)
            axes = Constant<value_ints=[0]>()
            d = Squeeze(c, axes)
            y = MatMul(d, tied)
        }}"""
    )
    model.graph.output[0].type.tensor_type.elem_type = kind
    model.graph.initializer.extend(
        numpy_helper.from_array(array.astype(dtype), name) for name, array in values.items()
    )
    return model


def stored(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "m.onnx"
    own = copy.deepcopy(model)  # saving takes the values out of its argument
    onnx.save(own, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return path


@pytest.fixture
def small_messages(monkeypatch) -> None:
    """As if a message held 36 KB: less than the weights as floats, more than as codes."""
    monkeypatch.setattr(external_data, "LARGEST", 36_000)


def values_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def test_models_that_fit_keep_their_floats(tmp_path) -> None:
    model = load_model(stored(network(), tmp_path))
    assert set(values_of(model)) == {"w0", "w1", "w2", "tied", "b"}
    assert not model.metadata_props


def test_weights_of_products_become_codes(tmp_path, small_messages) -> None:
    given = network()
    model = load_model(stored(given, tmp_path))
    found, floats = values_of(model), values_of(given)
    # What a Gather reads too, and biases, stay floats.
    assert found["tied"].dtype == found["b"].dtype == np.float32
    for name, axis in (("w0", 0), ("w1", 1), ("w2", (0, 1, 2))):
        codes, scale = found[f"{name}.codes"], found[f"{name}.scale"]
        peak = np.abs(floats[name]).max(axis=axis)
        np.testing.assert_allclose(scale, peak / 127, rtol=1e-6)
        along = scale[:, None] if name == "w1" else scale
        assert np.abs(codes * along - floats[name]).max() <= 0.5001 * scale.max()
        assert (np.abs(codes * along - floats[name]) <= 0.5001 * along).all()
        assert codes.dtype == np.int8
    assert "3 weights of products" in notes_on(model)[0]
    assert [e.key for e in model.metadata_props] == [NARROWED_KEY]


@pytest.mark.parametrize("kind", list(DTYPES))
def test_the_network_computes_what_it_did_but_for_rounding(tmp_path, monkeypatch, kind) -> None:
    given = network(kind)
    path = stored(given, tmp_path)
    rows = np.arange(32)
    wanted = Runner(given).run(rows)
    monkeypatch.setattr(external_data, "LARGEST", 72_000 if kind == TensorProto.DOUBLE else 36_000)
    model = load_model(path)
    assert sum(node.op_type == "DequantizeLinear" for node in model.graph.node) == 3
    result = Runner(model).run(rows)
    assert result.dtype == wanted.dtype
    error = np.abs(result.astype(float) - wanted).max()
    assert 0 < error < 0.03 * np.abs(wanted.astype(float)).max()


def test_weights_that_are_nan_are_refused_by_name(tmp_path, small_messages) -> None:
    model = network()
    broken = numpy_helper.to_array(model.graph.initializer[1]).copy()
    broken[3, 4] = np.nan
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(broken, "w1"))
    with pytest.raises(ModelError, match="tensor w1.*NaN"):
        load_model(stored(model, tmp_path))


def test_old_operator_sets_are_refused(tmp_path, small_messages) -> None:
    weights = numpy_helper.from_array(np.ones((100, 100), np.float32), "w")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [value("x", TensorProto.FLOAT, ["N", 100])],
        [value("y", TensorProto.FLOAT, ["N", 100])],
        [weights],
    )
    model = helper.make_model(graph, ir_version=7, opset_imports=[helper.make_opsetid("", 11)])
    with pytest.raises(ModelError, match="operator set 11") as caught:
        load_model(stored(model, tmp_path))
    assert "13" in caught.value.mend


def test_files_that_are_cut_off_are_refused(tmp_path, small_messages) -> None:
    path = stored(network(), tmp_path)
    light = onnx.load(path, load_external_data=False)
    for entry in light.graph.initializer[0].external_data:
        if entry.key == "offset":
            entry.value = str((tmp_path / "w.bin").stat().st_size - 8)
    del light.graph.initializer[0].external_data[2:]  # no length: the shape tells it
    path.write_bytes(light.SerializeToString())
    with pytest.raises(ModelError, match="too short"):
        load_model(path)
