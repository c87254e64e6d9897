"""Runner: batches, fixed batch sizes with a rest, further inputs, failures."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, numpy_helper

from hawx_onnx.errors import LibraryError, ModelError
from hawx_onnx.runtime.runner import Runner, data_input


def model_of(batch: str, body: str = "y = MatMul(x, w) z = ReduceSum<keepdims=0>(y)"):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 13]> '
        f"g (float[{batch},3] x) => (float[{batch},2] y, float z) {{ {body} }}"
    )
    model.graph.initializer.append(
        numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(3, 2), "w")
    )
    return model


X = np.random.default_rng(0).integers(-9, 9, (10, 3)).astype(np.float32)
WANTED = X @ np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.mark.parametrize("batch", ["N", "1", "4", "16"])
def test_all_samples_once_whatever_the_batch(batch):
    result = Runner(model_of(batch), threads=1).run(X, batch=3)
    np.testing.assert_array_equal(result, WANTED)


def test_filler_rows_are_dropped_from_streams():
    parts = list(Runner(model_of("4")).stream(X, ["y"]))
    assert [len(part[0]) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), WANTED)


def test_batch_of_a_stream_is_the_callers_where_the_model_leaves_it_open():
    assert [len(part[0]) for part in Runner(model_of("N")).stream(X, ["y"], batch=6)] == [6, 4]


RANGES = """c, s, o = DynamicQuantizeLinear(x)
f = DequantizeLinear(c, s, o)
y = MatMul(f, w)
z = ReduceSum<keepdims=0>(y)"""


@pytest.mark.parametrize(("size", "batch"), [("N", 1), ("4", 4)])
def test_samples_whose_ranges_are_those_of_a_batch(size, batch):
    """One by one where the batch is open, so that their number does not matter."""
    runner = Runner(model_of(size, RANGES))
    assert runner.spec.shape[0] == batch
    parts = [X[start : start + batch] for start in range(0, len(X), batch)]
    wanted = np.concatenate([runner.run(part) for part in parts])
    np.testing.assert_array_equal(runner.run(X, batch=len(X)), wanted)


def test_one_batch_as_it_stands():
    rows = np.concatenate([X[8:], X[-1:], X[-1:]])
    y, z = Runner(model_of("4")).run_batch(rows)
    assert y.shape == (4, 2)
    assert z == y.sum()


def test_further_inputs_are_fed():
    model = model_of("N", "k = Cast<to=1>(i) s = Mul(x, k) y = MatMul(s, w) z = ReduceMax(k)")
    name = "node.table_index"
    model.graph.node[0].input[0] = name
    model.graph.input.append(onnx.helper.make_tensor_value_info(name, TensorProto.INT32, [1]))
    assert data_input(model).name == "x"
    result = Runner(model).run(X, {name: np.array([2], np.int32)})
    np.testing.assert_array_equal(result, 2 * WANTED)


def test_types_as_the_runtime_has_them():
    types = Runner(model_of("N")).types()
    assert {name: value.type.tensor_type.elem_type for name, value in types.items()} == {
        "x": TensorProto.FLOAT,
        "y": TensorProto.FLOAT,
        "z": TensorProto.FLOAT,
    }
    sizes = [dim.dim_value for dim in types["x"].type.tensor_type.shape.dim]
    assert sizes == [0, 3]


@pytest.mark.parametrize(
    ("kind", "element"),
    [
        (np.float16, TensorProto.FLOAT16),
        (np.float64, TensorProto.DOUBLE),
        (np.uint8, TensorProto.UINT8),
        (np.int8, TensorProto.INT8),
        (np.int64, TensorProto.INT64),
        (np.bool_, TensorProto.BOOL),
    ],
)
def test_element_types(kind, element):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 13]> g (float[N] x) => (float[N] y) { y = Cast(x) }'
    )
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("to", int(element)))
    model.graph.output[0].type.tensor_type.elem_type = element
    assert Runner(model).types()["y"].type.tensor_type.elem_type == element
    assert Runner(model).run(np.ones(3, np.float32)).dtype == kind


def test_failures_of_a_run_are_one_line():
    with pytest.raises(LibraryError, match="onnxruntime could not run the model") as error:
        Runner(model_of("N")).run(np.ones((2, 5), np.float32))
    assert len(str(error.value).splitlines()) == 2


def test_inputs_that_share_no_batch_are_refused():
    model = model_of("N")
    model.graph.input.append(onnx.helper.make_tensor_value_info("u", TensorProto.FLOAT, [1]))
    with pytest.raises(ModelError, match=r"2 inputs whose first axes are not one batch"):
        Runner(model)


def test_models_with_several_inputs_take_records():
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        net (float[N,3] x, int64[N] k) => (float[N,3] y) { c = Cast<to=1>(k)
        a = Constant<value_ints=[1]>() u = Unsqueeze(c, a) y = Mul(x, u) }"""
    )
    x, k = np.arange(21, dtype=np.float32).reshape(7, 3), np.arange(7)
    runner = Runner(model)
    rows = runner.spec.join({"x": x, "k": k})
    assert len(rows) == 7
    np.testing.assert_array_equal(runner.run(rows, batch=2), x * k[:, None])
