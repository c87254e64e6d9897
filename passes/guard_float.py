"""Keep onnxruntime from quantising the weights of layers that are to stay in floating point."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from hawx_onnx.passes.graph import constant, producer, to_graph, to_model


def guard_float_layers(model: onnx.ModelProto, layers: Collection[str]) -> onnx.ModelProto:
    """Gives float convolutions that read codes a DequantizeLinear that onnxruntime leaves alone.

    Behind a DequantizeLinear of one scale, onnxruntime's basic optimisations quantise float weights
    of Conv to int8, with one scale for all channels: depthwise layers do not survive that. With
    the same scale written once for each channel they let the layer be, and the values are the same.

    Args:
        model: A QDQ model of our own quantiser.
        layers: Names of the nodes that stay in floating point.
    """
    graph = to_graph(model)
    for node in list(graph.nodes):
        if node.op == "Conv" and node.name in layers:
            _guard(graph, node)
    return to_model(graph, model)


def _guard(graph: gs.Graph, node: gs.Node) -> None:
    reader, source = node, producer(node.inputs[0])
    if source is not None and source.op == "Unsqueeze":  # of a Gemm
        reader, source = source, producer(source.inputs[0])
    weights = constant(node.inputs[1])
    if source is None or source.op != "DequantizeLinear" or weights is None:
        return
    scale, zero = (constant(tensor) for tensor in source.inputs[1:3])
    channels = weights.shape[1] * node.attrs.get("group", 1)
    if scale is None or zero is None or scale.size != 1 or channels == 1:
        return
    own = f"hawx.{node.name}.input"
    values = gs.Variable(own, np.float32)
    parts = [
        gs.Constant(f"{own}.{what}", np.repeat(value.reshape(-1), channels))
        for what, value in (("scale", scale), ("zero", zero))
    ]
    inputs = [source.inputs[0], *parts]
    graph.nodes.append(
        gs.Node("DequantizeLinear", f"{own}.dequantize", {"axis": 1}, inputs, [values])
    )
    reader.inputs[0] = values
