"""The table of gradient rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hawx_onnx.passes.gradient import (
    convolution,
    dynamic,
    elementwise,
    linear,
    normalization,
    pooling,
    quantized,
    reduction,
    resize,
    shape,
)
from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.node import Blocked, Node

# A rule writes the nodes that turn cotangents of a node's outputs (None: zero) into those of its
# inputs. None stands for a derivative of zero. It raises NoRule where it does not apply.
Rule = Callable[[Emitter, Node, list[str | None]], Sequence[str | Blocked | None]]

_MICROSOFT = "com.microsoft"

RULES: dict[str | tuple[str, str], Rule] = {
    "Abs": elementwise.absolute,
    "Add": elementwise.add,
    "AveragePool": pooling.average_pool,
    "BatchNormalization": normalization.batch_normalization,
    "Cast": dynamic.cast,
    "Clip": elementwise.clip,
    "Concat": shape.concat,
    "Conv": convolution.conv,
    "ConvInteger": dynamic.conv_integer,
    "ConvTranspose": convolution.conv_transpose,
    "DepthToSpace": shape.depth_to_space,
    "DequantizeLinear": quantized.dequantize,
    "Div": elementwise.divide,
    "Dropout": elementwise.dropout,
    "DynamicQuantizeLinear": dynamic.quantize,
    "Elu": elementwise.elu,
    "Erf": elementwise.erf,
    "Exp": elementwise.exponential,
    "Expand": shape.expand,
    "Flatten": shape.reshape,
    "Gather": shape.gather,
    "Gelu": elementwise.gelu,
    "Gemm": linear.gemm,
    "GlobalAveragePool": reduction.reduce_mean,
    "GlobalMaxPool": reduction.reduce_extremum,
    "GroupNormalization": normalization.group_normalization,
    "HardSigmoid": elementwise.hard_sigmoid,
    "HardSwish": elementwise.hard_swish,
    "Identity": elementwise.identity,
    "InstanceNormalization": normalization.instance_normalization,
    "LayerNormalization": normalization.layer_normalization,
    "LeakyRelu": elementwise.leaky_relu,
    "Log": elementwise.logarithm,
    "LogSoftmax": normalization.log_softmax,
    "MatMul": linear.matmul,
    "MatMulInteger": dynamic.matmul_integer,
    "Max": elementwise.extremum,
    "MaxPool": pooling.max_pool,
    "Mean": elementwise.mean,
    "Min": elementwise.extremum,
    "Mul": elementwise.multiply,
    "Neg": elementwise.negate,
    "PRelu": elementwise.prelu,
    "Pad": shape.pad,
    "Pow": elementwise.power,
    "QLinearConv": quantized.qlinear_conv,
    "QLinearMatMul": quantized.qlinear_matmul,
    "QuantizeLinear": quantized.quantize,
    "Reciprocal": elementwise.reciprocal,
    "ReduceL2": reduction.reduce_l2,
    "ReduceMax": reduction.reduce_extremum,
    "ReduceMean": reduction.reduce_mean,
    "ReduceMin": reduction.reduce_extremum,
    "ReduceSum": reduction.reduce_sum,
    "ReduceSumSquare": reduction.reduce_sum_square,
    "Relu": elementwise.relu,
    "Reshape": shape.reshape,
    "Resize": resize.resize,
    "Sigmoid": elementwise.sigmoid,
    "Slice": shape.slice_,
    "Softmax": normalization.softmax,
    "Softplus": elementwise.softplus,
    "SpaceToDepth": shape.space_to_depth,
    "Split": shape.split,
    "Sqrt": elementwise.square_root,
    "Squeeze": shape.reshape,
    "Sub": elementwise.subtract,
    "Sum": elementwise.add,
    "Tanh": elementwise.tanh,
    "Transpose": shape.transpose,
    "Unsqueeze": shape.reshape,
    "Where": elementwise.where,
    (_MICROSOFT, "Gelu"): elementwise.gelu,
    (_MICROSOFT, "QGemm"): quantized.qgemm,
    (_MICROSOFT, "QLinearAdd"): quantized.qlinear_add,
    (_MICROSOFT, "QLinearConcat"): quantized.qlinear_concat,
    (_MICROSOFT, "QLinearGlobalAveragePool"): quantized.qlinear_global_average_pool,
    (_MICROSOFT, "QLinearMul"): quantized.qlinear_mul,
}

# Rules that hold for 8-bit codes as for real values, or look at types themselves; others are
# refused on codes.
ON_CODES = frozenset(
    {
        "Cast", "Clip", "Concat", "ConvInteger", "DepthToSpace", "DequantizeLinear",
        "DynamicQuantizeLinear", "Expand", "Flatten", "Gather", "Identity", "MatMulInteger",
        "MaxPool", "Pad", "QGemm", "QLinearAdd", "QLinearConcat", "QLinearConv",
        "QLinearGlobalAveragePool", "QLinearMatMul", "QLinearMul", "QuantizeLinear", "Relu",
        "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze", "Where",
    }
)  # fmt: skip

# Operators of the standard whose results do not move with small changes of their inputs: what
# they lead to gets no cotangent, and is not held up by it either.
ZERO_DERIVATIVE = frozenset(
    ("", op)
    for op in (
        "And", "ArgMax", "ArgMin", "BitShift", "ConstantOfShape", "Equal", "EyeLike", "Greater",
        "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "NonZero", "Not", "Or",
        "RandomNormalLike", "RandomUniformLike", "Shape", "Size", "Xor",
    )
)  # fmt: skip
