"""The model as gradient rules see it: nodes, constants, types and shapes of all tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from hawx_onnx.frontend.graph_checks import tensors_read
from hawx_onnx.passes.gradient.node import Node, NoRule, Shape
from hawx_onnx.passes.gradient.shapes import types_of
from hawx_onnx.passes.graph import HAWX_DOMAIN, TABLES_AT, copy_of
from hawx_onnx.passes.integer_ops import EXACT_OP

CODES = (np.dtype(np.int8), np.dtype(np.uint8))
_STANDARD = ("", "ai.onnx")
_IR_VERSION = 8
_RANDOM = ("Random", "Bernoulli", "Multinomial")
# Operators that hand codes on with the scale that they have, and where others have theirs.
_MOVING = frozenset(
    {
        "Clip", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Pad", "Relu",
        "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
_SCALE_AT = {
    "QuantizeLinear": 1,
    "QLinearConv": 6,
    "QLinearMatMul": 6,
    "QLinearAdd": 6,
    "QLinearMul": 6,
    "QLinearConcat": 0,
    "QLinearGlobalAveragePool": 3,
    "QGemm": 7,
}


class Source:
    """A model with its ai.hawx operators read as their exact counterparts.

    Args:
        model: The model; it is not edited.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = _exact(model)
        graph = self.model.graph
        self.opsets = {_domain(e.domain): e.version for e in model.opset_import}
        self._values: dict[str, np.ndarray | None] = {}
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {name: node for node in graph.node for name in node.output if name}
        self._types = types_of(self.model)
        self._sizes: dict[str, np.ndarray] = {}
        self._find_varying()
        self.nodes = [self._node(index, node) for index, node in enumerate(graph.node)]
        self._nodes_by_output = {name: node for node in self.nodes for name in node.outputs}

    def _node(self, index: int, node: onnx.NodeProto) -> Node:
        domain = _domain(node.domain)
        own = list(node.input)
        outer = [name for name in dict.fromkeys(tensors_read(node)) if name not in own]
        attributes = {a.name: _plain(onnx.helper.get_attribute_value(a)) for a in node.attribute}
        return Node(
            node.name or f"{node.op_type} number {index + 1}",
            domain,
            node.op_type,
            (*own, *outer),
            tuple(node.output),
            attributes,
            self.opsets.get(domain, 1),
        )

    def maker(self, tensor: str) -> Node | None:
        """The node that writes a tensor; None for inputs and initializers."""
        return self._nodes_by_output.get(tensor)

    def scale_of(self, tensor: str) -> np.ndarray | None:
        """The scale that a tensor of codes was written with; None where it is not known."""
        node = self.maker(tensor)
        while node is not None and node.op in _MOVING and not node.domain:
            tensor = node.inputs[0]
            node = self.maker(tensor)
        if node is None or node.op not in _SCALE_AT:
            return None
        return self.constant(node.inputs[_SCALE_AT[node.op]])

    def dtype(self, tensor: str) -> np.dtype[Any] | None:
        """Element type of a tensor; None if it is not known."""
        return self._types[tensor][0] if tensor in self._types else None

    def shape(self, tensor: str) -> Shape | None:
        """Sizes of a tensor: numbers, names of sizes known at run time, None; None if unknown."""
        values = self._values.get(tensor)
        if values is not None:
            return values.shape
        return self._types[tensor][1] if tensor in self._types else None

    def rank(self, tensor: str) -> int:
        """Number of axes of a tensor.

        Raises:
            NoRule: It is not known.
        """
        shape = self.shape(tensor)
        if shape is None:
            raise NoRule(f"the rank of tensor {tensor} is not known")
        return len(shape)

    def sizes(self, tensor: str, start: int = 0) -> list[int]:
        """Sizes of a tensor from an axis on.

        Raises:
            NoRule: One of them is known at run time only.
        """
        shape = self.shape(tensor)
        if shape is None or not all(isinstance(size, int) for size in shape[start:]):
            raise NoRule(f"sizes of tensor {tensor} are known at run time only")
        return [int(size or 0) for size in shape[start:]]

    def is_real(self, tensor: str) -> bool:
        """Whether a tensor holds floating-point values."""
        dtype = self.dtype(tensor)
        return dtype is not None and dtype.kind == "f"

    def is_codes(self, tensor: str) -> bool:
        """Whether a tensor holds 8-bit codes, which stand for real values."""
        return self.dtype(tensor) in CODES

    def constant(self, tensor: str) -> np.ndarray | None:
        """Values of a tensor that no input of the graph reaches; None for others."""
        if tensor not in self._values:
            self._values[tensor] = None if tensor in self._varying else self._compute(tensor)
        return self._values[tensor]

    def known(self, tensor: str, what: str) -> np.ndarray:
        """Values of a constant tensor.

        Raises:
            NoRule: They are computed at run time; the text calls them ``what``.
        """
        values = self.constant(tensor)
        if values is None:
            raise NoRule(f"its {what} is computed at run time")
        return values

    def _find_varying(self) -> None:
        """Tensors that an input of the graph reaches, or chance; sizes that are known do not."""
        found = {v.name for v in self.model.graph.input if v.name not in self._initializers}
        self._varying = found
        for node in self.model.graph.node:
            fixed = node.domain in _STANDARD and not node.op_type.startswith(_RANDOM)
            if not fixed or found.intersection(tensors_read(node)):
                sizes = self._known_sizes(node) if fixed else None
                if sizes is None:
                    found.update(node.output)
                else:
                    self._sizes[node.output[0]] = sizes

    def _known_sizes(self, node: onnx.NodeProto) -> np.ndarray | None:
        """What Shape gives, or a Gather of it, where those sizes do not vary."""
        sizes: Any = None
        if node.op_type == "Shape":
            sizes = self._given_by(node)
        elif node.op_type == "Gather":
            maker, places = self._makers.get(node.input[0]), self.constant(node.input[1])
            if maker is not None and maker.op_type == "Shape" and places is not None:
                shape = self._given_by(maker)
                sizes = None if shape is None else np.array(shape, object)[places]
        if sizes is None or not all(isinstance(size, int) for size in np.ravel(sizes)):
            return None
        return np.asarray(sizes, np.int64)

    def _given_by(self, node: onnx.NodeProto) -> Shape | None:
        """The sizes that a Shape node gives, open ones among them."""
        ends = {a.name: a.i for a in node.attribute}
        shape = self.shape(node.input[0])
        return None if shape is None else shape[ends.get("start") : ends.get("end")]

    def _compute(self, tensor: str) -> np.ndarray | None:
        if tensor in self._initializers:
            return np.asarray(numpy_helper.to_array(self._initializers[tensor]))
        node = self._makers.get(tensor)
        if node is None or tensor in self._sizes:
            return self._sizes.get(tensor)
        feeds = {name: self.constant(name) for name in node.input if name}
        return _run_alone(node, tensor, feeds, self.model.opset_import)


def _run_alone(
    node: onnx.NodeProto,
    tensor: str,
    feeds: Mapping[str, np.ndarray | None],
    opsets: Iterable[onnx.OperatorSetIdProto],
) -> np.ndarray | None:
    """One output of a node whose inputs are constants, by the runtime that runs the model."""
    import onnxruntime as ort

    arrays = {name: values for name, values in feeds.items() if values is not None}
    if len(arrays) < len(feeds):
        return None
    given = [numpy_helper.from_array(values, name) for name, values in arrays.items()]
    output = [onnx.ValueInfoProto(name=tensor)]
    graph = onnx.helper.make_graph([node], "constant", [], output, given)
    standard = [entry for entry in opsets if entry.domain in _STANDARD]
    model = onnx.helper.make_model(graph, opset_imports=standard, ir_version=_IR_VERSION)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return np.asarray(session.run(None, {})[0])
    except Exception:  # what it cannot fold, such as a subgraph, is not of use to any rule
        return None


def _domain(name: str) -> str:
    """A domain by one name: the standard's has two."""
    return "" if name in _STANDARD else name


def _plain(value: Any) -> Any:  # noqa: ANN401 - attributes have many types
    return value.decode() if isinstance(value, bytes) else value


def _exact(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which ai.hawx operators are the exact ones that they stand for."""
    copy = copy_of(model)
    for node in copy.graph.node:
        if node.domain != HAWX_DOMAIN or node.op_type not in TABLES_AT:
            continue
        place = TABLES_AT[node.op_type]
        del node.input[place:]
        node.op_type = EXACT_OP[node.op_type]
        node.domain = ""
        for attribute in [a for a in node.attribute if a.name == "skip_padding"]:
            node.attribute.remove(attribute)
    return copy
