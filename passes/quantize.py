"""Quantise a float graph to int8 in QDQ form, with onnxruntime's static quantiser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx

from hawx_onnx.components import Encoding
from hawx_onnx.errors import ConfigError, DataError, ModelError
from hawx_onnx.exclusion import excluded
from hawx_onnx.frontend.data import Split
from hawx_onnx.frontend.external_data import keeps_codes
from hawx_onnx.frontend.model import DEFAULT_BATCH, batches, model_input
from hawx_onnx.passes.base import LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.graph import copy_of, keep_identity
from hawx_onnx.passes.guard_float import guard_float_layers
from hawx_onnx.passes.lower_clamp import drop_requantization_before_clamp
from hawx_onnx.passes.mask_sums import mask_sums
from hawx_onnx.passes.quantize_activations import quantize_activations
from hawx_onnx.passes.quantize_dynamic import quantize_dynamic
from hawx_onnx.passes.quiet_quantizer import quiet_quantizer
from hawx_onnx.passes.run_memory import fitting_batch, tensor_bytes
from hawx_onnx.scratch import scratch_folder

# Operators whose int8 form is worth having; the others (Softmax, LayerNormalization, ...) cost
# accuracy and hold no multiplications that an approximate multiplier could take over.
QUANTIZED_OPS = (
    "Add",
    "AveragePool",
    "Clip",
    "Concat",
    "Conv",
    "Flatten",
    "GlobalAveragePool",
    "MatMul",
    "MaxPool",
    "Pad",
    "Relu",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)
# Operators of a canonical graph whose products multipliers take over.
PRODUCTS = ("Conv", "MatMul", "Gemm")
# How codes of activations that two's complement multipliers read lie around zero.
SYMMETRIC, ASYMMETRIC = ACTIVATIONS = ("symmetric", "asymmetric")
# How ranges of activations are found -> onnxruntime's name for it.
CALIBRATIONS = {"minmax": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}


class Quantize(Pass):
    """Static quantisation: per-channel weights, codes as the multipliers' encoding needs them.

    ``signed`` and ``sign_magnitude`` multipliers take two's complement int8 codes, symmetric for
    weights and, unless ``activations`` says otherwise, for activations (zero points 0);
    ``unsigned`` ones take uint8 codes, asymmetric for activations, the middle of the codes as the
    weights' zero point. A graph that holds QuantizeLinear or QLinear nodes already is left as it
    is.

    Args:
        encoding: Encoding of the multipliers.
        memory_limit: Bytes that the process may hold; None for any number.
        calibration: How ranges of activations follow from the samples, of ``CALIBRATIONS``.
        keep_float: Names or patterns of products that stay in floating point.
        activations: Of ``ACTIVATIONS``; unsigned codes are always asymmetric.
        dynamic: Let the ranges of activations be found at run time, in place of ``calibration``.
    """

    name = "quantize"

    def __init__(
        self,
        encoding: Encoding,
        memory_limit: int | None = None,
        calibration: str = "minmax",
        keep_float: Sequence[str] = (),
        activations: str = SYMMETRIC,
        *,
        dynamic: bool = False,
    ) -> None:
        self.dynamic = dynamic
        self.encoding = encoding
        self.memory_limit = memory_limit
        self.calibration = calibration
        self.keep_float = tuple(keep_float)
        self.symmetric = encoding.codes_signed and activations == SYMMETRIC

    def requires(self, state: PassState) -> None:
        """There are calibration samples, unless the graph is quantised already."""
        needed = not self.dynamic and not is_quantized(state.model)
        if (needed or has_codes_alone(state.model)) and (
            state.dataset is None or len(state.dataset.calibration) == 0
        ):
            raise DataError("there are no calibration samples", where="data", mend="give --data")

    def call(self, state: PassState) -> PassResult:
        """Runs the quantiser over the calibration split."""
        codes = has_codes_alone(state.model)
        if is_quantized(state.model) and not codes:
            note = LeftAlone("", "", "the graph is quantised already")
            return PassResult(state, False, (note,))
        assert state.dataset is not None
        split = state.dataset.calibration
        products = [node for node in state.model.graph.node if node.op_type in PRODUCTS]
        rows = excluded([node.name for node in products], self.keep_float, "--keep-float")
        left = [products[row] for row in sorted(rows)]
        batch = self._batch(state.model, split.x)
        notes = tuple(LeftAlone(n.name, n.op_type, "--keep-float names it") for n in left)
        if codes:
            chosen = [node for row, node in enumerate(products) if row not in rows]
            model = self._around_codes(state.model, split, batch, chosen)
            return PassResult(state.replace(model=model), True, notes)
        if self.dynamic:
            model = quantize_dynamic(state.model, [node.name for node in left])
            return PassResult(state.replace(model=model), True, notes)
        if self.calibration != "minmax":
            held = self._held(state.model, split.x)
            # onnxruntime stacks batches for histograms: all have one size.
            whole = held - held % batch if held > batch else held
            split = Split(split.name, split.x[:whole], None)
        model = quantize_static(
            state.model,
            split,
            self.encoding,
            batch,
            calibration=self.calibration,
            symmetric=self.symmetric,
            keep_float=[node.name for node in left],
        )
        return PassResult(state.replace(model=model, float_model=state.model), True, notes)

    def _around_codes(
        self, model: onnx.ModelProto, split: Split, batch: int, products: list[onnx.NodeProto]
    ) -> onnx.ModelProto:
        """Quantises the activations of a model whose weights are codes too large for floats."""
        for where, given, default in (
            ("--calibration", self.calibration, "minmax"),
            ("--quantization", "dynamic" if self.dynamic else "static", "static"),
        ):
            if given != default:
                raise ConfigError(
                    f"{given} is not to be had for weights that are too large as floats",
                    where=where,
                    mend=f"leave it at {default}",
                )
        return quantize_activations(
            model, split, self.encoding, batch, products, symmetric=self.symmetric
        )

    def _held(self, model: onnx.ModelProto, x: np.ndarray) -> int:
        """Samples whose activations fit all at once: histograms are made of them together."""
        if self.memory_limit is None:
            return len(x)
        sizes, rows = tensor_bytes(model, x)
        each = sum(sizes.values()) / rows
        return fitting_batch(self.memory_limit, each, least=rows, most=len(x))

    def _batch(self, model: onnx.ModelProto, x: np.ndarray) -> int:
        """Samples of a batch whose activations fit."""
        if self.memory_limit is None:
            return DEFAULT_BATCH
        sizes, rows = tensor_bytes(model, x)
        # The quantiser looks for the extremes of all tensors, mostly after the last of them.
        return fitting_batch(self.memory_limit, 1.25 * sum(sizes.values()) / rows, least=rows)

    def ensures(self, before: PassState, after: PassState) -> None:
        """Something was quantised."""
        if not is_quantized(after.model):
            raise ModelError(
                "nothing in the graph can be quantised: it has no Conv, MatMul or Gemm",
                where="model",
                mend="approximate multipliers replace the products of these operators only",
            )


def is_quantized(model: onnx.ModelProto) -> bool:
    """Whether a graph holds quantised operators already."""
    return any(
        node.op_type in ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
        or node.op_type.startswith("QLinear")
        for node in model.graph.node
    )


def has_codes_alone(model: onnx.ModelProto) -> bool:
    """Whether weights are codes that were too large to be computed, and activations floats."""
    ops = {node.op_type for node in model.graph.node}
    static = "QuantizeLinear" in ops or any(op.startswith("QLinear") for op in ops)
    return not static and keeps_codes(model)


class _Reader:
    """Feeds the calibration split to onnxruntime's quantiser, one batch at a time."""

    def __init__(self, model: onnx.ModelProto, split: Split, batch: int) -> None:
        spec = model_input(model)
        self._feeds = spec.feeds
        self._batches: Iterator[np.ndarray] = (x for x, _ in batches(split.x, spec, batch))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else self._feeds(batch)


def _whole_stacks(model: onnx.ModelProto) -> dict[str, list[dict[str, bool]]]:
    """Quantises stacks of MatMul weights as a whole: QLinearMatMul takes no scales per column."""
    ranks = {tensor.name: len(tensor.dims) for tensor in model.graph.initializer}
    return {
        node.input[1]: [{"symmetric": True}]
        for node in model.graph.node
        if node.op_type == "MatMul" and ranks.get(node.input[1], 0) > 2
    }


def quantize_static(
    model: onnx.ModelProto,
    split: Split,
    encoding: Encoding,
    batch: int = DEFAULT_BATCH,
    *,
    calibration: str = "minmax",
    symmetric: bool | None = None,
    keep_float: Sequence[str] = (),
) -> onnx.ModelProto:
    """Quantises a canonical float model.

    Args:
        model: Float graph, opset 13 or newer.
        split: Samples that set the ranges of the activations.
        encoding: Encoding of the multipliers that are to run it.
        batch: Samples of one run, where the model leaves that open.
        calibration: Of ``CALIBRATIONS``.
        symmetric: Whether zero points of activations are 0; as the encoding's codes ask if None.
        keep_float: Names of nodes that stay in floating point.

    Returns:
        A new model in QDQ form.

    Raises:
        ModelError: onnxruntime's quantiser cannot treat the graph.
    """
    from onnxruntime import quantization as ortq

    symmetric = encoding.codes_signed if symmetric is None else symmetric
    code = ortq.QuantType.QInt8 if encoding.codes_signed else ortq.QuantType.QUInt8
    with scratch_folder() as folder, quiet_quantizer():
        target = folder / "quantized.onnx"
        try:
            ortq.quantize_static(
                copy_of(model),  # the quantiser moves the weights of its argument to files
                target,
                _Reader(model, split, batch),
                quant_format=ortq.QuantFormat.QDQ,
                calibrate_method=getattr(ortq.CalibrationMethod, CALIBRATIONS[calibration]),
                nodes_to_exclude=[*keep_float, *mask_sums(model)],
                op_types_to_quantize=list(QUANTIZED_OPS),
                per_channel=True,
                activation_type=code,
                weight_type=code,
                extra_options={
                    "ActivationSymmetric": symmetric,
                    "WeightSymmetric": True,
                    "TensorQuantOverrides": _whole_stacks(model),
                },
            )
        except Exception as error:
            raise ModelError(
                f"static quantisation failed: {str(error).splitlines()[0][:300]}",
                where="model",
                mend="quantise it with your own tool and give the QDQ model",
            ) from error
        result = onnx.load(target)
    keep_identity(result, model)
    result = drop_requantization_before_clamp(result)
    return guard_float_layers(result, keep_float) if keep_float else result
