"""Layer level: outputs with one layer approximated, each run started at that layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx

from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.frontend.model import DEFAULT_BATCH, batches
from hawx_onnx.frontend.outputs import check_finite, check_rows, model_output
from hawx_onnx.passes.approximate import index_input, with_index_inputs
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.changes import Changes, ChannelChanges
from hawx_onnx.passes.open_constants import bias_feeds, open_bias
from hawx_onnx.passes.probe import stacked_tables
from hawx_onnx.passes.run_memory import fitting_batch, live_bytes, plenty, tensor_bytes
from hawx_onnx.passes.starts import best_starts
from hawx_onnx.passes.suffix import Part, Suffix, Suffixes, dependents
from hawx_onnx.runtime.evaluate import flat_outputs
from hawx_onnx.runtime.model_session import LARGE, session_of
from hawx_onnx.runtime.runner import Runner, run
from hawx_onnx.runtime.shared_constants import SharedConstants

EXPECTED_SAMPLES = 256
# Of each layer the name of the part that its runs start at, None for the whole network; the parts;
# and layer -> a tensor that its runs hand out beside the outputs, to go on from.
Cuts = tuple[Sequence[str | None], dict[str, Suffix], dict[str, str]]
_ROWS = ""  # the samples among cached tensors, none of which has an empty name


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
        spec: The input that takes samples.
        layers: Names of the candidates.
        multipliers: How many there are, the exact one among them (T).
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
        self.multipliers = len(multipliers)
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
        self.spec, self._runs = self._whole.spec, 0
        self.layers = tuple(c.name for c in candidates)

    def _cut_up(
        self, model: onnx.ModelProto, candidates: Sequence[Candidate], samples: int
    ) -> Cuts:
        """Where the runs of each layer start, and what they hand out beside the outputs."""
        starts: Sequence[str | None] = (None,) * len(candidates)
        if model.ByteSize() < LARGE:  # every session over a rest holds the weights of that rest
            starts = best_starts(candidates, self._behind, samples * (self.multipliers - 1))
        cuts = Suffixes(model)
        suffixes = {name: cuts.from_node(name) for name in starts if name is not None}
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
        of_sample = 4 * kept * (1 + len(self._layers) * self.multipliers)
        each = (whole + part) / rows + of_sample + 3 * sizes[self._output] / rows
        most = max(rows, min(DEFAULT_BATCH, max(1, len(x))))
        fixed = of_sample * len(x)
        if not plenty(limit, each * most + fixed):
            self._warm_up(x)
        return fitting_batch(limit, each, fixed, least=rows, most=most)

    def _warm_up(self, x: np.ndarray) -> None:
        """Runs one sample from every layer, for the memory that operators take once and keep."""
        rows, _ = next(iter(batches(x[:1], self._whole.spec, 1)))
        cached = self.cached(rows)
        for row, (candidate, _) in enumerate(self._layers):
            if self._output in self._behind[candidate.name]:
                index = np.full(candidate.channels, self.multipliers - 1, np.int32)
                self._outputs(row, index, cached)

    def cached(self, rows: np.ndarray, like: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Exact outputs and activations of a batch, and all inputs.

        Args:
            rows: The batch; rows that fill up a fixed batch too, as layers need them.
            like: Outputs of other samples, whose shape is that of these; not compared if None.

        Raises:
            ModelError: The output's shape depends on the samples, or it is NaN.
        """
        names = list(dict.fromkeys([self._output, *self._cut]))
        values = self._whole.run_batch(rows, names, self._own)
        found = dict(zip(names, values, strict=True))
        check_rows(found[self._output], len(rows), self._output, self._others, like)
        check_finite(found[self._output], self._output)
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

    def changes(
        self,
        cached: Mapping[str, np.ndarray],
        count: int,
        rows: Sequence[int],
        chosen: slice | np.ndarray,
        start: int,
    ) -> Changes:
        """Changes of the outputs of a batch by single layers.

        Args:
            cached: What :meth:`cached` gave.
            count: Samples of the batch (S); further rows fill it up.
            rows: Which layers (L), by their place.
            chosen: Values of a sample's outputs that are handed out (C); squares sum over all.
            start: Place of the first sample among all.

        Raises:
            ModelError: The output's shape depends on the samples.
        """
        exact = flat_outputs(cached[self._output])[:count]
        shape = (len(rows), self.multipliers, *exact[:, chosen].shape)
        found = Changes(
            exact[:, chosen],
            np.zeros(shape, np.float32),
            np.zeros(shape[:2]),
            exact.size,
            self._channel_changes(rows, exact, cached, start),
        )
        before = self._runs
        for place, row in enumerate(rows):
            if self._output not in self._behind[self._layers[row][0].name]:
                continue  # what is scored does not depend on the layer
            for column in range(1, self.multipliers):
                index = np.full(self._layers[row][0].channels, column, np.int32)
                outputs, beside = self._outputs(row, index, cached)
                change = self._change_of(outputs, cached)[:count]
                found.squares[place, column] = np.einsum("ij,ij->", change, change, dtype=float)
                found.responses[place, column] = change[:, chosen]
                if beside is not None:
                    self._go_on(row, column, beside, cached, count, found)
        return replace(found, runs=self._runs - before)

    def _channel_changes(
        self,
        rows: Sequence[int],
        exact: np.ndarray,
        cached: Mapping[str, np.ndarray],
        start: int,
    ) -> dict[str, ChannelChanges]:
        """Room for changes by single channels of layers, where these are run."""
        return {}

    def _go_on(
        self,
        row: int,
        column: int,
        beside: np.ndarray,
        cached: Mapping[str, np.ndarray],
        count: int,
        found: Changes,
    ) -> None:
        """Goes on from what a layer under a multiplier hands out beside the outputs."""

    def _change_of(self, outputs: np.ndarray, cached: Mapping[str, np.ndarray]) -> np.ndarray:
        """Change of the outputs [rows, C] in one more run."""
        self._runs += 1
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

    def squares_of(
        self,
        cached: Mapping[str, np.ndarray],
        count: int,
        picks: Mapping[str, Sequence[np.ndarray]],
    ) -> dict[str, list[float]]:
        """Sums of squared changes of a batch's outputs with one layer approximated by channels.

        Args:
            cached: What :meth:`cached` gave.
            count: Samples of the batch.
            picks: Layer -> choices of tables, int32 [channels] each.

        Returns:
            Layer -> one sum for each choice.
        """
        return {
            name: [self._square(self.layers.index(name), index, cached, count) for index in chosen]
            for name, chosen in picks.items()
        }

    def _square(
        self, row: int, index: np.ndarray, cached: Mapping[str, np.ndarray], count: int
    ) -> float:
        outputs, _ = self._outputs(row, index, cached)
        change = self._change_of(outputs, cached)[:count]
        return float(np.einsum("ij,ij->", change, change, dtype=float))


def _floats(outputs: np.ndarray) -> np.ndarray:
    """Outputs as [samples, values]; truth values and codes become floats."""
    flat = flat_outputs(outputs)
    return flat if flat.dtype.kind == "f" else flat.astype(np.float32)
