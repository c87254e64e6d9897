"""Codes and accumulators of a layer, against sums of table entries."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx import components
from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.hardware.rtl import LayerOperands
from hawx_onnx.layer_operands import find_layer, layer_operands
from hawx_onnx.passes.approximate import with_tables

S8, U8 = TensorProto.INT8, TensorProto.UINT8


def int8_model(
    op: str, x: list[int], w: np.ndarray, zx: int, zw: np.ndarray, **attributes: object
) -> onnx.ModelProto:
    """One QLinear node named ``layer`` over codes of the type of its weights."""
    code = S8 if w.dtype == np.int8 else U8
    scale = np.array(0.1, np.float32)
    zero = np.array(zx, w.dtype)
    inputs = {"sx": scale, "zx": zero, "w": w, "sw": np.full(zw.shape, 0.1, np.float32)}
    inputs |= {"zw": zw.astype(w.dtype), "sy": scale, "zy": zero}
    node = helper.make_node(op, ["x", *inputs], ["y"], "layer", **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", code, x)],
        [helper.make_tensor_value_info("y", code, None)],
        [numpy_helper.from_array(value, name) for name, value in inputs.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def sums(found: LayerOperands, names: tuple[str, ...]) -> np.ndarray:
    """Accumulators by the definition: table entries, and zero points corrected."""
    codes = found.windows(np.arange(found.positions))
    view = np.int8 if found.codes_signed else np.uint8
    values, weights = (part.view(view).astype(np.int64) for part in (codes, found.weights))
    zx, columns = found.activation_zero, []
    for name, row, own, zw in zip(names, found.weights, weights, found.weight_zeros, strict=False):
        products = components.load(name).table.astype(np.int64)[codes, row].sum(axis=1)
        columns.append(
            products - zx * own.sum() - zw * values.sum(axis=1) + found.window * zx * int(zw)
        )
    return np.stack(columns, axis=1)


CONVOLUTIONS = {
    "plain": ([1, 3, 7, 6], (4, 3, 3, 2), {}),
    "pads and strides": ([2, 2, 8, 9], (4, 2, 3, 3), {"pads": [1, 0, 2, 1], "strides": [2, 3]}),
    "dilations": ([1, 2, 9, 9], (4, 2, 3, 2), {"dilations": [2, 3], "pads": [1, 1, 1, 1]}),
    "same upper": ([1, 2, 7, 8], (4, 2, 3, 4), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "same lower": ([1, 2, 7, 8], (4, 2, 4, 2), {"auto_pad": "SAME_LOWER", "strides": [2, 1]}),
    "valid": ([1, 2, 7, 8], (4, 2, 3, 3), {"auto_pad": "VALID"}),
    "groups": ([1, 6, 5, 5], (8, 3, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    "depthwise": ([1, 4, 6, 6], (4, 1, 3, 3), {"group": 4}),
    "one axis": ([1, 3, 12], (4, 3, 4), {"pads": [2, 1]}),
    "three axes": ([1, 2, 4, 5, 4], (4, 2, 2, 3, 2), {"strides": [1, 2, 1]}),
}


@pytest.mark.parametrize("codes", [np.int8, np.uint8])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions(case: str, codes: type) -> None:
    shape, weight, attributes = CONVOLUTIONS[case]
    rng = np.random.default_rng(3)
    low, high = np.iinfo(codes).min, np.iinfo(codes).max + 1
    w = rng.integers(low, high, weight).astype(codes)
    x = rng.integers(low, high, shape).astype(codes)
    zw = rng.integers(0, 9, len(w)) if codes == np.uint8 else np.zeros(len(w), int)
    zx = 11 if codes == np.uint8 else 0
    model = int8_model("QLinearConv", [None, *shape[1:]], w, zx, zw, **attributes)
    kind = "mul8u" if codes == np.uint8 else "mul8s"
    names = tuple(f"{kind}_trunc{1 + index % 3}" for index in range(len(w)))
    multipliers = [components.load(name) for name in names]
    found = layer_operands(model, find_layer(model, "layer"), x, multipliers, "random")
    groups = attributes.get("group", 1)
    assert found.filters == len(w) // groups
    assert found.window == np.prod(weight[1:])
    assert found.types == names[: found.filters]
    np.testing.assert_array_equal(found.accumulators, sums(found, names))


@pytest.mark.parametrize(("shape", "positions"), [([5, 7], 1), ([2, 3, 5, 7], 5)], ids=str)
def test_products_of_the_first_sample(shape: list[int], positions: int) -> None:
    rng = np.random.default_rng(4)
    w = rng.integers(0, 256, (7, 4)).astype(np.uint8)
    x = rng.integers(0, 256, shape).astype(np.uint8)
    model = int8_model("QLinearMatMul", [None, *shape[1:]], w, 3, np.arange(4))
    names = ("mul8u_exact", "mul8u_drum4", "mul8u_drum4", "mul8u_exact")
    multipliers = [components.load(name) for name in names]
    found = layer_operands(model, find_layer(model, None), x, multipliers, "random")
    assert (found.positions, found.filters, found.window) == (positions, 4, 7)
    codes = found.windows(np.arange(positions))
    np.testing.assert_array_equal(codes, x.reshape(-1, *shape[-2:])[0][:positions])
    np.testing.assert_array_equal(found.accumulators, sums(found, names))


@pytest.fixture(scope="module")
def rewritten() -> onnx.ModelProto:
    w = np.random.default_rng(5).integers(-128, 128, (2, 1, 3, 3)).astype(np.int8)
    model = int8_model("QLinearConv", [1, 1, 5, 5], w, 0, np.zeros(2, int))
    table = components.load("mul8s_trunc2").table
    return with_tables(model, table[None], {"layer": np.zeros(2, np.int32)})


def test_rewritten_models_must_hold_the_multipliers_named(rewritten: onnx.ModelProto) -> None:
    x = np.ones((1, 1, 5, 5), np.int8)
    node = find_layer(rewritten, "layer")
    right = [components.load("mul8s_trunc2")] * 2
    found = layer_operands(rewritten, node, x, right, "ones")
    np.testing.assert_array_equal(found.accumulators, sums(found, ("mul8s_trunc2",) * 2))
    wrong = [components.load("mul8s_trunc3"), right[0]]
    with pytest.raises(ModelError, match="other truth tables"):
        layer_operands(rewritten, node, x, wrong, "ones")


def test_padding_that_is_left_out_is_refused(rewritten: onnx.ModelProto) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(rewritten)
    (node,) = model.graph.node
    (attribute,) = (a for a in node.attribute if a.name == "skip_padding")
    attribute.i = 1
    with pytest.raises(ModelError, match="leaves padded products out"):
        layer_operands(
            model, node, np.ones((1, 1, 5, 5), np.int8), [components.load("mul8s_trunc2")] * 2, ""
        )


def test_layers_that_are_not_there(rewritten: onnx.ModelProto) -> None:
    with pytest.raises(ConfigError, match="'layr'") as caught:
        find_layer(rewritten, "layr")
    assert "layer" in caught.value.mend
    empty = onnx.ModelProto()
    with pytest.raises(ModelError, match="no layer works on 8-bit codes"):
        find_layer(empty, None)
