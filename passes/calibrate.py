"""Histograms of the activation codes that each candidate node really sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.model import DEFAULT_BATCH
from hawx_onnx.passes.base import Candidate, Pass, PassResult, PassState
from hawx_onnx.passes.code_counts import TapCounter, histogram
from hawx_onnx.passes.exact_form import exact_form
from hawx_onnx.passes.integer_ops import INTEGER_OPS, as_codes, convolves
from hawx_onnx.passes.operand_samples import TraceSampler
from hawx_onnx.passes.run_memory import fitting_batch, live_bytes, tensor_bytes
from hawx_onnx.passes.taps import taps_of
from hawx_onnx.runtime.runner import Runner


class Calibrate(Pass):
    """Counts activation codes per input channel over the calibration split, batch by batch.

    Of convolutions the codes that each tap of the kernel reads are counted: near borders they
    differ, and padding is read by outer taps alone. The histograms are indexed by bit pattern, as
    the truth tables are. Of some samples, windows are kept as they are. Memory is one batch of
    activations, the counts and these windows, whatever the number of samples.

    Args:
        threads: Threads within an operator.
        memory_limit: Bytes that the process may hold; None for any number.
    """

    name = "calibrate"

    def __init__(self, threads: int = 0, memory_limit: int | None = None) -> None:
        self.threads = threads
        self.memory_limit = memory_limit

    def requires(self, state: PassState) -> None:
        """There are calibration samples."""
        if state.dataset is None or len(state.dataset.calibration) == 0:
            raise DataError("there are no calibration samples", where="data", mend="give --data")

    def call(self, state: PassState) -> PassResult:
        """Streams the calibration split through the int8 model."""
        assert state.dataset is not None
        samples = state.dataset.calibration.x
        wanted, convolutions = _wanted(state), _convolutions(state)
        signed = state.multipliers[0].encoding.codes_signed
        read = [name for reader in convolutions.values() for name in reader.tensors]
        names = list(dict.fromkeys([*wanted.values(), *read]))
        runner = Runner(exact_form(state), threads=self.threads, expose=names)
        rows: dict[str, np.ndarray] = {}
        counters: dict[_Reader, TapCounter] = {}
        samplers = _samplers(state, len(samples))
        for results in runner.stream(samples, names, batch=self._batch(state, samples, names)):
            codes = {
                name: as_codes(array, signed) for name, array in zip(names, results, strict=True)
            }
            for tensor in dict.fromkeys(wanted.values()):
                rows[tensor] = rows.get(tensor, 0) + histogram(codes[tensor], -1)
            for reader in dict.fromkeys(convolutions.values()):
                if reader not in counters:
                    counters[reader] = reader.counter(codes[reader.tensor].shape, len(samples))
                counters[reader].add(codes[reader.tensor], codes.get(reader.zero))
            for sampler, operands in samplers.values():
                first, second, zero = operands
                sampler.add(codes[first], codes.get(second), codes.get(zero))
            del results, codes  # not held while the next batch is run
        taps = {name: counters[reader].result() for name, reader in convolutions.items()}
        histograms = {name: counts.histogram() for name, counts in taps.items()}
        histograms |= {key: rows[tensor] for key, tensor in wanted.items()}
        ordered = {key: histograms[key] for key in _keys(state, histograms)}
        traces = {name: sampler.result() for name, (sampler, _) in samplers.items()}
        return PassResult(state.replace(histograms=ordered, tap_counts=taps, traces=traces), False)

    def _batch(self, state: PassState, x: np.ndarray, names: list[str]) -> int:
        """Samples of a batch whose activations, and the places of their counts, fit."""
        if self.memory_limit is None:
            return DEFAULT_BATCH
        sizes, rows = tensor_bytes(state.model, x, self.threads)
        each = live_bytes(state.model, sizes, names) + 17 * max(sizes[name] for name in names)
        return fitting_batch(self.memory_limit, each / rows, least=rows)


@dataclass(frozen=True)
class _Reader:
    """A convolution as far as it decides what its taps read; equal ones share their counts."""

    tensor: str
    zero: str
    padding: int
    kernel: tuple[int, ...]
    attributes: bytes

    @property
    def tensors(self) -> tuple[str, ...]:
        """What has to be read: the codes, and their zero point where it is no constant."""
        return (self.tensor, self.zero) if self.zero else (self.tensor,)

    def counter(self, shape: tuple[int, ...], samples: int) -> TapCounter:
        node = onnx.NodeProto.FromString(self.attributes)
        taps = taps_of(node, shape[2:], self.kernel)
        return TapCounter(taps, shape[1], samples, self.padding)


# What samples operands, and where the codes, the second operand and the zero point are read.
Sampled = tuple[TraceSampler, tuple[str, str, str]]


def _samplers(state: PassState, samples: int) -> dict[str, Sampled]:
    """Candidate -> what takes samples of its operands; constants are read nowhere."""
    constants = {tensor.name: tensor for tensor in state.model.graph.initializer}
    nodes = {node.name: node for node in state.model.graph.node}
    signed = state.multipliers[0].encoding.codes_signed
    result = {}
    for candidate in state.candidates:
        node = nodes[candidate.name]
        sampler = TraceSampler(candidate, node, constants, samples, signed)
        first, second = operand_tensors(state.model, candidate)
        zero = zero_point(state, candidate)[0] if convolves(candidate.kind) else ""
        result[candidate.name] = sampler, (first, "" if second in constants else second, zero)
    return result


def second_operand(candidate: str) -> str:
    """Key of the histogram of a MatMul's second operand, where that is no constant."""
    return f"{candidate}:second"


def _keys(state: PassState, found: Mapping[str, object]) -> list[str]:
    keys = [key for c in state.candidates for key in (c.name, second_operand(c.name))]
    return [key for key in keys if key in found]


def _wanted(state: PassState) -> dict[str, str]:
    """Histogram key -> tensor, of the products; their channels are the last axis."""
    constants = {tensor.name for tensor in state.model.graph.initializer}
    wanted = {}
    for candidate in state.candidates:
        if convolves(candidate.kind):
            continue
        first, second = operand_tensors(state.model, candidate)
        wanted[candidate.name] = first
        if second not in constants:
            wanted[second_operand(candidate.name)] = second
    return wanted


def _convolutions(state: PassState) -> dict[str, _Reader]:
    """Candidate -> what its taps read, of the convolutions."""
    nodes = {node.name: node for node in state.model.graph.node}
    dims = {tensor.name: tuple(tensor.dims) for tensor in state.model.graph.initializer}
    readers = {}
    for candidate in state.candidates:
        if convolves(candidate.kind):
            tensor, weights = operand_tensors(state.model, candidate)
            plain = onnx.NodeProto()
            plain.attribute.extend(
                a
                for a in nodes[candidate.name].attribute
                if a.name not in ("group", "kernel_shape")
            )
            geometry = plain.SerializeToString(deterministic=True)
            zero, code = zero_point(state, candidate)
            readers[candidate.name] = _Reader(tensor, zero, code, dims[weights][2:], geometry)
    return readers


def operand_tensors(model: onnx.ModelProto, candidate: Candidate) -> tuple[str, str]:
    """Names of the activation and weight codes that a candidate reads."""
    node = next(n for n in model.graph.node if n.name == candidate.name)
    first, second = (node.input[place] for place in INTEGER_OPS[candidate.kind].operands)
    return first, second


def zero_point(state: PassState, candidate: Candidate) -> tuple[str, int]:
    """The zero point of a candidate's activations.

    Returns:
        The tensor that holds it, where it is computed at run time, else an empty text; and its bit
        pattern as the multipliers' code, 0 where it is not known.
    """
    node = next(n for n in state.model.graph.node if n.name == candidate.name)
    name = node.input[INTEGER_OPS[candidate.kind].activation_zero]
    for tensor in state.model.graph.initializer:
        if tensor.name == name:
            zero = onnx.numpy_helper.to_array(tensor).reshape(-1)[:1]
            signed = state.multipliers[0].encoding.codes_signed
            return "", int(as_codes(zero, signed).view(np.uint8)[0])
    return name, 0
