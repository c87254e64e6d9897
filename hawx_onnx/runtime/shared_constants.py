"""Constants that several sessions over parts of one model read from the same memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx

# Smaller ones cost more to look up than they take.
LEAST_BYTES = 4096


class SharedConstants:
    """The large constants of a model, held once for all sessions that are made with them.

    Args:
        model: The model whose parts the sessions run; its values are copied.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._tensors = {
            tensor.name: tensor
            for tensor in model.graph.initializer
            if len(tensor.raw_data) >= LEAST_BYTES
        }
        self._values: dict[str, Any] = {}

    def of(self, initializers: Iterable[onnx.TensorProto]) -> Mapping[str, Any]:
        """The held values of a part's initializers: name -> onnxruntime.OrtValue."""
        names = [tensor.name for tensor in initializers if tensor.name in self._tensors]
        return {name: self._value(name) for name in names}

    def _value(self, name: str) -> Any:  # noqa: ANN401 - onnxruntime brings no types
        if name not in self._values:
            from onnxruntime import OrtValue

            values = onnx.numpy_helper.to_array(self._tensors[name])
            # The OrtValue reads the array's own memory and keeps the array alive.
            self._values[name] = OrtValue.ortvalue_from_numpy(np.ascontiguousarray(values))
        return self._values[name]
