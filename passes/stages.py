"""Run a network layer by layer, each layer upon what the layers before it have become.

Compensation has to see the operands that a layer gets once the layers before it are compensated.
The graph is cut in front of every layer, and what later parts read is kept for all samples, so that
each node runs once in a walk through the network, whatever the number of layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.frontend.copies import exposed
from hawx_onnx.frontend.graph_checks import tensors_read
from hawx_onnx.frontend.model import batches
from hawx_onnx.frontend.outputs import model_output
from hawx_onnx.passes.approximate import index_input, with_index_inputs
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.graph import TABLES_AT
from hawx_onnx.passes.integer_ops import known_op
from hawx_onnx.passes.open_constants import OPEN, chosen_inputs, close_constants, open_constants
from hawx_onnx.passes.portable import make_runnable
from hawx_onnx.passes.probe import stacked_tables
from hawx_onnx.runtime.model_session import session_of
from hawx_onnx.runtime.runner import Runner, data_input, run
from hawx_onnx.runtime.shared_constants import SharedConstants


@dataclass(frozen=True, eq=False)
class _Part:
    """Nodes of a part of the graph, what it reads, and what later parts read of it."""

    nodes: tuple[onnx.NodeProto, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    session: Any = None


@dataclass(frozen=True, eq=False)
class _Layer:
    """A candidate: the session of its accumulators, and the part of the graph that it begins."""

    candidate: Candidate
    operands: tuple[str, ...]
    sums: Any
    part: _Part
    constants: Mapping[str, np.ndarray]


class Stages:
    """A network cut in front of each candidate: any assignment, bias and weight scale can run.

    Args:
        model: Int8 model.
        candidates: Its candidates, in any order.
        multipliers: Those that assignments may use; index 0 is the exact one.
        threads: Threads within an operator; 0 lets onnxruntime choose.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        multipliers: Sequence[Multiplier],
        threads: int = 0,
    ) -> None:
        self.spec, self.output, self._threads = data_input(model), model_output(model), threads
        channels = {c.name: c.channels for c in candidates}
        tables, factors = stacked_tables(multipliers), stacked_factors(multipliers)
        signed = multipliers[0].encoding.codes_signed
        graph = with_index_inputs(model, tables, channels, factors=factors, signed=signed)
        constants = open_constants(graph, channels)
        self._shared = SharedConstants(graph)
        nodes = graph.graph.node
        cuts = [i for i, node in enumerate(nodes) if node.name in channels]
        bounds = [0, *cuts, len(nodes)]
        parts = _cut(graph, [range(*pair) for pair in itertools.pairwise(bounds)])
        types = _types(graph, [name for part in parts for name in part.outputs], constants)
        self.head, *rest = [self._with_session(graph, part, types) for part in parts]
        by_name = {c.name: c for c in candidates}
        self.layers = tuple(
            self._layer(graph, by_name[nodes[cut].name], nodes[cut], part, types, constants)
            for cut, part in zip(cuts, rest, strict=True)
        )

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates in topological order."""
        return tuple(layer.candidate for layer in self.layers)

    def _with_session(
        self, model: onnx.ModelProto, part: _Part, types: Mapping[str, onnx.ValueInfoProto]
    ) -> _Part:
        session = self._session(model, part, types) if part.nodes else None
        return _Part(part.nodes, part.inputs, part.outputs, session)

    def _layer(
        self,
        model: onnx.ModelProto,
        candidate: Candidate,
        node: onnx.NodeProto,
        part: _Part,
        types: Mapping[str, onnx.ValueInfoProto],
        constants: Mapping[str, np.ndarray],
    ) -> _Layer:
        sums = _sums_of(node)
        stored = {tensor.name for tensor in model.graph.initializer}
        inputs = tuple(dict.fromkeys(name for name in tensors_read(sums) if name not in stored))
        session = self._session(model, _Part((sums,), inputs, (sums.output[0],)), types)
        operands = tuple(name for name in inputs if name != index_input(candidate.name))
        own = {node.input[place]: constants[node.input[place]] for place in OPEN[node.op_type]}
        return _Layer(candidate, operands, session, part, own)

    def _session(
        self, model: onnx.ModelProto, part: _Part, types: Mapping[str, onnx.ValueInfoProto]
    ) -> Any:  # noqa: ANN401 - onnxruntime brings no types
        read = {name for node in part.nodes for name in tensors_read(node)}
        graph = onnx.GraphProto(name="part")
        graph.node.extend(part.nodes)
        graph.input.extend(types[name] for name in part.inputs)
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in part.outputs)
        graph.initializer.extend(t for t in model.graph.initializer if t.name in read)
        alone = onnx.ModelProto(ir_version=model.ir_version, graph=graph)
        alone.opset_import.extend(model.opset_import)
        alone.functions.extend(model.functions)
        return session_of(
            make_runnable(alone),
            threads=self._threads,
            arena=False,
            shared=self._shared.of(graph.initializer),
        )


class Walk:
    """One walk: layer after layer, ``accumulators`` as often as wanted, then ``advance``.

    Memory holds, for all samples, what the parts of the graph still to come read.

    Args:
        stages: The network.
        x: Samples, axis 0 counts them.
    """

    def __init__(self, stages: Stages, x: np.ndarray) -> None:
        self._stages, self._next = stages, 0
        later = [{stages.output}]
        for layer in reversed(stages.layers):
            later.append(later[-1] | set(layer.part.inputs) | set(layer.operands))
        self._later = later[::-1]
        cut = list(batches(x, stages.spec))
        self._values = [stages.spec.feeds(rows) for rows, _ in cut]
        self._counts = [count for _, count in cut]
        self._run(stages.head, {})

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors that are held."""
        return sum(array.nbytes for values in self._values for array in values.values())

    def fork(self) -> Walk:
        """Returns a second walk that goes on from here; both hold the same tensors."""
        other = copy(self)
        other._values = [dict(values) for values in self._values]
        return other

    def accumulators(self, index: np.ndarray) -> Iterator[np.ndarray]:
        """Sums of products of the next layer, zero points taken off, without bias.

        Args:
            index: Which multiplier each channel uses, int32 [channels].

        Yields:
            Batch by batch, int32 [samples, channels, ...] of a convolution, [..., channels] of a
            product.
        """
        layer = self._stages.layers[self._next]
        for values, count in zip(self._values, self._counts, strict=True):
            feeds = {name: values[name] for name in layer.operands}
            feeds[index_input(layer.candidate.name)] = index
            (sums,) = run(layer.sums, None, feeds)
            yield sums[:count]

    def advance(self, index: np.ndarray, constants: Mapping[int, np.ndarray] | None = None) -> None:
        """Runs the next layer, and the nodes between it and the one behind it.

        Args:
            index: Which multiplier each channel uses, int32 [channels].
            constants: Place among the layer's inputs (``BIAS``, ``W_SCALE``; others are passed
                over) -> values in place of the model's own.
        """
        layer = self._stages.layers[self._next]
        name = layer.candidate.name
        feeds = {**layer.constants, index_input(name): index}
        feeds.update(chosen_inputs({name: constants or {}}, layer.constants))
        self._next += 1
        self._run(layer.part, feeds)

    def outputs(self) -> np.ndarray:
        """Outputs of the network, once all layers are through: [samples, ...]."""
        parts = zip(self._values, self._counts, strict=True)
        return np.concatenate([values[self._stages.output][:count] for values, count in parts])

    def _run(self, part: _Part, feeds: Mapping[str, np.ndarray]) -> None:
        for values in self._values:
            if part.session is not None:
                given = {name: values[name] for name in part.inputs if name in values}
                results = run(part.session, part.outputs, {**given, **feeds})
                values.update(zip(part.outputs, results, strict=True))
            for name in values.keys() - self._later[self._next]:
                del values[name]


def _types(
    model: onnx.ModelProto, tensors: Sequence[str], constants: Mapping[str, np.ndarray]
) -> dict[str, onnx.ValueInfoProto]:
    """Types of tensors as onnxruntime has them, and those of the graph's inputs."""
    types = {value.name: value for value in model.graph.input}
    whole = close_constants(exposed(model, tensors), constants)
    return {**types, **Runner(whole, threads=1).types()}


def _cut(model: onnx.ModelProto, spans: Sequence[range]) -> list[_Part]:
    """Cuts the nodes into parts.

    A DequantizeLinear is repeated in each part that reads it: codes take a quarter of the memory,
    and the op behind them is run as in the whole graph.
    """
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    dequantizers = {n.output[0]: n for n in graph.node if n.op_type == "DequantizeLinear"}
    parts: list[_Part] = []
    wanted = {model_output(model)}
    for span in reversed(spans):
        own = [graph.node[i] for i in span]
        written = [name for node in own for name in node.output]
        outside = dict.fromkeys(name for node in own for name in tensors_read(node))
        repeated = [dequantizers[n] for n in outside if n in dequantizers and n not in written]
        nodes = (*repeated, *own)
        known = stored.union(written, (node.output[0] for node in repeated))
        inputs = dict.fromkeys(n for node in nodes for n in tensors_read(node) if n not in known)
        parts.append(_Part(nodes, tuple(inputs), tuple(n for n in written if n in wanted)))
        wanted |= set(inputs)
    return parts[::-1]


def _sums_of(node: onnx.NodeProto) -> onnx.NodeProto:
    """The integer operator that gives the accumulators of a layer."""
    known = known_op(node.op_type)
    sums = onnx.NodeProto(name=node.name, op_type=known.sums, domain=node.domain)
    sums.input.extend(
        [*(node.input[place] for place in known.places), *node.input[TABLES_AT[node.op_type] :]]
    )
    sums.output.append(f"{node.name}.sums")
    sums.attribute.extend(node.attribute)
    return sums
