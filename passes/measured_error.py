"""Accumulated errors as they are: mean and spread over a few samples, by the integer operators.

The closed form takes the products of one sum as independent. They are not: neighbouring pixels
and channels rise and fall together. So the spread is measured, which costs one run of each node
by itself for each multiplier, over few samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx.components import stacked_factors
from hawx_onnx.frontend.copies import exposed
from hawx_onnx.passes.approximate import explicit_attributes
from hawx_onnx.passes.base import Candidate, PassState
from hawx_onnx.passes.exact_form import exact_form
from hawx_onnx.passes.graph import HAWX_DOMAIN
from hawx_onnx.passes.integer_ops import INTEGER_OPS, as_codes, convolves
from hawx_onnx.passes.portable import make_runnable
from hawx_onnx.passes.run_memory import fitting_batch, live_bytes, tensor_bytes
from hawx_onnx.runtime.library import create_session
from hawx_onnx.runtime.runner import Runner, run
from hawx_onnx.runtime.workers import Workers, held

WANTED_SUMS = 8_192
"""Accumulators of a channel that its spread is taken over, if LEAST_SAMPLES do not give more."""
LEAST_SAMPLES = 16


@dataclass(frozen=True, eq=False)
class MeasuredError:
    """Errors of a node's accumulators over some samples.

    Attributes:
        mean: Mean error of each output channel, float64 [multipliers, channels], in products.
        std: Standard deviation, the same shape.
        samples: Samples that they were taken over.
        peak: Largest magnitude of an exact accumulator among them.
    """

    mean: np.ndarray
    std: np.ndarray
    samples: int
    peak: int = 0


class Moments(NamedTuple):
    """Sums over the accumulators of a batch.

    Attributes:
        sums: Accumulators of a channel.
        first: Their errors added up, float64 [T, channels].
        second: The squares of these, likewise.
        peak: Largest magnitude of an exact accumulator.
    """

    sums: int
    first: np.ndarray
    second: np.ndarray
    peak: int


class NodeErrors:
    """Errors of one candidate's accumulators under every multiplier.

    Args:
        state: Int8 model and multipliers, the exact one first.
        candidate: The node.
        threads: Threads within an operator; 0 lets onnxruntime choose.
    """

    def __init__(self, state: PassState, candidate: Candidate, threads: int = 0) -> None:
        self.inputs = tuple(_open_inputs(state.model, candidate))
        self._multipliers, self._candidate = len(state.multipliers), candidate
        self._signed = state.multipliers[0].encoding.codes_signed
        model = _integer_model(state, candidate, self.inputs)
        self._session = create_session(model.SerializeToString(), threads=threads)

    def sums(self, codes: Mapping[str, np.ndarray], multiplier: int) -> np.ndarray:
        """Accumulators [samples..., channels, positions] under one multiplier: int32."""
        feeds: dict[str, Any] = {name: as_codes(codes[name], self._signed) for name in self.inputs}
        feeds["index"] = np.full(self._candidate.channels, multiplier, np.int32)
        (sums,) = run(self._session, None, feeds)
        if convolves(self._candidate.kind):
            return np.asarray(sums.reshape(*sums.shape[:2], -1))
        return np.asarray(sums.reshape(1, -1, sums.shape[-1]).transpose(0, 2, 1))

    def moments(self, codes: Mapping[str, np.ndarray]) -> Moments:
        """What the errors of a batch come to."""
        exact = self.sums(codes, 0)
        first = np.zeros((self._multipliers, exact.shape[1]))
        second = np.zeros_like(first)
        for index in range(1, self._multipliers):
            # Sums wrap at 32 bits, and so does their difference: the error comes out right.
            error = (self.sums(codes, index) - exact).astype(np.float64)
            first[index] = error.sum(axis=(0, 2))
            second[index] = np.square(error, out=error).sum(axis=(0, 2))
        peak = int(np.abs(exact.astype(np.int64)).max(initial=0))
        return Moments(exact.shape[0] * exact.shape[2], first, second, peak)


class ErrorRuns:
    """The exact network over some samples, and its nodes one by one; workers hold one each.

    Args:
        state: Int8 model, candidates, multipliers.
        x: The samples, axis 0 counts them.
        threads: Threads within an operator; 0 lets onnxruntime choose.

    Attributes:
        tensors: Operands of the candidates.
        fixed: Samples of a batch where the model fixes that, else None.
    """

    def __init__(self, state: PassState, x: np.ndarray, threads: int) -> None:
        self._state, self._x, self._threads = state, x, threads
        self._candidates = {c.name: c for c in state.candidates}
        self._nodes: dict[str, NodeErrors] = {}
        read = (name for c in state.candidates for name in _open_inputs(state.model, c))
        self.tensors = list(dict.fromkeys(read))
        self._runner = Runner(exposed(exact_form(state), self.tensors), threads=threads)
        self.fixed = self._runner.spec.shape[0] if self._runner.spec.shape else None
        self._known: tuple[int, dict[str, np.ndarray]] = (-1, {})

    def moments(self, start: int, size: int, names: Sequence[str]) -> list[Moments]:
        """The task: errors of some candidates over one batch."""
        if self._known[0] != start:
            self._known = (-1, {})  # not held while the next batch is run
            rows = self._x[start : start + size]
            (values,) = self._runner.stream(rows, self.tensors, batch=size)
            self._known = (start, dict(zip(self.tensors, values, strict=True)))
        return [self._node(name).moments(self._known[1]) for name in names]

    def make_nodes(self) -> None:
        """Makes the sessions of all nodes, which otherwise are made when they are needed."""
        for name in self._candidates:
            self._node(name)

    def _node(self, name: str) -> NodeErrors:
        if name not in self._nodes:
            self._nodes[name] = NodeErrors(self._state, self._candidates[name], self._threads)
        return self._nodes[name]


def measure_errors(
    state: PassState,
    x: np.ndarray,
    threads: int = 0,
    *,
    wanted: int = WANTED_SUMS,
    least: int = LEAST_SAMPLES,
    memory_limit: int | None = None,
    workers: Workers | None = None,
) -> dict[str, MeasuredError]:
    """Measures the accumulated error of every candidate under every multiplier.

    Args:
        state: Int8 model, candidates, multipliers.
        x: Samples, axis 0 counts them; each node takes as many of the first ones as it needs.
        threads: Threads within an operator; 0 lets onnxruntime choose.
        wanted: Sums of each channel that are enough.
        least: Samples that are taken anyhow.
        memory_limit: Bytes that the process may hold; None for any number.
        workers: Run the samples; this process if None.

    Returns:
        Candidate -> measured error.
    """
    need = {c.name: max(least, -(-wanted // _positions(c))) for c in state.candidates}
    x = x[: max(need.values())]
    make = partial(ErrorRuns, state.bare(), x)
    here = make(threads)
    if workers is None:
        here.make_nodes()  # before it is asked what fits besides
    step = here.fixed or least
    if memory_limit is not None:
        step = _fitting_batch(state, x, here.tensors, memory_limit, step, threads)
    starts = range(0, len(x), step)
    found: dict[str, list[Moments]] = {name: [] for name in need}
    with held(workers, here, make) as runs:
        tasks = [
            (start, step, names)
            for start in starts
            for names in runs.parts([n for n in need if need[n] > start], len(starts))
        ]
        for task, moments in zip(tasks, runs.each(ErrorRuns.moments, tasks), strict=True):
            for name, one in zip(task[2], moments, strict=True):
                found[name].append(one)
    return {name: _merged(parts, min(step * len(parts), len(x))) for name, parts in found.items()}


def _fitting_batch(
    state: PassState, x: np.ndarray, tensors: list[str], limit: int, most: int, threads: int
) -> int:
    """Samples of a batch whose activations and accumulators fit."""
    sizes, rows = tensor_bytes(state.model, x, threads)
    outputs = {node.name: sizes[node.output[0]] for node in state.model.graph.node}
    sums = [outputs[candidate.name] for candidate in state.candidates]
    # Each session keeps its int32 sums; of one node there are two more, and two in float64.
    each = live_bytes(state.model, sizes, tensors) + 4 * sum(sums) + 24 * max(sums)
    return fitting_batch(limit, each / rows, least=rows, most=max(rows, most))


def _positions(candidate: Candidate) -> int:
    return max(1, candidate.workload.output_positions)


def _merged(parts: list[Moments], samples: int) -> MeasuredError:
    count = sum(part.sums for part in parts)
    mean = sum((part.first for part in parts), start=np.zeros(())) / count
    square = sum((part.second for part in parts), start=np.zeros(())) / count
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return MeasuredError(mean, spread, samples, max(part.peak for part in parts))


def _open_inputs(model: onnx.ModelProto, candidate: Candidate) -> list[str]:
    """Operands and zero points that are computed at run time, the activation first."""
    node = next(n for n in model.graph.node if n.name == candidate.name)
    constants = {tensor.name for tensor in model.graph.initializer}
    names = [node.input[place] for place in INTEGER_OPS[candidate.kind].places]
    return [name for name in dict.fromkeys(names) if name not in constants]


def _integer_model(
    state: PassState, candidate: Candidate, inputs: tuple[str, ...]
) -> onnx.ModelProto:
    """A model of one node that gives the candidate's accumulators; ``index`` chooses tables."""
    constants = {tensor.name: tensor for tensor in state.model.graph.initializer}
    node = next(n for n in state.model.graph.node if n.name == candidate.name)
    known, signed = INTEGER_OPS[candidate.kind], state.multipliers[0].encoding.codes_signed
    operands = [node.input[place] for place in known.places]
    arrays = {
        "tables": np.stack([multiplier.table for multiplier in state.multipliers]),
        "factors": stacked_factors(state.multipliers),
    }
    arrays = {name: array for name, array in arrays.items() if len(array)}
    own_arrays = {
        name: as_codes(numpy_helper.to_array(constants[name]), signed)
        for name in operands
        if name in constants
    }
    own = helper.make_node(
        known.sums,
        [*operands, "tables", "index", *(["factors"] if "factors" in arrays else [])],
        ["sums"],
        candidate.name,
        domain=HAWX_DOMAIN,
    )
    if known.convolves:
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        given = {k: v.decode() if isinstance(v, bytes) else v for k, v in given.items()}
        attributes = explicit_attributes(given, constants[node.input[known.weight]].dims[2:])
        own.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
    code = TensorProto.INT8 if signed else TensorProto.UINT8
    graph = helper.make_graph(
        [own],
        "accumulators",
        [helper.make_tensor_value_info(name, code, None) for name in inputs]
        + [helper.make_tensor_value_info("index", TensorProto.INT32, [candidate.channels])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, None)],
        [numpy_helper.from_array(a, name) for name, a in {**arrays, **own_arrays}.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(HAWX_DOMAIN, 1)]
    return make_runnable(helper.make_model(graph, opset_imports=opsets, ir_version=8))
