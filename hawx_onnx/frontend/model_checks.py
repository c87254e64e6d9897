"""Checks of a model's constants before anything is run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from hawx_onnx.errors import ModelError

_FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}
_PRODUCTS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


def check_weights(model: onnx.ModelProto) -> None:
    """Checks that no constant is NaN, and no weight infinite.

    Masks may well hold infinities, so these are refused only as operands of products.

    Raises:
        ModelError: The text names the first tensor.
    """
    weights = {
        name for node in model.graph.node if node.op_type in _PRODUCTS for name in node.input[1:]
    }
    for name, tensor in _constants(model):
        if tensor.data_type not in _FLOATS:
            continue
        values = numpy_helper.to_array(tensor)
        bad = ~np.isfinite(values) if name in weights else np.isnan(values)
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ModelError(
                f"value at {list(index)} is {values[index]} ({int(bad.sum())} of {values.size})",
                where=f"tensor {name}",
                mend="export the model again from sound weights",
            )


def _constants(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    for tensor in model.graph.initializer:
        yield tensor.name, tensor
    for node in model.graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    yield node.output[0], attribute.t
