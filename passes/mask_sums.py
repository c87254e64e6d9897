"""Sums that go into a Softmax: what masks attention is no number to find a range of codes for."""

from __future__ import annotations

from collections import defaultdict

import onnx

# They move numbers and change none.
_MOVES = frozenset({"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity"})
_SOFTMAX = frozenset({"Softmax", "LogSoftmax"})


def mask_sums(model: onnx.ModelProto) -> list[str]:
    """Names of the Add nodes whose results are read by Softmax alone.

    A mask adds numbers such as -1e9 or the least of a type to the scores that are not to count. A
    range that holds these gives one code to all the others: the scores are lost. Softmax computes
    in floating point, so that a sum in front of it gains nothing by codes.

    Args:
        model: Float graph whose nodes have names.
    """
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            readers[name].append(node)
    outputs = {value.name for value in model.graph.output}

    def alone(tensor: str) -> bool:
        if tensor in outputs or not readers[tensor]:
            return False
        return all(
            node.op_type in _SOFTMAX or (node.op_type in _MOVES and alone(node.output[0]))
            for node in readers[tensor]
        )

    return [
        node.name for node in model.graph.node if node.op_type == "Add" and alone(node.output[0])
    ]
