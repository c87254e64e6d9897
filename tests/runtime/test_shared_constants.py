"""Constants that sessions share."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from hawx_onnx.memory import MEBIBYTE, release_freed, resident_bytes
from hawx_onnx.runtime.library import create_session
from hawx_onnx.runtime.shared_constants import LEAST_BYTES, SharedConstants

SIZE = 2048


def product(weights: np.ndarray) -> onnx.ModelProto:
    """A Gather of rows of constant weights, and a small sum."""
    bias = np.ones(1, np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["weights", "rows"], ["picked"]),
            helper.make_node("Add", ["picked", "bias"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("rows", onnx.TensorProto.INT64, ["N"])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def weights() -> np.ndarray:
    return np.arange(SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)


def test_large_constants_are_held_once() -> None:
    model = product(weights())
    shared = SharedConstants(model)
    first, second = (shared.of(model.graph.initializer) for _ in range(2))
    assert list(first) == ["weights"]  # the other one is smaller than LEAST_BYTES
    assert first["weights"] is second["weights"]
    assert weights().nbytes >= LEAST_BYTES


def test_sessions_read_the_shared_values() -> None:
    # Other values than the model's own tell which ones are read.
    shared = SharedConstants(product(-weights())).of(product(weights()).graph.initializer)
    session = create_session(product(weights()).SerializeToString(), threads=1, shared=shared)
    (y,) = session.run(None, {"rows": np.array([1, 5])})
    np.testing.assert_array_equal(y, 1 - weights()[[1, 5]])


def test_many_sessions_take_the_memory_of_one() -> None:
    model = product(weights())
    shared = SharedConstants(model).of(model.graph.initializer)
    content = model.SerializeToString()
    sessions = [create_session(content, threads=1, shared=shared)]
    release_freed()
    before = resident_bytes()
    sessions += [create_session(content, threads=1, shared=shared) for _ in range(8)]
    release_freed()
    # Each has 16 MiB of weights.
    assert resident_bytes() - before < 48 * MEBIBYTE
    assert len(sessions) == 9
