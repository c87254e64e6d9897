"""Loading models, reading off their input, and cutting samples into batches."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hawx_onnx.errors import ModelError
from hawx_onnx.frontend.data import InputSpec
from hawx_onnx.frontend.model import batches, file_hash, load_model, model_input
from hawx_onnx.frontend.outputs import model_output


def make(inputs: list[onnx.ValueInfoProto], constants: tuple[str, ...] = ()) -> onnx.ModelProto:
    nodes = [helper.make_node("Identity", [inputs[0].name if inputs else "w"], ["y"], "same")]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    initializers = [onnx.numpy_helper.from_array(np.zeros(1, np.float32), c) for c in constants]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, [output], initializers))


def tensor(name: str, shape: list[int | str | None], kind: int = TensorProto.FLOAT) -> object:
    return helper.make_tensor_value_info(name, kind, shape)


def test_load_model(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    model = make([tensor("x", ["N", 3])])
    onnx.save(model, path)
    assert load_model(path) == load_model(str(path)) == model
    assert file_hash(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_external_data_is_loaded(tmp_path: Path) -> None:
    model = make([tensor("x", ["N", 3])])
    values = np.arange(5000, dtype=np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(values, "w"))
    path = tmp_path / "m.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    (loaded,) = load_model(path).graph.initializer
    assert np.array_equal(onnx.numpy_helper.to_array(loaded), values)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelError, match=r"m\.onnx"):
        load_model(path)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no graph"),
        (b"hello world", "no ONNX model"),
        (b"\x00\xff" * 40, "no ONNX"),
    ],
    ids=["empty", "text", "noise"],
)
def test_files_that_are_no_models(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=word) as caught:
        load_model(path)
    assert caught.value.where == str(path)
    assert caught.value.mend


def test_missing_files_folders_and_empty_graphs(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        load_model(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="is a folder"):
        load_model(tmp_path)
    model = make([tensor("x", ["N"])])
    del model.graph.node[:]
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="without nodes"):
        load_model(tmp_path / "m.onnx")


def test_model_input() -> None:
    spec = model_input(make([tensor("x", ["N", 3, None, 0])]))
    assert (spec.name, spec.dtype, spec.shape) == ("x", np.float32, (None, 3, None, None))
    spec = model_input(make([tensor("x", [4, 3], TensorProto.UINT8)]))
    assert (spec.dtype, spec.shape) == (np.uint8, (4, 3))


def test_initializers_among_the_inputs_take_no_data() -> None:
    model = make([tensor("x", ["N", 3]), tensor("w", [1])], constants=("w",))
    assert model_input(model).name == "x"
    assert model_output(model) == "y"


def test_several_inputs_share_their_batch() -> None:
    spec = model_input(make([tensor("a", ["N", 3]), tensor("b", ["N"], TensorProto.INT64)]))
    assert [(part.name, part.shape) for part in spec.inputs] == [("a", (None, 3)), ("b", (None,))]
    assert spec.shape == (None,)
    assert spec.dtype.names == ("a", "b")
    with pytest.raises(ModelError, match="2 inputs whose first axes are not one batch"):
        model_input(make([tensor("a", ["N", 3]), tensor("b", [3])]))


def test_models_without_input_are_refused() -> None:
    with pytest.raises(ModelError, match="no input that takes data"):
        model_input(make([], constants=("w",)))


def test_an_input_that_is_no_tensor_is_refused() -> None:
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    with pytest.raises(ModelError, match="no tensor"):
        model_input(make([sequence]))


def spec_of(batch: int | None) -> InputSpec:
    return InputSpec("x", np.dtype(np.float32), (batch, 2))


@pytest.mark.parametrize("count", [1, 3, 4, 7, 8])
def test_open_batches_hold_all_samples_in_order(count: int) -> None:
    x = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    parts = list(batches(x, spec_of(None), batch=4))
    assert [len(rows) for rows, _ in parts] == [n for _, n in parts]
    assert np.array_equal(np.concatenate([rows for rows, _ in parts]), x)


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_fixed_batches_are_filled_with_the_last_sample(count: int) -> None:
    x = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    parts = list(batches(x, spec_of(3), batch=64))
    assert all(rows.shape == (3, 2) and rows.flags.c_contiguous for rows, _ in parts)
    assert sum(n for _, n in parts) == count
    rows, kept = parts[-1]
    assert np.array_equal(rows[kept:], np.repeat(x[-1:], 3 - kept, axis=0))
    assert np.array_equal(np.concatenate([rows[:n] for rows, n in parts]), x)


def test_no_samples_give_no_batches() -> None:
    assert list(batches(np.zeros((0, 2), np.float32), spec_of(3))) == []
