"""A pass that rounds the smallest weights of the floating-point graph to zero."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from hawx_onnx.passes import Pass, PassResult, PassState

SHARE = 0.01
"""Weights below this share of their tensor's largest one become zero."""


class Prune(Pass):
    """Rounds small weights of convolutions to zero, before quantisation."""

    name = "acme-prune"
    after = "canonicalize"

    def call(self, state: PassState) -> PassResult:
        """Prunes a copy of the model."""
        model = onnx.ModelProto()
        model.CopyFrom(state.model)
        weights = {node.input[1] for node in model.graph.node if node.op_type == "Conv"}
        modified = False
        for tensor in model.graph.initializer:
            if tensor.name not in weights:
                continue
            values = numpy_helper.to_array(tensor)
            small = np.abs(values) < SHARE * np.abs(values).max(initial=0)
            if (small & (values != 0)).any():
                pruned = np.where(small, 0, values).astype(values.dtype)
                tensor.CopyFrom(numpy_helper.from_array(pruned, tensor.name))
                modified = True
        return PassResult(state.replace(model=model), modified)
