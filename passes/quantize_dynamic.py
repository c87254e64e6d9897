"""Quantise a float graph with ranges that are found at run time, with onnxruntime's quantiser."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from hawx_onnx.errors import ModelError
from hawx_onnx.passes.graph import copy_of, keep_identity
from hawx_onnx.passes.quiet_quantizer import quiet_quantizer
from hawx_onnx.scratch import scratch_folder

# Products of two activations, as in attention, stay in floating point, as onnxruntime has it.
_PRODUCTS = ("Conv", "MatMul")
_SUFFIX = "_quant"  # what the quantiser adds to the names of nodes


def quantize_dynamic(model: onnx.ModelProto, keep_float: Sequence[str] = ()) -> onnx.ModelProto:
    """Quantises the products with constant weights of a canonical float model.

    Weights are uint8 around 128, whatever multipliers are to take them: older versions of
    onnxruntime have no ConvInteger of int8 weights. For int8 multipliers they are moved to 0.

    Args:
        model: Float graph, opset 13 or newer.
        keep_float: Names of nodes that stay in floating point.

    Returns:
        A new model with DynamicQuantizeLinear, ConvInteger and MatMulInteger; the products keep
        their names.

    Raises:
        ModelError: onnxruntime's quantiser cannot treat the graph.
    """
    from onnxruntime import quantization as ortq

    with scratch_folder() as folder:
        target = folder / "quantized.onnx"
        try:
            with quiet_quantizer():
                ortq.quantize_dynamic(
                    copy_of(model),
                    target,
                    op_types_to_quantize=list(_PRODUCTS),
                    per_channel=True,
                    weight_type=ortq.QuantType.QUInt8,
                    nodes_to_exclude=list(keep_float),
                    extra_options={"WeightSymmetric": True, "MatMulConstBOnly": True},
                )
        except Exception as error:
            raise ModelError(
                f"dynamic quantisation failed: {str(error).splitlines()[0][:300]}",
                where="model",
                mend="quantise it with your own tool and give the result",
            ) from error
        result = onnx.load(target)
    keep_identity(result, model)
    names = {node.name for node in model.graph.node if node.op_type in _PRODUCTS}
    for node in result.graph.node:
        if node.name.removesuffix(_SUFFIX) in names:
            node.name = node.name.removesuffix(_SUFFIX)
    return result
