"""Writes the nodes of a backward graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx.passes.gradient.node import NoRule, Shape
from hawx_onnx.passes.gradient.source import Source

OPSET = 18
_IR_VERSION = 8


class Emitter:
    """Collects nodes, constants, and the tensors of the model that the nodes read.

    The same operator on the same tensors is written once.

    Args:
        source: The model that is differentiated.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._constant_names: dict[tuple[object, ...], str] = {}
        self._written: dict[tuple[object, ...], tuple[str, ...]] = {}

    def op(self, op_type: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401
        """Writes a node with one output and returns the output's name.

        Args:
            op_type: An operator of the standard's operator set 18.
            inputs: Names; empty ones for inputs left out.
            attributes: The operator's attributes.
        """
        return self.ops(op_type, *inputs, outputs=1, **attributes)[0]

    def ops(
        self,
        op_type: str,
        *inputs: str,
        outputs: int,
        **attributes: Any,  # noqa: ANN401
    ) -> tuple[str, ...]:
        """The same for a node with several outputs."""
        key = (op_type, inputs, outputs, repr(sorted(attributes.items())))
        if key not in self._written:
            number = len(self._nodes)
            names = tuple(f"gradient/{op_type}_{number}_{place}" for place in range(outputs))
            node = helper.make_node(op_type, inputs, names, f"gradient/{number}", **attributes)
            self._nodes.append(node)
            self._written[key] = names
        return self._written[key]

    def constant(self, values: Any) -> str:  # noqa: ANN401 - whatever numpy takes
        """The name of a constant; floating-point values become float32, Python's ints int64."""
        array = np.asarray(values)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constant_names:
            name = f"gradient/constant_{len(self._constants)}"
            self._constants[name] = numpy_helper.from_array(array, name)
            self._constant_names[key] = name
        return self._constant_names[key]

    def saved(self, tensor: str) -> str:
        """The name under which the backward graph has a tensor of the model, as it stands there.

        Raises:
            NoRule: The tensor's type is not known.
        """
        values = self.source.constant(tensor)
        if values is not None:
            return self.constant(values)
        if self.source.dtype(tensor) is None:
            raise NoRule(f"the type of tensor {tensor} is not known")
        return tensor

    def real(self, tensor: str) -> str:
        """A floating-point tensor of the model as float32.

        Raises:
            NoRule: It holds integers.
        """
        if not self.source.is_real(tensor):
            raise NoRule(f"tensor {tensor} holds no floating-point values")
        name = self.saved(tensor)
        plain = name != tensor or self.source.dtype(tensor) == np.float32
        return name if plain else self.op("Cast", name, to=TensorProto.FLOAT)

    def as_real(self, name: str) -> str:
        """A tensor of the backward graph as float32."""
        return self.op("Cast", name, to=TensorProto.FLOAT)

    def masked(self, cotangent: str, condition: str) -> str:
        """A cotangent where a boolean tensor holds, zero elsewhere.

        A product is six times as fast as onnxruntime's Where over a scalar zero.
        """
        return self.op("Mul", cotangent, self.as_real(condition))

    def shape_of(self, tensor: str) -> str:
        """The sizes of a tensor of the model: int64 [rank]."""
        shape = self.source.shape(tensor)
        if shape is not None and all(isinstance(size, int) for size in shape):
            return self.constant(np.array(shape, np.int64))
        return self.op("Shape", self.saved(tensor))

    def spatial_sizes(self, tensor: str) -> str:
        """The sizes of a tensor of the model without the first two: int64 [rank - 2]."""
        shape = self.source.shape(tensor)
        if shape is not None and all(isinstance(size, int) for size in shape[2:]):
            return self.constant(np.array(shape[2:], np.int64))
        return self.op("Shape", self.saved(tensor), start=2)

    def reshaped(self, cotangent: str, tensor: str, now: str = "") -> str:
        """A cotangent in the shape of a tensor of the model.

        Args:
            cotangent: As many values as ``tensor``.
            tensor: A tensor of the model.
            now: The tensor of the model whose shape the cotangent has, where there is one.
        """
        target, present = self.source.shape(tensor), self.source.shape(now)
        if target is None:
            return self.op("Reshape", cotangent, self.shape_of(tensor))
        sizes = [_size(place, size, present) for place, size in enumerate(target)]
        if sizes.count(-1) > 1 or 0 in target:
            return self.op("Reshape", cotangent, self.shape_of(tensor))
        return self.op("Reshape", cotangent, self.constant(np.array(sizes, np.int64)))

    def summed(self, cotangent: str, tensor: str, result: str) -> str:
        """Undoes broadcasting: sums a cotangent over the axes along which a tensor was repeated.

        Args:
            cotangent: In the shape of ``result``.
            tensor: A tensor of the model that was broadcast.
            result: The tensor of the model that it was broadcast to.
        """
        large = self.source.shape(result)
        if large is None:
            raise NoRule(f"the rank of tensor {result} is not known")
        return self.summed_from(large, cotangent, tensor)

    def summed_from(self, large: Shape, cotangent: str, tensor: str) -> str:
        """The same for a cotangent of a given shape."""
        small = self.source.shape(tensor)
        if small is None:
            raise NoRule(f"the rank of tensor {tensor} is not known")
        extra = len(large) - len(small)
        axes, open_axes = _repeated(small, large[extra:])
        if open_axes:
            return self._summed_at_run_time(cotangent, tensor, extra)
        if axes:
            given = self.constant(np.array([axis + extra for axis in axes], np.int64))
            cotangent = self.op("ReduceSum", cotangent, given, keepdims=1)
        if extra:
            given = self.constant(np.arange(extra, dtype=np.int64))
            cotangent = self.op("ReduceSum", cotangent, given, keepdims=0)
        return cotangent

    def _summed_at_run_time(self, cotangent: str, tensor: str, extra: int) -> str:
        shape = self.shape_of(tensor)
        ones = self.constant(np.ones(extra, np.int64))
        aligned = self.op("Concat", ones, shape, axis=0)
        differs = self.op("Not", self.op("Equal", aligned, self.op("Shape", cotangent)))
        axes = self.op("Reshape", self.op("NonZero", differs), self.constant(np.array([-1])))
        total = self.op("ReduceSum", cotangent, axes, keepdims=1, noop_with_empty_axes=1)
        return self.op("Reshape", total, shape)

    def model(self, outputs: dict[str, tuple[str, str]], inputs: dict[str, str]) -> onnx.ModelProto:
        """The backward graph, without the nodes that no output needs.

        Args:
            outputs: Name of the output -> the tensor of the model whose cotangent it is, and the
                name of that cotangent.
            inputs: Cotangents that the graph takes -> the tensors of the model they belong to.
        """
        nodes = live(_handed_out(self._nodes, outputs, set(inputs)), set(outputs))
        read = dict.fromkeys(name for node in nodes for name in node.input if name)
        written = {name for node in nodes for name in node.output}
        shape = self.source.shape
        values = [_value(n, TensorProto.FLOAT, shape(tensor)) for n, tensor in inputs.items()]
        for name in read:
            if name not in written and name not in inputs and name not in self._constants:
                dtype = helper.np_dtype_to_tensor_dtype(self.source.dtype(name))
                values.append(_value(name, dtype, shape(name)))
        graph = helper.make_graph(
            nodes,
            "gradient",
            values,
            [_value(n, TensorProto.FLOAT, shape(tensor)) for n, (tensor, _) in outputs.items()],
            [tensor for name, tensor in self._constants.items() if name in read],
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)


def _size(place: int, size: int | str | None, present: Shape | None) -> int:
    """A size for Reshape: the number, 0 to keep the size at its place, or -1 for the rest."""
    if isinstance(size, int):
        return size
    keeps = present is not None and place < len(present) and present[place] == size
    return 0 if keeps and size is not None else -1


def _repeated(small: Shape, large: Shape) -> tuple[list[int], list[int]]:
    """Axes along which the smaller shape is repeated, and those where only a run tells."""
    axes, open_axes = [], []
    for axis, (own, other) in enumerate(zip(small, large, strict=True)):
        if own == 1 and other != 1:
            axes.append(axis)
        elif not isinstance(own, int) and other != 1 and (own is None or own != other):
            open_axes.append(axis)
    return axes, open_axes


def _handed_out(
    nodes: list[onnx.NodeProto], outputs: dict[str, tuple[str, str]], inputs: set[str]
) -> list[onnx.NodeProto]:
    """Nodes that write outputs under their names; a copy where one tensor has several names."""
    renamed: dict[str, str] = {}
    ends = []
    for output, (_, name) in outputs.items():
        if name in inputs or name in renamed:
            source = renamed.get(name, name)
            ends.append(helper.make_node("Identity", [source], [output], f"gradient/{output}"))
        else:
            renamed[name] = output
    result = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for names in (copy.input, copy.output):
            names[:] = [renamed.get(name, name) for name in names]
        result.append(copy)
    return result + ends


def live(nodes: list[onnx.NodeProto], wanted: set[str]) -> list[onnx.NodeProto]:
    """The nodes that wanted tensors depend on, in order."""
    needed = set(wanted)
    keep = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            keep.append(node)
    return keep[::-1]


def _value(name: str, dtype: int, shape: Shape | None) -> onnx.ValueInfoProto:
    sizes = None if shape is None else [s if isinstance(s, int) else None for s in shape]
    return helper.make_tensor_value_info(name, dtype, sizes)
