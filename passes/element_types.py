"""The types of a graph's tensors."""

from __future__ import annotations

import numpy as np
import onnx

from hawx_onnx.frontend.copies import without_weights
from hawx_onnx.runtime.model_session import APART


def element_types(model: onnx.ModelProto) -> dict[str, np.dtype[np.generic]]:
    """Type of each tensor, as far as shape inference tells: inputs, constants, what nodes write."""
    graph = onnx.shape_inference.infer_shapes(without_weights(model, APART)).graph
    numbers = {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    numbers.update({tensor.name: tensor.data_type for tensor in model.graph.initializer})
    return {
        name: np.dtype(onnx.helper.tensor_dtype_to_np_dtype(number))
        for name, number in numbers.items()
        if number
    }
