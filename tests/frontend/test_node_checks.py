"""Nodes and constants that are not what the standard says are refused by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx.errors import ModelError
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.frontend.node_checks import check_nodes, check_tensors


def sound() -> onnx.ModelProto:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 1, 4, 4] x) => (float[N, 2, 4, 4] y) {
          c = Conv <pads = [1, 1, 1, 1]> (x, w)
          y = Relu (c)
        }"""
    )
    model.graph.node[0].name = "conv"
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((2, 1, 3, 3), np.float32), "w"))
    return model


def nothing_read(model: onnx.ModelProto) -> None:
    del model.graph.node[0].input[:]


def no_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def negative_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = -3


def large_ir(model: onnx.ModelProto) -> None:
    model.ir_version = 1 << 40


def text_for_a_number(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.add(name="group", s=b"two", type=onnx.AttributeProto.STRING)


def written_twice(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="Relu", input=["x"], output=["c"])


def two_inputs_of_a_name(model: onnx.ModelProto) -> None:
    model.graph.input.append(model.graph.input[0])


def function_of_itself(model: onnx.ModelProto) -> None:
    function = model.functions.add(domain="mine", name="Again", output=["y"])
    function.node.add(op_type="Again", domain="mine", output=["y"])


def functions_that_unfold(model: onnx.ModelProto) -> None:
    """A few hundred bytes for a hundred million nodes."""
    model.opset_import.add(domain="mine", version=1)
    for depth in range(9):
        function = model.functions.add(domain="mine", name=f"f{depth}", input=["x"], output=["t10"])
        function.opset_import.add(domain="mine", version=1)
        function.opset_import.add(domain="", version=17)
        for number in range(10):
            node = function.node.add(op_type=f"f{depth - 1}", domain="mine")
            if not depth:
                node.op_type, node.domain = "Relu", ""
            node.input.append(f"t{number}" if number else "x")
            node.output.append(f"t{number + 1}")
    model.graph.node.add(op_type="f8", domain="mine", input=["c"], output=["more"])


def ours_without_inputs(model: onnx.ModelProto) -> None:
    model.opset_import.add(domain="ai.hawx", version=1)
    model.graph.node[0].op_type, model.graph.node[0].domain = "ApproxQLinearConv", "ai.hawx"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (nothing_read, ("node conv", "input size 0")),
        (no_opset, ("node conv", "names no opset")),
        (negative_opset, ("opset of ai.onnx", "is -3")),
        (large_ir, ("ir_version", "1099511627776")),
        (text_for_a_number, ("node conv", "group")),
        (written_twice, ("tensor c", "written twice")),
        (two_inputs_of_a_name, ("tensor x", "written twice")),
        (function_of_itself, ("function mine.Again", "calls itself")),
        (functions_that_unfold, ("functions of the model", "1,000,000,000 nodes")),
        (ours_without_inputs, ("node conv", "at least 11")),
    ],
)
def test_damaged_nodes(damage: Callable[[onnx.ModelProto], None], words, tmp_path):
    model = sound()
    check_nodes(model)
    damage(model)
    with pytest.raises(ModelError) as caught:
        check_nodes(model)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError) as told:
        load_model(tmp_path / "model.onnx")
    for word in words:
        assert word in str(caught.value) and word in str(told.value)
    assert "model.onnx" in str(told.value)


def test_a_body_may_read_tensors_of_the_outer_graph():
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        net (float[N] x, bool yes) => (float[N] y) {
          h = Neg (x)
          y = If (yes) <then_branch = t () => (float[N] a) { a = Relu (h) },
                        else_branch = e () => (float[N] b) { b = Identity (h) }>
        }"""
    )
    check_nodes(model)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"raw_data": bytes(71)}, "holds 71 bytes, its shape says 72"),
        ({"dims": [2, -1, 3, 3]}, r"shape \[2, -1, 3, 3\]"),
        ({"dims": [1 << 40, 1 << 40]}, "its shape says"),
        ({"data_type": 99}, "unknown type 99"),
        ({"data_type": 0}, "unknown type 0"),
        ({"data_type": 8}, "holds 0 texts"),
        ({"data_type": 7}, "its shape says 144"),
    ],
)
def test_damaged_constants(fields, reason):
    model = sound()
    check_tensors(model)
    tensor = model.graph.initializer[0]
    for key, value in fields.items():
        if key == "dims":
            del tensor.dims[:]
            tensor.dims.extend(value)
        else:
            setattr(tensor, key, value)
    with pytest.raises(ModelError, match=reason) as caught:
        check_tensors(model)
    assert caught.value.where == "tensor w"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 2), np.float16),
        np.zeros(5, bool),
        np.zeros((2, 2), np.complex64),
        np.array(["a", "b"], object),
        np.zeros((0, 3), np.int64),
        np.array(1.0),
    ],
)
@pytest.mark.parametrize("raw", [True, False])
def test_sound_constants(array, raw):
    model = sound()
    tensor = numpy_helper.from_array(array, "more")
    if not raw and array.dtype.kind != "O":
        values = array.reshape(-1)
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        tensor = onnx.helper.make_tensor("more", kind, array.shape, values.tolist())
    model.graph.initializer.append(tensor)
    check_tensors(model)


def test_names_that_are_not_utf8(tmp_path):
    data = sound().SerializeToString().replace(b"conv", b"co\xffv")
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="UTF-8"):
        load_model(tmp_path / "model.onnx")


def test_four_bits():
    model = sound()
    model.graph.initializer.append(
        onnx.helper.make_tensor("more", onnx.TensorProto.INT4, [5], [1, 2, 3, -4, 5])
    )
    check_tensors(model)


def test_a_sample_that_no_memory_holds():
    model = sound()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 1 << 40
    with pytest.raises(ModelError, match="at once, more than 1,073,741,824"):
        model_input(model)
    model.graph.input[0].type.tensor_type.elem_type = 77
    with pytest.raises(ModelError, match="unknown type 77"):
        model_input(model)


@pytest.mark.parametrize(("depth", "taken"), [(25, True), (60, False), (5000, False)])
def test_subgraphs_in_subgraphs(tmp_path, depth, taken):
    """Deeper than its own limit protobuf reads no message, and that is told."""
    value = onnx.helper.make_tensor_value_info
    inputs = [value("x", 1, ["N", 3]), value("c", 9, [])]
    model = onnx.helper.make_model(onnx.GraphProto(), ir_version=8)
    model.ClearField("graph")
    path = tmp_path / "deep.onnx"
    graph = field(2, b"net") + b"".join(field(11, one.SerializeToString()) for one in inputs)
    path.write_bytes(model.SerializeToString() + field(7, graph + nested(depth)))
    if taken:
        assert load_model(path).graph.node[0].op_type == "If"
        return
    with pytest.raises(ModelError, match="deep.onnx"):
        load_model(path)


def nested(depth: int) -> bytes:
    """Nodes and output of a graph of one If, in whose branch there is another one, and so on.

    Written byte by byte: protobuf makes no such message.
    """

    def branch(name: bytes, graph: bytes) -> bytes:
        return field(5, field(1, name) + field(6, graph) + bytes([0xA0, 1, 5]))

    def output(level: int) -> bytes:
        named = onnx.helper.make_tensor_value_info(f"o{level}", 1, ["N", 3])
        return field(12, named.SerializeToString())

    def leaf(name: bytes) -> bytes:
        return field(1, field(1, b"x") + field(2, name) + field(4, b"Relu")) + field(2, b"leaf")

    graph = leaf(b"o0") + output(0)
    for level in range(1, depth + 1):
        branches = branch(b"then_branch", graph + field(2, b"t"))
        branches += branch(b"else_branch", leaf(b"o0") + output(0))
        node = field(1, b"c") + field(2, f"o{level}".encode()) + field(4, b"If") + branches
        graph = field(1, node) + output(level)
    return graph


def field(number: int, content: bytes) -> bytes:
    """A field of bytes in the wire format of protobuf."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
