"""Filter-level effects: what each multiplier in one output channel does to the network's outputs.

Reverse mode gives the derivative of an output direction by all channels of all candidates at once;
its product with a channel's real error field (the custom op's output under the multiplier less the
exact one, on the exact network's activations) is that channel's effect on the direction, to first
order. No channel is run through the rest of the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from hawx_onnx.frontend.copies import exposed
from hawx_onnx.frontend.model import batches
from hawx_onnx.frontend.outputs import are_class_scores, check_rows
from hawx_onnx.passes.approximate import with_tables
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.error_fields import ErrorFields
from hawx_onnx.passes.gradient import build_gradient, split_gradient
from hawx_onnx.passes.graph import initializers
from hawx_onnx.passes.integer_ops import INTEGER_OPS
from hawx_onnx.passes.projection import (
    Layer,
    error_field,
    margin_direction,
    output_directions,
    project,
)
from hawx_onnx.passes.run_memory import fitting_batch
from hawx_onnx.runtime.library import create_session
from hawx_onnx.runtime.runner import Runner, run

MIXED = "the first axis of its output does not count samples"
"""Why a candidate has no effects though a derivative reaches it."""
BATCH = 16
"""Samples at once where memory allows: slopes of more fall out of the processor's caches."""


@dataclass(frozen=True, eq=False)
class FilterEffects:
    """First-order effects of single channels on one batch of samples (B).

    Attributes:
        exact: Outputs of the exact int8 network, [B, values].
        squared: Candidate -> squared change of the outputs, mean over outputs, float64 [T, C, B].
        margin: Candidate -> change of the margin of the true class over the best other one, float32
            [T, C, B]; empty where outputs are no class scores.
    """

    exact: np.ndarray
    squared: Mapping[str, np.ndarray]
    margin: Mapping[str, np.ndarray]


class FilterLevel:
    """Effects of all candidates' channels under all multipliers.

    Args:
        model: Int8 model.
        candidates: Its candidates.
        multipliers: Candidate multipliers as ``tables`` int32 [T, 256, 256]; index 0 is exact.
        factors: ``stacked_factors`` of them, or None.
        output: The output that is scored.
        threads: Threads within an operator.
        biases: Layer -> int32 [T, channels], its biases under each multiplier, or None.
        signed: Whether the multipliers take int8 codes, as of ``with_tables``.

    Attributes:
        reached: Candidates that a derivative reaches; :meth:`effects` leaves out those ``MIXED``.
        unreached: Other candidate -> why not.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        tables: np.ndarray,
        factors: np.ndarray | None,
        output: str,
        threads: int = 0,
        biases: Mapping[str, np.ndarray] | None = None,
        *,
        signed: bool | None = None,
    ) -> None:
        gradient = build_gradient(model, [c.name for c in candidates], [output])
        self.unreached = dict(gradient.unreached)
        self._gradient, self._output = gradient, output
        self._others = [value.name for value in model.graph.output if value.name != output]
        self._multipliers = len(tables)
        reached = [c for c in candidates if c.name in gradient.nodes]
        self._layers: tuple[Layer, ...] = ()
        self.reached, self._apart = tuple(c.name for c in reached), False
        if not reached:
            return
        exact = {c.name: np.zeros(c.channels, np.int32) for c in candidates}
        probe = with_tables(model, tables, exact, factors=factors, signed=signed, portable=False)
        self._layers = tuple(_layer(probe, candidate) for candidate in reached)
        own = {value.name for value in model.graph.input}
        read = [name for layer in self._layers for name in layer.reads]
        written = [layer.output for layer in self._layers]
        self._cached = list(dict.fromkeys((output, *gradient.forward, *read, *written)))
        self._forward = Runner(
            exposed(probe, [name for name in self._cached if name not in own]),
            threads=threads,
        )
        types = self._forward.types()
        self._fields = ErrorFields(probe, reached, types, threads, biases)
        split = split_gradient(gradient)
        self._prepared = list(split.prepared)
        self._prepare, self._backward = (
            create_session(part.SerializeToString(), threads=threads) if part.graph.node else None
            for part in (split.prepare, split.backward)
        )
        self._fixed, self._directed = (
            [value.name for value in part.graph.input] for part in (split.prepare, split.backward)
        )

    def effects(
        self, x: np.ndarray, labels: np.ndarray | None, start: int, size: int
    ) -> FilterEffects:
        """Effects on one batch of samples.

        Args:
            x: All samples, the same in every call.
            labels: True classes, int64 [samples]; without, the exact network's.
            start: Place of the first sample of the batch.
            size: Samples of a batch, the same in every call.
        """
        if not self._apart:
            self._layers, self._apart = self._kept_apart(self._rows(x, 0, size)[0]), True
        rows, count = self._rows(x, start, size)
        told = None if labels is None else labels[start : start + count]
        return self._effects(rows, count, told)

    def _rows(self, x: np.ndarray, start: int, size: int) -> tuple[np.ndarray, int]:
        return next(iter(batches(x[start : start + size], self._forward.spec, size)))

    def fitting_batch(self, x: np.ndarray, limit: int) -> int:
        """Samples of a batch that fits into the memory.

        Args:
            x: The samples to come.
            limit: Bytes that the process may hold.

        Raises:
            ConfigError: A single sample takes more.
        """
        rows, _ = next(iter(batches(x[:1], self._forward.spec, 1)))
        values = self._values(rows)
        shared = self._shared(values)
        written = [values[layer.output].size for layer in self._layers]
        channels = sum(values[layer.output].shape[layer.channel_axis] for layer in self._layers)
        directions = len(output_directions(values[self._output].size // len(rows))[0]) + 1
        # Tensors that are kept, once more in the allocator of the session that gave them; slopes,
        # with those of the last direction as its session holds and returns them; codes of every
        # multiplier; fields of one layer at a time.
        each = 2 * sum(value.nbytes for value in (*values.values(), *shared.values()))
        each += 4 * (directions + 3) * sum(written) + self._multipliers * sum(written)
        each += 4 * (self._multipliers + 2 * directions) * max(written)
        kept = 4 * self._multipliers * channels * len(x)
        most = max(len(rows), min(BATCH, len(x)))
        size = fitting_batch(limit, each / len(rows), kept, least=len(rows), most=most)
        fixed = self._forward.spec.shape[0] if self._forward.spec.shape else None
        return fixed or size

    def _kept_apart(self, rows: np.ndarray) -> tuple[Layer, ...]:
        """Layers whose first axis keeps samples apart: nothing tells them there in the others."""
        half = len(rows) // 2
        if not half:
            return self._layers
        names = [layer.output for layer in self._layers]
        changed = np.concatenate([rows[:half], np.repeat(rows[:1], len(rows) - half, axis=0)])
        pairs = zip(
            self._forward.run_batch(rows, names),
            self._forward.run_batch(changed, names),
            strict=True,
        )
        apart = []
        for layer, (before, after) in zip(self._layers, pairs, strict=True):
            own = len(before) // len(rows) * half
            if len(before) % len(rows) == 0 and np.array_equal(before[:own], after[:own]):
                apart.append(layer)
        return tuple(apart)

    def _effects(self, rows: np.ndarray, count: int, labels: np.ndarray | None) -> FilterEffects:
        cached = self._values(rows)
        check_rows(cached[self._output], len(rows), self._output, self._others)
        exact = cached[self._output].reshape(len(rows), -1)
        class_scores = are_class_scores(cached[self._output])
        if class_scores and labels is None:
            labels = exact[:count].argmax(axis=1)
        directions, weight = output_directions(exact.shape[1])
        vectors = [np.broadcast_to(one, exact.shape) for one in directions]
        if class_scores and labels is not None:
            vectors.append(margin_direction(exact, labels))
        slopes = self._slopes(cached, vectors)
        codes = [self._fields.codes(cached, index) for index in range(1, self._multipliers)]
        squared, margin = {}, {}
        for layer in self._layers:
            moved = [one[layer.name] for one in codes]
            fields = error_field(layer, cached[layer.output], moved, len(rows))
            change = project(fields, slopes[layer.name], layer.scale)[:count]
            parts = change[..., : len(directions)].astype(np.float64)
            # [B, C, T]: the mean over outputs of squares, or its unbiased estimate.
            total = (parts**2).sum(axis=-1) * weight
            squared[layer.name] = _with_exact(total.transpose(2, 1, 0))
            if class_scores:
                margin[layer.name] = _with_exact(change[..., -1].transpose(2, 1, 0))
        return FilterEffects(exact[:count], squared, margin)

    def _values(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What the derivatives of a batch read, inputs too."""
        inputs = self._forward.spec.feeds(rows)
        names = [name for name in self._cached if name not in inputs]
        found = dict(zip(names, self._forward.run_batch(rows, names), strict=True))
        return {**found, **inputs}

    def _shared(self, cached: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What all directions need of a batch."""
        if self._prepare is None:
            return {}
        values = run(self._prepare, self._prepared, {name: cached[name] for name in self._fixed})
        return dict(zip(self._prepared, values, strict=True))

    def _slopes(
        self, cached: Mapping[str, np.ndarray], vectors: Sequence[np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Derivatives of each direction by each candidate's output: [B, C, directions, P].

        What all directions share, such as masks, is computed once.
        """
        known = {**cached, **self._shared(cached)}
        feeds = {name: known[name] for name in self._directed if name in known}
        names = [self._gradient.nodes[layer.name] for layer in self._layers]
        if not names:
            return {}
        shape, samples = cached[self._output].shape, len(vectors[0])
        slopes: dict[str, np.ndarray] = {}
        for place, vector in enumerate(vectors):
            feeds[f"cotangent/{self._output}"] = np.ascontiguousarray(
                vector.reshape(shape), np.float32
            )
            values = run(self._backward, names, feeds)
            for layer, value in zip(self._layers, values, strict=True):
                part = layer.by_channel(value, samples)
                if place == 0:
                    sizes = (*part.shape[:2], len(vectors), part.shape[2])
                    slopes[layer.name] = np.empty(sizes, np.float32)
                slopes[layer.name][:, :, place] = part
        return slopes


def _layer(model: onnx.ModelProto, candidate: Candidate) -> Layer:
    constants = initializers(model)
    node = next(n for n in model.graph.node if n.name == candidate.name)
    known, scale = INTEGER_OPS[candidate.kind], 1.0
    if not known.dynamic:
        (scale,) = onnx.numpy_helper.to_array(constants[node.input[6]]).reshape(-1)
    reads = tuple(dict.fromkeys(n for n in node.input if n and n not in constants))
    axis = 1 if known.convolves else -1
    return Layer(candidate.name, node.output[0], reads, float(scale), axis)


def _with_exact(values: np.ndarray) -> np.ndarray:
    """Puts the exact multiplier, which changes nothing, before the others on axis 0."""
    return np.concatenate([np.zeros_like(values[:1]), values])
