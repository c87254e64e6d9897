"""Static quantisation of the activations alone, around weights that are int8 codes already.

For models whose weights are too large to be computed as floats: onnxruntime's quantiser takes no
others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import onnx
from onnx import helper, numpy_helper

from hawx_onnx.components import Encoding
from hawx_onnx.frontend.data import Split
from hawx_onnx.passes.graph import copy_of
from hawx_onnx.runtime.runner import Runner

Range = tuple[float, float]


def quantize_activations(
    model: onnx.ModelProto,
    split: Split,
    encoding: Encoding,
    batch: int,
    products: Iterable[onnx.NodeProto],
    *,
    symmetric: bool | None = None,
) -> onnx.ModelProto:
    """Puts pairs of QuantizeLinear and DequantizeLinear around products.

    Args:
        model: Float graph whose weights are codes behind DequantizeLinear.
        split: Samples whose least and greatest values set the ranges.
        encoding: Encoding of the multipliers that are to run it.
        batch: Samples of one run, where the model leaves that open.
        products: Nodes of it that are quantised.
        symmetric: Whether zero points are 0; as the encoding's codes ask if None.

    Returns:
        A new model in QDQ form.
    """
    constants = _constants(model)
    nodes = {id(node): node for node in products}
    made = {name for node in nodes.values() for name in node.output}
    read = dict.fromkeys(
        name for node in nodes.values() for name in node.input[:2] if name not in constants
    )
    ranges = _ranges(model, split, list(dict.fromkeys([*read, *sorted(made)])), batch)
    signed = encoding.codes_signed
    writer = _Writer(ranges, signed, signed if symmetric is None else symmetric)
    result = copy_of(model)
    del result.graph.node[:]
    for node in model.graph.node:
        copy = result.graph.node.add()
        copy.CopyFrom(node)
        if id(node) not in nodes:
            continue
        del result.graph.node[-1]
        for place, name in enumerate(copy.input[:2]):
            if name not in constants and name not in made:
                copy.input[place] = writer.before(name)
        copy.output[0] = f"{node.output[0]}.raw"
        writer.behind(copy.output[0], node.output[0])
        first, last = writer.take()
        result.graph.node.extend([*first, copy, *last])
    result.graph.initializer.extend(writer.constants)
    return result


def _constants(model: onnx.ModelProto) -> set[str]:
    """Initializers, and what DequantizeLinear and Cast make of them."""
    known = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("DequantizeLinear", "Cast") and known.issuperset(node.input):
            known.update(node.output)
    return known


def _ranges(
    model: onnx.ModelProto, split: Split, tensors: Collection[str], batch: int
) -> dict[str, Range]:
    """Least and greatest value of tensors over all samples."""
    inputs = {value.name for value in model.graph.input}
    names = [name for name in tensors if name not in inputs]
    runner = Runner(model, arena=False, expose=names)
    found = dict.fromkeys(tensors, (0.0, 0.0))
    for name, values in runner.spec.feeds(split.x).items():
        if name in found:
            found[name] = (min(0.0, float(values.min())), max(0.0, float(values.max())))
    for results in runner.stream(split.x, names, batch=batch):
        for name, values in zip(names, results, strict=True):
            low, high = found[name]
            found[name] = (min(low, float(values.min())), max(high, float(values.max())))
    return found


class _Writer:
    """Makes the pairs, with scales and zero points as initializers."""

    def __init__(self, ranges: dict[str, Range], signed: bool, symmetric: bool) -> None:
        self._ranges, self._signed, self._symmetric = ranges, signed, symmetric
        self.constants: list[onnx.TensorProto] = []
        self._written: dict[str, str] = {}
        self._first: list[onnx.NodeProto] = []
        self._last: list[onnx.NodeProto] = []

    def before(self, name: str) -> str:
        """The rounded form of a tensor that a product reads; made once."""
        if name not in self._written:
            self._written[name] = f"{name}.rounded"
            self._first += self._pair(name, name, self._written[name])
        return self._written[name]

    def behind(self, source: str, target: str) -> None:
        """Rounds what a product writes."""
        self._last += self._pair(target, source, target)

    def take(self) -> tuple[list[onnx.NodeProto], list[onnx.NodeProto]]:
        """Nodes to stand before and behind the product, and forgets them."""
        found = self._first, self._last
        self._first, self._last = [], []
        return found

    def _pair(self, name: str, source: str, target: str) -> list[onnx.NodeProto]:
        scale, zero = self._step(*self._ranges[name])
        names = [f"hawx.{name}.scale", f"hawx.{name}.zero"]
        self.constants += [
            numpy_helper.from_array(value, key)
            for key, value in zip(names, (scale, zero), strict=True)
        ]
        codes = f"hawx.{name}.codes"
        return [
            helper.make_node("QuantizeLinear", [source, *names], [codes], f"{codes}.quantize"),
            helper.make_node("DequantizeLinear", [codes, *names], [target], f"{codes}.dequantize"),
        ]

    def _step(self, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        """Scale and zero point of a range that holds zero."""
        if self._symmetric:
            peak = max(-low, high)
            return np.array(peak / 127 if peak else 1, np.float32), np.array(0, np.int8)
        scale = np.float32((high - low) / 255 if high > low else 1)
        least, kind = (-128, np.int8) if self._signed else (0, np.uint8)
        zero = np.clip(np.rint(-low / scale) + least, least, least + 255)
        return np.array(scale), np.array(zero, kind)
