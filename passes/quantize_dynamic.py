"""Quantise a float graph with ranges that are found at run time, with onnxruntime's quantiser."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from hawx_onnx.components import Encoding
from hawx_onnx.errors import ModelError
from hawx_onnx.passes.graph import copy_of, keep_identity
from hawx_onnx.passes.quiet_quantizer import quiet_quantizer
from hawx_onnx.scratch import scratch_folder

# Products of two activations, as in attention, stay in floating point, as onnxruntime has it.
_PRODUCTS = ("Conv", "MatMul")
_SUFFIX = "_quant"  # what the quantiser adds to the names of nodes


def quantize_dynamic(
    model: onnx.ModelProto, encoding: Encoding, keep_float: Sequence[str] = ()
) -> onnx.ModelProto:
    """Quantises the products with constant weights of a canonical float model.

    Args:
        model: Float graph, opset 13 or newer.
        encoding: Encoding of the multipliers that are to run it: the kind of the weights' codes.
        keep_float: Names of nodes that stay in floating point.

    Returns:
        A new model with DynamicQuantizeLinear, ConvInteger and MatMulInteger; the products keep
        their names.

    Raises:
        ModelError: onnxruntime's quantiser cannot treat the graph.
    """
    from onnxruntime import quantization as ortq

    code = ortq.QuantType.QInt8 if encoding.codes_signed else ortq.QuantType.QUInt8
    with scratch_folder() as folder:
        target = folder / "quantized.onnx"
        try:
            with quiet_quantizer():
                ortq.quantize_dynamic(
                    copy_of(model),
                    target,
                    op_types_to_quantize=list(_PRODUCTS),
                    per_channel=True,
                    weight_type=code,
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
