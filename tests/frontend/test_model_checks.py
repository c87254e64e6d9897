"""Constants that no network can work with."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx.errors import ModelError
from hawx_onnx.frontend.model_checks import check_weights


def model_of(weight: np.ndarray, mask: np.ndarray, *, node: bool = False):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])
    held = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(mask, "m")]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "m"], ["y"]),
    ]
    if node:
        constants = [helper.make_node("Constant", [], [t.name], value=t) for t in held]
        return helper.make_model(helper.make_graph([*constants, *nodes], "g", [x], [y]))
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], held))


SOUND, ONES = np.ones((2, 2), np.float32), np.ones(2, np.float32)


@pytest.mark.parametrize("node", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value: float, node: bool) -> None:
    weight = SOUND.copy()
    weight[1, 0] = value
    with pytest.raises(ModelError, match=r"tensor w: value at \[1, 0\] is (nan|inf) \(1 of 4\)"):
        check_weights(model_of(weight, ONES, node=node))


def test_masks_may_be_infinite_but_nothing_is_nan() -> None:
    check_weights(model_of(SOUND, np.array([0, -np.inf], np.float32)))
    with pytest.raises(ModelError, match="tensor m"):
        check_weights(model_of(SOUND, np.array([0, np.nan], np.float32)))
    check_weights(model_of(SOUND.astype(np.float64), ONES.astype(np.float64)))
