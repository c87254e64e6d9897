"""The model under check, with what several rules look at, each found once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx

from hawx_onnx.errors import ModelError
from hawx_onnx.frontend.model import load_model
from hawx_onnx.passes.graph import HAWX_DOMAIN, TABLES_AT, table_index_of
from hawx_onnx.settings import Settings


@dataclass(frozen=True, eq=False)
class ApproximateNode:
    """A node of the domain ai.hawx.

    Attributes:
        name: Its name, or that of its output where it has none.
        op: Its operator.
        hashes: The content hash of the table of each output channel; None where the tables are no
            constants of the main graph, so that the file alone does not tell them.
        why: Why they are not told.
    """

    name: str
    op: str
    hashes: tuple[str, ...] | None
    why: str = ""


class Subject:
    """A model under check.

    Args:
        path: The ONNX file.
        settings: ``data``, ``library``, ``target``, ``seed``, ``jobs`` and their like.

    Raises:
        ModelError: It cannot be read.
    """

    def __init__(self, path: str | Path, settings: Settings) -> None:
        self.path = str(path)
        self.settings = settings
        self.model = load_model(path)
        self.sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()

    @cached_property
    def content(self) -> str:
        """Hex sha256 of what the model computes: two files of one network share it."""
        return content_hash(self.model)

    @cached_property
    def nodes(self) -> tuple[ApproximateNode, ...]:
        """The ai.hawx nodes, wherever they lie."""
        main = _constants(self.model.graph)
        found = []
        for node, place in all_nodes(self.model):
            if node.domain == HAWX_DOMAIN:
                found.append(_approximate(node, main, place))
        return tuple(found)

    def require_nodes(self) -> tuple[ApproximateNode, ...]:
        """The ai.hawx nodes; a rule on them says nothing where there are none.

        Raises:
            ModelError: There is none.
        """
        if not self.nodes:
            raise ModelError(
                "holds no ai.hawx node, so that there is nothing to check",
                where=self.path,
                mend="give a model that `hawx-onnx optimize` or `apply` wrote",
            )
        return self.nodes


def content_hash(model: onnx.ModelProto) -> str:
    """Hex sha256 over a model without metadata, producer and documentation."""
    digest = hashlib.sha256()
    # Part by part: weights may be larger than a protobuf can be.
    for tensor in model.graph.initializer:
        digest.update(tensor.SerializeToString(deterministic=True))
    bare = onnx.ModelProto(ir_version=model.ir_version)
    bare.opset_import.extend(model.opset_import)
    bare.functions.extend(model.functions)
    for name in ("node", "input", "output", "sparse_initializer", "quantization_annotation"):
        getattr(bare.graph, name).extend(getattr(model.graph, name))
    for node in bare.graph.node:
        node.ClearField("doc_string")
    digest.update(bare.SerializeToString(deterministic=True))
    return digest.hexdigest()


def all_nodes(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, str]]:
    """Every node with the place that it lies in; empty for the main graph.

    The bodies of ai.hawx operators are left out: they say what these compute.
    """
    yield from _nodes(model.graph.node, "")
    for function in model.functions:
        if function.domain != HAWX_DOMAIN:
            yield from _nodes(function.node, f"function {function.name}")


def _nodes(nodes: object, place: str) -> Iterator[tuple[onnx.NodeProto, str]]:
    waiting = [(node, place) for node in nodes][::-1]  # type: ignore[attr-defined]
    while waiting:
        node, where = waiting.pop()
        yield node, where
        for attribute in node.attribute:
            graphs = [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
            inner = where or f"a subgraph of {name_of(node)}"
            waiting += [(one, inner) for graph in graphs for one in graph.node][::-1]


def name_of(node: onnx.NodeProto) -> str:
    """The name of a node, or that of its first output."""
    return str(node.name or next(iter(node.output), "") or node.op_type)


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Initializers that no caller can replace."""
    open_names = {value.name for value in graph.input}
    return {t.name: t for t in graph.initializer if t.name not in open_names}


def _approximate(
    node: onnx.NodeProto, main: dict[str, onnx.TensorProto], place: str
) -> ApproximateNode:
    name = name_of(node)
    if place:
        return ApproximateNode(name, node.op_type, None, f"it lies in {place}")
    if node.op_type not in TABLES_AT or len(node.input) <= TABLES_AT[node.op_type] + 1:
        return ApproximateNode(name, node.op_type, None, "it has no tables")
    tables = main.get(node.input[TABLES_AT[node.op_type]])
    index = main.get(table_index_of(node))
    if tables is None or index is None:
        why = "its tables are chosen at run time"
        return ApproximateNode(name, node.op_type, None, why)
    hashes = _hashes(tables)
    chosen = onnx.numpy_helper.to_array(index).ravel()
    if not chosen.size or chosen.min() < 0 or chosen.max() >= len(hashes):
        why = "its table indices are out of range"
        return ApproximateNode(name, node.op_type, None, why)
    return ApproximateNode(name, node.op_type, tuple(hashes[i] for i in chosen.tolist()))


def _hashes(tables: onnx.TensorProto) -> list[str]:
    """Content hash of each table, as multipliers have it."""
    stack = np.asarray(onnx.numpy_helper.to_array(tables))
    if stack.ndim != 3 or stack.shape[1:] != (256, 256) or stack.dtype != np.int32:
        return []
    return [hashlib.sha256(table.astype("<i4").tobytes()).hexdigest() for table in stack]
