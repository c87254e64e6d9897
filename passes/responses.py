"""Layer level: outputs with one layer approximated, each run started at that layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.frontend.model import DEFAULT_BATCH, batches
from hawx_onnx.frontend.outputs import check_finite, check_rows, model_output
from hawx_onnx.passes.approximate import index_input, with_index_inputs
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.open_constants import bias_feeds, open_bias
from hawx_onnx.passes.probe import stacked_tables
from hawx_onnx.passes.run_memory import fitting_batch, live_bytes, plenty, tensor_bytes
from hawx_onnx.passes.starts import best_starts
from hawx_onnx.passes.suffix import Suffix, dependents, suffix_from
from hawx_onnx.runtime.evaluate import flat_outputs
from hawx_onnx.runtime.model_session import LARGE, session_of
from hawx_onnx.runtime.runner import Runner, run
from hawx_onnx.runtime.shared_constants import SharedConstants

EXPECTED_SAMPLES = 256
# Of each layer the name of the part that its runs start at, None for the whole network; the parts;
# and layer -> a tensor that its runs hand out beside the outputs, to go on from.
Cuts = tuple[Sequence[str | None], dict[str, Suffix], dict[str, str]]
_ROWS = ""  # the samples among cached tensors, none of which has an empty name


@dataclass(frozen=True, eq=False)
class Part:
    """The network from one layer or tensor on."""

    model: onnx.ModelProto
    inputs: tuple[str, ...]
    session: Any


class LayerResponses:
    """Outputs with one layer approximated, each run started at that layer or a little before.

    The exact network runs once per batch and hands its activations to all layers and multipliers.
    Where making a session takes longer than what it saves, a layer is run from an earlier start.

    Args:
        model: Int8 model.
        candidates: Nodes to approximate one at a time.
        multipliers: Candidates; index 0 is the exact one and is not run.
        threads: Threads within an operator.
        samples: How many are going to be run; decides how many sessions pay.
        biases: Layer -> int32 [T, channels], the biases that an approximated layer has under each
            multiplier; layers that are not among them keep their own.

    Attributes:
        runs: Partial runs made so far.
        squares: Sum of squared changes of all output values so far, float64 [L, T].
        values: Output values that ``squares`` sums over.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        candidates: Sequence[Candidate],
        multipliers: Sequence[Multiplier],
        threads: int = 0,
        samples: int = EXPECTED_SAMPLES,
        biases: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._int8, self._threads, self._biases = model, threads, dict(biases or {})
        self._multipliers = len(multipliers)
        tables, factors = stacked_tables(multipliers), stacked_factors(multipliers)
        channels = {c.name: c.channels for c in candidates}
        # The exact multiplier in the library's operators: the same bytes as the int8 model's,
        # without the slow paths that onnxruntime takes for int8 activations.
        signed = multipliers[0].encoding.codes_signed
        model = with_index_inputs(model, tables, channels, factors=factors, signed=signed)
        self._output = model_output(model)
        self._others = [o.name for o in model.graph.output if o.name != self._output]
        for name in self._biases:
            open_bias(model, name)
        self._shared = SharedConstants(model)
        exact = {c.name: np.zeros(c.channels, np.int32) for c in candidates}
        self._own: dict[str, np.ndarray] = {}
        for name, index in exact.items():
            self._own.update(self._chosen(name, index))
        self._behind = dependents(model, channels)
        starts, suffixes, self._beside = self._cut_up(model, candidates, samples)
        own = {value.name for value in model.graph.input}
        cut = dict.fromkeys(name for suffix in suffixes.values() for name in suffix.inputs)
        self._cut = [name for name in cut if name not in own]
        self._whole = Runner(model, threads=threads, arena=False, expose=self._cut)
        types = self._whole.types()
        self._parts = {name: self._part(suffix, types) for name, suffix in suffixes.items()}
        begun = (None if name is None else self._parts[name] for name in starts)
        self._layers = tuple(zip(candidates, begun, strict=True))
        self.runs, self.values = 0, 0
        self.squares = np.zeros((len(self._layers), self._multipliers))

    def _cut_up(
        self, model: onnx.ModelProto, candidates: Sequence[Candidate], samples: int
    ) -> Cuts:
        """Where the runs of each layer start, and what they hand out beside the outputs."""
        starts: Sequence[str | None] = (None,) * len(candidates)
        if model.ByteSize() < LARGE:  # every session over a rest holds the weights of that rest
            starts = best_starts(candidates, self._behind, samples * (self._multipliers - 1))
        suffixes = {name: suffix_from(model, name) for name in starts if name is not None}
        return starts, suffixes, {}

    def _part(self, suffix: Suffix, types: Mapping[str, onnx.ValueInfoProto]) -> Part:
        for value in suffix.model.graph.input:
            value.CopyFrom(types[value.name])
        session = session_of(
            suffix.model,
            threads=self._threads,
            arena=False,
            shared=self._shared.of(suffix.model.graph.initializer),
        )
        # The session has its own; nodes alone tell what is alive together.
        del suffix.model.graph.initializer[:]
        return Part(suffix.model, suffix.inputs, session)

    def fitting_batch(self, x: np.ndarray, limit: int, kept: int) -> int:
        """Samples of a batch whose cached activations and responses fit.

        Args:
            x: The samples to come.
            limit: Bytes that the process may hold.
            kept: Values of each sample's outputs that the caller will keep.

        Raises:
            ConfigError: A single sample takes more.
        """
        sizes, rows = tensor_bytes(self._int8, x, self._threads)
        whole = live_bytes(self._int8, sizes, self._cut)
        # Sessions give their memory back: the largest of the partial runs counts.
        parts = self._parts.values()
        part = max((live_bytes(part.model, sizes, ()) for part in parts), default=0)
        of_sample = 4 * kept * (1 + len(self._layers) * self._multipliers)
        each = (whole + part) / rows + of_sample + 3 * sizes[self._output] / rows
        most = max(rows, min(DEFAULT_BATCH, max(1, len(x))))
        fixed = of_sample * len(x)
        if not plenty(limit, each * most + fixed):
            self._warm_up(x)
        return fitting_batch(limit, each, fixed, least=rows, most=most)

    def _warm_up(self, x: np.ndarray) -> None:
        """Runs one sample from every layer, for the memory that operators take once and keep."""
        rows, _ = next(iter(batches(x[:1], self._whole.spec, 1)))
        cached = self._cached(rows)
        for row, (candidate, _) in enumerate(self._layers):
            if self._output in self._behind[candidate.name]:
                index = np.full(candidate.channels, self._multipliers - 1, np.int32)
                self._outputs(row, index, cached)

    def _cached(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Exact outputs and activations of a batch, and all inputs."""
        names = list(dict.fromkeys([self._output, *self._cut]))
        values = self._whole.run_batch(rows, names, self._own)
        found = dict(zip(names, values, strict=True))
        return {**found, **self._own, **self._whole.spec.feeds(rows), _ROWS: rows}

    def _chosen(self, layer: str, index: np.ndarray) -> dict[str, np.ndarray]:
        """The inputs that choose a layer's tables, and the biases under them."""
        return {index_input(layer): index, **bias_feeds(self._biases, layer, index)}

    def output_shape(self, x: np.ndarray) -> tuple[int, ...]:
        """Shape of the scored output for one sample."""
        rows, _ = next(iter(batches(x[:1], self._whole.spec, 1)))
        (outputs,) = self._whole.run_batch(rows, [self._output], self._own)
        check_rows(outputs, len(rows), self._output, self._others)
        return outputs.shape[1:]

    def stream(
        self, x: np.ndarray, batch: int = DEFAULT_BATCH, kept: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields, batch by batch, exact outputs [S, C] and responses [L, T, S, C].

        Args:
            x: Samples, axis 0 counts them.
            batch: Samples of one run, where the model leaves that open.
            kept: Positions among the C output values of a sample that are handed out; all if
                None. ``squares`` sums over all of them either way.

        Raises:
            ModelError: The output's shape depends on the samples, or it is NaN.
        """
        chosen = slice(None) if kept is None else kept
        like = None
        # The layers need the rows that fill up a fixed batch too: they are dropped at the end.
        for rows, count in batches(x, self._whole.spec, batch):
            cached = self._cached(rows)
            outputs = cached[self._output]
            check_rows(outputs, len(rows), self._output, self._others, like)
            check_finite(outputs, self._output)
            exact = flat_outputs(outputs)
            responses = self._responses(cached, exact, count, chosen)
            like = outputs[:0]
            # Not held while the next batch is run.
            del outputs, cached
            yield exact[:count, chosen], responses

    def _responses(
        self,
        cached: Mapping[str, np.ndarray],
        exact: np.ndarray,
        count: int,
        chosen: slice | np.ndarray,
    ) -> np.ndarray:
        shape = (len(self._layers), self._multipliers, *exact[:count, chosen].shape)
        responses = np.zeros(shape, np.float32)
        self.values += exact[:count].size
        for row, (candidate, _) in enumerate(self._layers):
            if self._output not in self._behind[candidate.name]:
                continue  # what is scored does not depend on the layer
            for column in range(1, self._multipliers):
                index = np.full(candidate.channels, column, np.int32)
                outputs, beside = self._outputs(row, index, cached)
                change = self._change_of(outputs, cached)[:count]
                self.squares[row, column] += np.einsum("ij,ij->", change, change, dtype=float)
                responses[row, column] = change[:, chosen]
                if beside is not None:
                    self._go_on(row, column, beside, cached, count)
        return responses

    def _go_on(
        self,
        row: int,
        column: int,
        beside: np.ndarray,
        cached: Mapping[str, np.ndarray],
        count: int,
    ) -> None:
        """Goes on from what a layer under a multiplier hands out beside the outputs."""

    def _change_of(self, outputs: np.ndarray, cached: Mapping[str, np.ndarray]) -> np.ndarray:
        """Change of the outputs [rows, C] in one more run."""
        self.runs += 1
        exact = cached[self._output]
        check_rows(outputs, len(exact), self._output, self._others, exact)
        return np.asarray(_floats(outputs) - _floats(exact))

    def _outputs(
        self, row: int, index: np.ndarray, cached: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """With one layer approximated by these tables: the scored output, and what is beside it."""
        candidate, part = self._layers[row]
        chosen = self._chosen(candidate.name, index)
        names = [self._output]
        if candidate.name in self._beside:
            names.append(self._beside[candidate.name])
        if part is None:
            feeds = {**self._own, **chosen}
            found = self._whole.run_batch(cached[_ROWS], names, feeds)
        else:
            feeds = {**{name: cached[name] for name in part.inputs}, **chosen}
            found = run(part.session, names, feeds)
        return found[0], found[1] if len(found) > 1 else None

    def squared_changes(
        self, x: np.ndarray, picks: Mapping[str, Sequence[np.ndarray]], batch: int = DEFAULT_BATCH
    ) -> dict[str, np.ndarray]:
        """Mean squared change of the outputs with one layer approximated channel by channel.

        Args:
            x: Samples.
            picks: Layer -> choices of tables, int32 [channels] each.
            batch: Samples of one run, where the model leaves that open.

        Returns:
            Layer -> one value for each choice, float64.
        """
        rows = {candidate.name: row for row, (candidate, _) in enumerate(self._layers)}
        sums = {layer: np.zeros(len(chosen)) for layer, chosen in picks.items()}
        values = 0
        for samples, count in batches(x, self._whole.spec, batch):
            cached = self._cached(samples)
            values += cached[self._output][:count].size
            for layer, chosen in picks.items():
                for place, index in enumerate(chosen):
                    outputs, _ = self._outputs(rows[layer], index, cached)
                    change = self._change_of(outputs, cached)[:count]
                    sums[layer][place] += np.einsum("ij,ij->", change, change, dtype=float)
        return {layer: total / max(1, values) for layer, total in sums.items()}


def _floats(outputs: np.ndarray) -> np.ndarray:
    """Outputs as [samples, values]; truth values and codes become floats."""
    flat = flat_outputs(outputs)
    return flat if flat.dtype.kind == "f" else flat.astype(np.float32)
