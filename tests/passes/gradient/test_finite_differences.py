"""Every gradient rule against central differences in double precision."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from scipy.special import erf

from hawx_onnx.passes.gradient.rules import RULES

STEP = 1e-5
TOLERANCE = 2e-5
DIRECTIONS = 4
HEADER = '<ir_version: 8, opset_import: ["" : {opset}, "com.microsoft" : 1]>'


@dataclass(frozen=True)
class Case:
    """One node, its differentiated inputs by shape, its constants, and how inputs are drawn.

    `low` and `high`: values are uniform between them, and `gap` away from 0 and from each other,
    so that no step crosses a kink; `kinks` are further places to keep away from. `linear`: onnx's
    reference does not run it; onnxruntime in single precision does, and any step is exact.
    """

    node: str
    inputs: dict[str, tuple[int, ...]]
    constants: dict[str, object] = field(default_factory=dict)
    opset: int = 18
    low: float = -2.0
    high: float = 2.0
    kinks: tuple[float, ...] = (0.0,)
    dynamic: bool = False
    by: str = "reference"


def case(
    node: str,
    *,
    constants=None,
    opset=18,
    low=-2.0,
    high=2.0,
    kinks=(0.0,),
    dynamic=False,
    by="reference",
    **inputs,
):
    return Case(node, inputs, constants or {}, opset, low, high, kinks, dynamic, by)


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape)


IMAGE = (2, 3, 7, 6)
CASES = [
    # values
    case("Identity(x)", x=(3, 4)),
    case("Cast<to=1>(x)", x=(3, 4)),
    case("Dropout(x)", x=(3, 4)),
    case("Add(x, b)", x=(3, 4), b=(4,)),
    case("Add(x, b)", x=(1, 4), b=(3, 1)),
    case("Add(x, b)", x=(3, 4), b=(3, 4), dynamic=True),
    case("Add(x, b)", x=(2, 1, 4), b=(3, 1), dynamic=True),
    case("Add(x, x)", x=(3, 4)),
    case("Sum(x, b, c)", x=(3, 4), b=(4,), c=(1, 1)),
    case("Mean(x, b, c)", x=(3, 4), b=(4,), c=(3, 1)),
    case("Sub(x, b)", x=(3, 4), b=(3, 1)),
    case("Sub(x, b)", x=(4,), b=(3, 4)),
    case("Mul(x, b)", x=(3, 4), b=(3, 1)),
    case("Mul(x, b)", x=(2, 1, 4), b=(3, 1), dynamic=True),
    case("Mul(x, x)", x=(3, 4)),
    case("Mul(x, k)", x=(3, 4), constants={"k": weights(4)}),
    case("Div(x, b)", x=(3, 4), b=(4,), low=0.5),
    case("Div(k, x)", x=(3, 4), low=-2.0, high=-0.5, constants={"k": weights(4)}),
    case("Pow(x, b)", x=(3, 4), b=(4,), low=0.5),
    case("Pow(x, k)", x=(3, 4), constants={"k": np.array(2.0)}),
    case("Pow(x, k)", x=(3, 4), constants={"k": i64(3)}),
    case("Min(x, b, c)", x=(3, 4), b=(4,), c=(3, 1)),
    case("Max(x, b)", x=(3, 4), b=(3, 4)),
    case("Max(x)", x=(3, 4)),
    case("Where(k, x, b)", x=(3, 4), b=(4,), constants={"k": weights(3, 1) > 0}),
    case("Where(k, b, x)", x=(1, 4), b=(3, 4), constants={"k": weights(3, 4) > 0}),
    case("Neg(x)", x=(3, 4)),
    case("Abs(x)", x=(3, 4)),
    case("Relu(x)", x=(3, 4)),
    case("LeakyRelu<alpha=0.3>(x)", x=(3, 4)),
    case("LeakyRelu(x)", x=(3, 4)),
    case("PRelu(x, b)", x=(2, 3, 4), b=(3, 1)),
    case("Elu<alpha=0.7>(x)", x=(3, 4)),
    case("Elu(x)", x=(3, 4)),
    case(
        "Clip(x, lo, hi)",
        x=(3, 8),
        kinks=(-1.0, 1.0),
        constants={"lo": np.array(-1.0), "hi": np.array(1.0)},
    ),
    case("Clip(x, , hi)", x=(3, 8), kinks=(1.0,), constants={"hi": np.array(1.0)}),
    case("Clip(x, lo)", x=(3, 8), kinks=(-1.0,), constants={"lo": np.array(-1.0)}),
    case("Clip(x)", x=(3, 8)),
    case("Clip<min=-1.0, max=1.0>(x)", x=(3, 8), kinks=(-1.0, 1.0), opset=6),
    case("Sigmoid(x)", x=(3, 4)),
    case("HardSigmoid(x)", x=(3, 8), low=-4.0, high=4.0, kinks=(-2.5, 2.5)),
    case("HardSigmoid<alpha=0.3, beta=0.4>(x)", x=(3, 8), kinks=(-4 / 3, 2.0), high=3.0),
    case("HardSwish(x)", x=(3, 8), low=-5.0, high=5.0, kinks=(-3.0, 3.0)),
    case("Softplus(x)", x=(3, 4)),
    case("Tanh(x)", x=(3, 4)),
    case("Erf(x)", x=(3, 4)),
    case("Gelu(x)", x=(3, 4), opset=20),
    case('Gelu<approximate="tanh">(x)', x=(3, 4), opset=20, by="double"),
    case("Exp(x)", x=(3, 4)),
    case("Log(x)", x=(3, 4), low=0.5),
    case("Sqrt(x)", x=(3, 4), low=0.5),
    case("Reciprocal(x)", x=(3, 4), low=0.5),
    # convolutions
    case("Conv(x, w)", x=IMAGE, constants={"w": weights(4, 3, 3, 3)}),
    case(
        "Conv<pads=[1,1,1,1]>(x, w, c)",
        x=IMAGE,
        constants={"w": weights(4, 3, 3, 3), "c": weights(4)},
    ),
    case(
        "Conv<pads=[0,1,2,0], strides=[2,3]>(x, w)", x=IMAGE, constants={"w": weights(4, 3, 3, 2)}
    ),
    case(
        "Conv<pads=[2,2,2,2], dilations=[2,2]>(x, w)", x=IMAGE, constants={"w": weights(4, 3, 3, 3)}
    ),
    case(
        "Conv<strides=[2,2], dilations=[2,1], pads=[1,0,1,0]>(x, w)",
        x=(1, 3, 9, 8),
        constants={"w": weights(4, 3, 2, 3)},
    ),
    case("Conv<strides=[2,2]>(x, w)", x=IMAGE, constants={"w": weights(4, 3, 1, 1)}),
    case("Conv<group=3, pads=[1,1,1,1]>(x, w)", x=IMAGE, constants={"w": weights(6, 1, 3, 3)}),
    case(
        "Conv<group=2, strides=[2,2], pads=[1,1,1,1]>(x, w)",
        x=(2, 4, 6, 5),
        constants={"w": weights(6, 2, 3, 3)},
    ),
    case("Conv<pads=[1,1,1,1]>(x, w)", x=(1, 16, 5, 4), constants={"w": weights(3, 16, 3, 3)}),
    case(
        "Conv<pads=[2,0,1,1], dilations=[2,1]>(x, w)",
        x=(1, 16, 6, 5),
        constants={"w": weights(3, 16, 3, 2)},
    ),
    case(
        "Conv<group=16, pads=[1,1,1,1]>(x, w)",
        x=(1, 16, 5, 4),
        constants={"w": weights(32, 1, 3, 3)},
    ),
    case(
        "Conv<group=2, pads=[1,1,1,1]>(x, w)",
        x=(1, 32, 5, 4),
        constants={"w": weights(4, 16, 3, 3)},
    ),
    case("Conv<pads=[3,3,3,3]>(x, w)", x=(1, 16, 4, 4), constants={"w": weights(3, 16, 3, 3)}),
    case('Conv<auto_pad="SAME_UPPER">(x, w)', x=IMAGE, constants={"w": weights(4, 3, 2, 4)}),
    case('Conv<auto_pad="SAME_LOWER">(x, w)', x=IMAGE, constants={"w": weights(4, 3, 2, 4)}),
    case(
        'Conv<auto_pad="SAME_UPPER", strides=[2,3]>(x, w)',
        x=IMAGE,
        constants={"w": weights(4, 3, 3, 2)},
    ),
    case(
        'Conv<auto_pad="SAME_LOWER", strides=[3,2]>(x, w)',
        x=IMAGE,
        constants={"w": weights(4, 3, 2, 3)},
    ),
    case(
        'Conv<auto_pad="VALID", strides=[2,2]>(x, w)', x=IMAGE, constants={"w": weights(4, 3, 3, 3)}
    ),
    case("Conv<strides=[2], pads=[1,0]>(x, w)", x=(2, 3, 8), constants={"w": weights(4, 3, 3)}),
    case(
        "Conv<strides=[2,1,2], pads=[1,0,1,1,1,0]>(x, w)",
        x=(1, 2, 5, 4, 6),
        constants={"w": weights(3, 2, 3, 2, 3)},
    ),
    case(
        "Conv<strides=[2,2], pads=[1,1,1,1]>(x, w)",
        x=IMAGE,
        dynamic=True,
        constants={"w": weights(4, 3, 3, 3)},
    ),
    case("Conv<pads=[1,1,1,1]>(x, w)", x=IMAGE, dynamic=True, constants={"w": weights(4, 3, 3, 3)}),
    case(
        'Conv<auto_pad="SAME_UPPER">(x, w)',
        x=(1, 16, 5, 4),
        dynamic=True,
        constants={"w": weights(4, 16, 3, 3)},
    ),
    case("ConvTranspose(x, w)", x=(2, 3, 4, 5), constants={"w": weights(3, 4, 3, 3)}),
    case(
        "ConvTranspose<strides=[2,3], pads=[1,0,0,1], output_padding=[1,1]>(x, w)",
        x=(2, 3, 4, 5),
        constants={"w": weights(3, 4, 3, 3)},
    ),
    case(
        "ConvTranspose<strides=[2,2], group=3, output_padding=[1,0]>(x, w)",
        x=(1, 3, 4, 5),
        by="single",
        constants={"w": weights(3, 2, 2, 2)},
    ),
    case(
        "ConvTranspose<strides=[2,2], dilations=[2,1], pads=[1,1,1,1]>(x, w)",
        x=(1, 2, 4, 3),
        constants={"w": weights(2, 2, 3, 3)},
    ),
    case(
        "ConvTranspose<strides=[3,2], output_shape=[11,8]>(x, w)",
        x=(1, 2, 4, 4),
        by="single",
        constants={"w": weights(2, 3, 3, 3)},
    ),
    case(
        'ConvTranspose<strides=[2,2], auto_pad="SAME_UPPER">(x, w)',
        x=(1, 2, 4, 3),
        constants={"w": weights(2, 3, 3, 3)},
    ),
    case(
        'ConvTranspose<strides=[2,2], auto_pad="SAME_LOWER">(x, w)',
        x=(1, 2, 4, 3),
        constants={"w": weights(2, 3, 3, 3)},
    ),
    case("ConvTranspose<strides=[2]>(x, w)", x=(1, 2, 5), constants={"w": weights(2, 3, 3)}),
    # products
    case("Gemm(x, b)", x=(3, 4), b=(4, 5)),
    case("Gemm<transB=1, alpha=0.5, beta=2.0>(x, b, c)", x=(3, 4), b=(5, 4), c=(5,)),
    case("Gemm<transA=1, alpha=0.5>(x, b, c)", x=(4, 3), b=(4, 5), c=(3, 1)),
    case("Gemm<transA=1, transB=1, alpha=3.0>(x, b)", x=(4, 3), b=(5, 4)),
    case("Gemm<transB=1>(x, w, c)", x=(3, 4), constants={"w": weights(5, 4), "c": weights(5)}),
    case("MatMul(x, b)", x=(3, 4), b=(4, 5)),
    case("MatMul(x, b)", x=(2, 3, 4), b=(4, 5)),
    case("MatMul(x, b)", x=(3, 4), b=(2, 4, 5)),
    case("MatMul(x, b)", x=(2, 1, 3, 4), b=(5, 4, 2)),
    case("MatMul(x, b)", x=(2, 1, 3, 4), b=(5, 4, 2), dynamic=True),
    case("MatMul(x, b)", x=(4,), b=(4, 5)),
    case("MatMul(x, b)", x=(3, 4), b=(4,)),
    case("MatMul(x, b)", x=(4,), b=(4,)),
    case("MatMul(x, b)", x=(4,), b=(2, 4, 5)),
    case("MatMul(x, b)", x=(2, 3, 4), b=(4,)),
    case("MatMul(x, x)", x=(3, 3)),
    # normalisation
    case("Softmax(x)", x=(2, 3, 4)),
    case("Softmax<axis=1>(x)", x=(2, 3, 4)),
    case("Softmax<axis=1>(x)", x=(2, 3, 4), opset=11, by="double"),
    case("LogSoftmax(x)", x=(2, 3, 4)),
    case("LogSoftmax<axis=0>(x)", x=(2, 3, 4)),
    case("LogSoftmax(x)", x=(2, 3, 4), opset=11, by="double"),
    case("LayerNormalization(x, s, b)", x=(2, 3, 8), s=(8,), b=(8,)),
    case("LayerNormalization<axis=1, epsilon=0.1>(x, s)", x=(2, 3, 4), s=(3, 4)),
    case(
        "InstanceNormalization<epsilon=0.01>(x, s, b)",
        x=(2, 3, 4, 5),
        constants={"s": weights(3), "b": weights(3)},
    ),
    case(
        "GroupNormalization<num_groups=2>(x, s, b)",
        x=(2, 4, 3, 2),
        opset=18,
        constants={"s": weights(2), "b": weights(2)},
    ),
    case(
        "GroupNormalization<num_groups=2, stash_type=11>(x, s, b)",
        x=(2, 4, 3, 2),
        opset=21,
        by="double",
        constants={"s": weights(4), "b": weights(4)},
    ),
    case(
        "BatchNormalization<epsilon=0.01>(x, s, b, m, v)",
        x=(2, 3, 4, 5),
        constants={
            "s": weights(3),
            "b": weights(3),
            "m": weights(3),
            "v": np.array([0.5, 1.0, 2.0]),
        },
    ),
    # pooling
    case("MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)", x=(2, 3, 6, 4)),
    case("MaxPool<kernel_shape=[3,3], strides=[2,2]>(x)", x=IMAGE),
    case("MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)", x=IMAGE),
    case("MaxPool<kernel_shape=[3,2], strides=[2,2], ceil_mode=1>(x)", x=(1, 2, 8, 7)),
    case("MaxPool<kernel_shape=[3,2], strides=[2,1], dilations=[2,1]>(x)", x=IMAGE),
    case('MaxPool<kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER">(x)', x=IMAGE),
    case("MaxPool<kernel_shape=[3], strides=[2]>(x)", x=(2, 3, 9)),
    case("MaxPool<kernel_shape=[2,2,2], strides=[2,1,2]>(x)", x=(1, 2, 4, 3, 4)),
    case("MaxPool<kernel_shape=[3,3], strides=[2,2]>(x)", x=IMAGE, dynamic=True),
    case("AveragePool<kernel_shape=[2,2], strides=[2,2]>(x)", x=(2, 3, 6, 4)),
    case("AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)", x=IMAGE),
    case(
        "AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1>(x)",
        x=IMAGE,
    ),
    case(
        "AveragePool<kernel_shape=[3,2], strides=[2,2], ceil_mode=1>(x)", x=(1, 2, 8, 7), opset=19
    ),
    case(
        "AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1, "
        "count_include_pad=1>(x)",
        x=(1, 2, 8, 6),
        opset=19,
    ),
    case('AveragePool<kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER">(x)', x=IMAGE),
    case("AveragePool<kernel_shape=[3], strides=[2]>(x)", x=(2, 3, 8)),
    case("AveragePool<kernel_shape=[3,3], strides=[2,2]>(x)", x=IMAGE, dynamic=True),
    case("GlobalAveragePool(x)", x=IMAGE),
    case("GlobalAveragePool(x)", x=IMAGE, dynamic=True),
    case("GlobalMaxPool(x)", x=IMAGE),
    case("ReduceMean<axes=[1,-1]>(x)", x=(2, 3, 4), opset=13),
    case("ReduceMean<keepdims=0>(x, a)", x=(2, 3, 4), constants={"a": i64(-1)}),
    case("ReduceMean<keepdims=0>(x, a)", x=(2, 3, 4), constants={"a": i64(1)}, dynamic=True),
    case("ReduceMean(x)", x=(2, 3, 4)),
    case("ReduceSum<keepdims=0>(x, a)", x=(2, 3, 4), constants={"a": i64(0, 2)}),
    case("ReduceSum<noop_with_empty_axes=1>(x)", x=(2, 3, 4)),
    case("ReduceMax<axes=[1], keepdims=0>(x)", x=(2, 3, 4), opset=13),
    case("ReduceMin<axes=[-1]>(x)", x=(2, 3, 4), opset=13),
    case("ReduceL2<axes=[1], keepdims=0>(x)", x=(2, 3, 4), opset=13),
    case("ReduceSumSquare<axes=[1]>(x)", x=(2, 3, 4), opset=13),
    # moves
    case("Reshape(x, s)", x=(2, 3, 4), constants={"s": i64(4, -1)}),
    case("Reshape(x, s)", x=(2, 3, 4), constants={"s": i64(0, -1)}, dynamic=True),
    case("Flatten<axis=2>(x)", x=(2, 3, 4)),
    case("Flatten(x)", x=(2, 3, 4), dynamic=True),
    case("Transpose(x)", x=(2, 3, 4)),
    case("Transpose<perm=[1,2,0]>(x)", x=(2, 3, 4)),
    case("Squeeze(x)", x=(2, 1, 4, 1)),
    case("Squeeze(x, a)", x=(2, 1, 4, 1), constants={"a": i64(1)}, dynamic=True),
    case("Unsqueeze(x, a)", x=(2, 3), constants={"a": i64(0, -1)}),
    case("Concat<axis=1>(x, b, x)", x=(2, 3), b=(2, 1)),
    case("Concat<axis=-1>(x, k)", x=(2, 3), constants={"k": weights(2, 2)}),
    case("Concat<axis=1>(x, b)", x=(2, 3), b=(2, 2), dynamic=True),
    case(
        "Slice(x, s, e, a, t)",
        x=(5, 6, 4),
        constants={"s": i64(1, -2), "e": i64(4, 100), "a": i64(0, -1), "t": i64(1, 1)},
    ),
    case(
        "Slice(x, s, e, a, t)",
        x=(5, 6, 4),
        constants={
            "s": i64(0, -1, 1),
            "e": i64(100, -100, 3),
            "a": i64(0, 1, 2),
            "t": i64(2, -2, 1),
        },
    ),
    case("Slice(x, s, e)", x=(5, 6), constants={"s": i64(2), "e": i64(-1)}),
    case(
        "Slice(x, s, e, a)",
        x=(5, 6),
        dynamic=True,
        constants={"s": i64(-4, 1), "e": i64(-1, 9), "a": i64(1, 0)},
    ),
    case("Slice<starts=[1], ends=[3], axes=[1]>(x)", x=(5, 6), opset=9),
    case("Gather(x, i)", x=(5, 3), constants={"i": i64(0, 2, 2, -1)}),
    case("Gather<axis=1>(x, i)", x=(2, 4, 3), constants={"i": np.array([[0, 3], [1, 1]])}),
    case("Gather<axis=-1>(x, i)", x=(2, 3), constants={"i": np.array(1)}, dynamic=True),
    case("Pad(x, p)", x=(2, 3), constants={"p": i64(1, 0, 0, 2)}),
    case(
        "Pad(x, p, v)",
        x=(3, 4),
        by="single",
        constants={"p": i64(-1, 0, 1, -2), "v": np.array(3.0)},
    ),
    case("Pad(x, p, v, a)", x=(2, 3), constants={"p": i64(1, 2), "v": np.array(3.0), "a": i64(1)}),
    case("Expand(x, s)", x=(3, 1), constants={"s": i64(2, 3, 4)}),
    case("Expand(x, s)", x=(3, 1), constants={"s": i64(2, 3, 4)}, dynamic=True),
    case("DepthToSpace<blocksize=2>(x)", x=(2, 8, 2, 3)),
    case('DepthToSpace<blocksize=2, mode="CRD">(x)', x=(2, 8, 2, 3)),
    case("SpaceToDepth<blocksize=2>(x)", x=(2, 2, 4, 6)),
    case("Resize(x, , s)", x=(1, 2, 3, 4), constants={"s": np.array([1, 1, 2, 2], np.float32)}),
    case(
        'Resize<coordinate_transformation_mode="asymmetric", nearest_mode="floor">(x, , s)',
        x=(1, 2, 3, 4),
        constants={"s": np.array([1, 1, 2, 3], np.float32)},
    ),
    case(
        'Resize<coordinate_transformation_mode="half_pixel">(x, , , s)',
        x=(1, 2, 5, 4),
        constants={"s": i64(1, 2, 3, 7)},
    ),
    case('Resize<mode="linear">(x, , , s)', x=(1, 2, 3, 4), constants={"s": i64(1, 2, 5, 4)}),
    case(
        'Resize<mode="linear", coordinate_transformation_mode="align_corners">(x, , , s)',
        x=(1, 2, 3, 4),
        constants={"s": i64(1, 2, 5, 7)},
    ),
]
# Split writes several outputs; see test_composites. Quantised rules: see test_quantized.
ELSEWHERE = {"Split"}


class Erf(OpRun):
    """In double precision; onnx's own works in single."""

    op_domain = ""

    def _run(self, x):
        return (erf(x),)


class Gelu(OpRun):
    """Likewise."""

    op_domain = ""

    def _run(self, x, approximate=None):
        assert approximate == "none"
        return (x * (1 + erf(x / np.sqrt(2))) / 2,)


def model_of(case: Case, dtype: str) -> onnx.ModelProto:
    """Each input behind an Identity node of its name, so that its cotangent can be asked for."""

    def sizes(name):
        shape = case.inputs[name]
        return [f"{name}{axis}" for axis in range(len(shape))] if case.dynamic else shape

    arguments = ", ".join(
        f"{dtype}[{','.join(map(str, sizes(name)))}] in_{name}" for name in case.inputs
    )
    heads = "\n".join(f"{name} = Identity(in_{name})" for name in case.inputs)
    text = f"{HEADER.format(opset=case.opset)} net ({arguments}) => ({dtype}[] y) " + (
        f"{{ {heads}\n y = {case.node} }}"
    )
    model = onnx.parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    for node in model.graph.node:
        node.name = node.output[0]
        if dtype == "double" and node.op_type == "Cast":
            node.attribute[0].i = onnx.TensorProto.DOUBLE
    for name, values in case.constants.items():
        array = np.asarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float64 if dtype == "double" else np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


def draw(case: Case, seed: int) -> dict[str, np.ndarray]:
    """Distinct values at least 1e-3 apart and away from kinks, in random order."""
    rng = np.random.default_rng(seed)
    count = sum(int(np.prod(shape)) for shape in case.inputs.values())
    grid = np.linspace(case.low, case.high, 3 * count + 7)
    for kink in case.kinks:
        grid = grid[np.abs(grid - kink) > 1e-3]
    values = rng.choice(grid, count, replace=False)
    parts = np.split(values, np.cumsum([int(np.prod(s)) for s in case.inputs.values()])[:-1])
    return {
        f"in_{name}": part.reshape(shape)
        for (name, shape), part in zip(case.inputs.items(), parts, strict=True)
    }


def evaluator(backward, case, single, double):
    """The function that is differentiated, and the step of its central differences."""
    if case.by == "reference":
        reference = ReferenceEvaluator(double, new_ops=[Erf, Gelu])
        return lambda feeds: reference.run(None, feeds)[0], STEP
    model, dtype = (double, np.float64) if case.by == "double" else (single, np.float32)

    def run(feeds):
        given = {name: np.asarray(x, dtype) for name, x in feeds.items()}
        return backward.forward(model, given, ["y"])["y"].astype(np.float64)

    return run, STEP if case.by == "double" else 0.5


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.node}-{case.opset}-{case.dynamic}")
def test_rule(backward, case):
    single, double = (model_of(case, dtype) for dtype in ("float", "double"))
    gradient = backward.build(single, list(case.inputs))
    assert not gradient.unreached
    point = draw(case, seed=len(case.node))
    feeds = {name: values.astype(np.float32) for name, values in point.items()}
    run, step = evaluator(backward, case, single, double)
    y = run(point)
    ours = backward.forward(single, feeds, ["y"])["y"]
    np.testing.assert_allclose(ours, y, rtol=1e-4, atol=1e-5)  # the function that is differentiated
    rng = np.random.default_rng(1)
    cotangent = rng.standard_normal(y.shape)
    found = backward.cotangents(single, gradient, feeds, {"y": cotangent})
    for name in case.inputs:
        key = f"in_{name}"
        assert found[name].shape == point[key].shape
        assert found[name].dtype == np.float32
        for _ in range(DIRECTIONS):
            direction = rng.standard_normal(point[key].shape)
            expected = backward.directional(
                lambda x, key=key: np.vdot(run({**point, key: x}), cotangent),
                point[key],
                direction,
                step,
            )
            got = np.vdot(found[name], direction)
            scale = np.linalg.norm(found[name]) * np.linalg.norm(direction) + np.abs(expected)
            assert abs(got - expected) <= TOLERANCE * max(scale, 1.0), name


def test_every_rule_of_real_values_has_a_case():
    covered = {case.node.partition("(")[0].partition("<")[0] for case in CASES} | ELSEWHERE
    standard = {op for op in RULES if isinstance(op, str)}
    assert standard - covered == {
        "QuantizeLinear",
        "DequantizeLinear",
        "QLinearConv",
        "QLinearMatMul",
    }
