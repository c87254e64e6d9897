"""Layer level: outputs with one layer approximated, each run started at that layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx

from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.frontend.model import DEFAULT_BATCH, batches
from hawx_onnx.frontend.outputs import check_finite, check_rows, model_output
from hawx_onnx.passes.approximate import exposed, index_input, with_open_index, with_tables
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.open_constants import bias_feeds, open_bias
from hawx_onnx.passes.probe import stacked_tables
from hawx_onnx.passes.run_memory import fitting_batch, live_bytes, tensor_bytes
from hawx_onnx.passes.suffix import Suffix, suffix_from
from hawx_onnx.runtime.evaluate import flat_outputs
from hawx_onnx.runtime.library import create_session
from hawx_onnx.runtime.runner import Runner, run


class LayerResponses:
    """Outputs with one layer approximated, each run started at that layer.

    The exact prefix runs once per batch and hands its activations to all layers and multipliers.

    Args:
        model: Int8 model.
        candidates: Nodes to approximate one at a time.
        multipliers: Candidates; index 0 is the exact one and is not run.
        threads: Threads within an operator.
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
        biases: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._int8, self._threads, self._biases = model, threads, dict(biases or {})
        tables, factors = stacked_tables(multipliers), stacked_factors(multipliers)
        # The exact multiplier in the library's operators: the same bytes as the int8 model's,
        # without the slow paths that onnxruntime takes for int8 activations.
        exact = {c.name: np.zeros(c.channels, np.int32) for c in candidates}
        model = with_tables(model, tables, exact, factors=factors, portable=False)
        suffixes = [suffix_from(model, candidate.name) for candidate in candidates]
        own = {value.name for value in model.graph.input}
        cut = dict.fromkeys(name for suffix in suffixes for name in suffix.inputs)
        self._cut = [name for name in cut if name not in own]
        self._output = model_output(model)
        self._others = [o.name for o in model.graph.output if o.name != self._output]
        self._prefix = Runner(exposed(model, self._cut), threads=threads, use_library=True)
        self._multipliers = len(multipliers)
        self._layers = tuple(zip(candidates, suffixes, strict=True))
        types = self._prefix.types()
        self._sessions = []
        for candidate, suffix in self._layers:
            for value in suffix.model.graph.input:
                value.CopyFrom(types[value.name])
            probe = with_open_index(suffix.model, candidate.name)
            if candidate.name in self._biases:
                open_bias(probe, candidate.name)
            session = create_session(probe.SerializeToString(), threads=threads, use_library=True)
            self._sessions.append(session)
            # The session has its own; nodes alone tell what is alive together.
            del suffix.model.graph.initializer[:]
        self.runs, self.values = 0, 0
        self.squares = np.zeros((len(self._layers), self._multipliers))

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
        self._warm_up(x)
        runs = [live_bytes(self._int8, sizes, self._cut)]
        # Each session holds on to the memory of its largest run.
        runs += [live_bytes(suffix.model, sizes, ()) for _, suffix in self._layers]
        of_sample = 4 * kept * (1 + len(self._layers) * self._multipliers)
        each = sum(runs) / rows + of_sample + 3 * sizes[self._output] / rows
        most = min(DEFAULT_BATCH, max(1, len(x)))
        fixed = of_sample * len(x)
        return fitting_batch(limit, each, fixed, least=rows, most=max(rows, most))

    def _warm_up(self, x: np.ndarray) -> None:
        """Runs one sample from every layer, for the memory that operators take once and keep."""
        names = list(dict.fromkeys([self._output, *self._cut]))
        rows, _ = next(iter(batches(x[:1], self._prefix.spec, 1)))
        values = self._prefix.run_batch(rows, names)
        cached = {**dict(zip(names, values, strict=True)), self._prefix.spec.name: rows}
        for session, (candidate, suffix) in zip(self._sessions, self._layers, strict=True):
            if self._output in suffix.outputs:
                index = np.full(candidate.channels, self._multipliers - 1, np.int32)
                run(session, [self._output], self._feeds(candidate, suffix, index, cached))

    def _feeds(
        self,
        candidate: Candidate,
        suffix: Suffix,
        index: np.ndarray,
        cached: Mapping[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        """What a layer's session is fed: cached activations, tables and the biases under them."""
        return {
            **{name: cached[name] for name in suffix.inputs},
            index_input(candidate.name): index,
            **bias_feeds(self._biases, candidate.name, index),
        }

    def output_shape(self, x: np.ndarray) -> tuple[int, ...]:
        """Shape of the scored output for one sample."""
        rows, _ = next(iter(batches(x[:1], self._prefix.spec, 1)))
        (outputs,) = self._prefix.run_batch(rows, [self._output])
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
        names = list(dict.fromkeys([self._output, *self._cut]))
        chosen = slice(None) if kept is None else kept
        like = None
        # The layers need the rows that fill up a fixed batch too: they are dropped at the end.
        for rows, count in batches(x, self._prefix.spec, batch):
            values = self._prefix.run_batch(rows, names)
            check_rows(values[0], len(rows), self._output, self._others, like)
            check_finite(values[0], self._output)
            cached = {**dict(zip(names, values, strict=True)), self._prefix.spec.name: rows}
            exact = flat_outputs(values[0])
            responses = self._responses(cached, exact, count, chosen)
            like = values[0][:0]
            # Not held while the next batch is run.
            del values, cached
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
        for row, (candidate, suffix) in enumerate(self._layers):
            if self._output not in suffix.outputs:
                continue  # what is scored does not depend on the layer
            for column in range(1, self._multipliers):
                index = np.full(candidate.channels, column, np.int32)
                change = self._change(row, index, cached)[:count]
                self.squares[row, column] += np.einsum("ij,ij->", change, change, dtype=float)
                responses[row, column] = change[:, chosen]
        return responses

    def _change(self, row: int, index: np.ndarray, cached: Mapping[str, np.ndarray]) -> np.ndarray:
        """Change of the outputs [rows, C] with one layer approximated by these tables."""
        feeds = self._feeds(*self._layers[row], index, cached)
        (outputs,) = run(self._sessions[row], [self._output], feeds)
        self.runs += 1
        exact = cached[self._output]
        check_rows(outputs, len(exact), self._output, self._others, exact)
        return np.asarray(_floats(outputs) - _floats(exact))

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
        names = list(dict.fromkeys([self._output, *self._cut]))
        rows = {candidate.name: row for row, (candidate, _) in enumerate(self._layers)}
        sums = {layer: np.zeros(len(chosen)) for layer, chosen in picks.items()}
        values = 0
        for samples, count in batches(x, self._prefix.spec, batch):
            cached = dict(zip(names, self._prefix.run_batch(samples, names), strict=True))
            cached[self._prefix.spec.name] = samples
            values += cached[self._output][:count].size
            for layer, chosen in picks.items():
                for place, index in enumerate(chosen):
                    change = self._change(rows[layer], index, cached)[:count]
                    sums[layer][place] += np.einsum("ij,ij->", change, change, dtype=float)
        return {layer: total / max(1, values) for layer, total in sums.items()}


def _floats(outputs: np.ndarray) -> np.ndarray:
    """Outputs as [samples, values]; truth values and codes become floats."""
    flat = flat_outputs(outputs)
    return flat if flat.dtype.kind == "f" else flat.astype(np.float32)
