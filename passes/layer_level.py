"""The layer level: responses of all layers over the scoring samples, put together.

A task is some layers on one batch of samples. Sums are taken batch after batch, whoever ran them,
so that scores do not depend on how the work was shared out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hawx_onnx.frontend.model import DEFAULT_BATCH, batches
from hawx_onnx.passes.changes import Changes, ChannelChanges
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.runtime.workers import Runs
from hawx_onnx.sensitivity import RUNS, FilterScore

Cached = dict[str, np.ndarray]


class SampleRuns:
    """A network that is run over the scoring samples; workers hold one each.

    Args:
        probe: The network.
        x: The samples, axis 0 counts them.
    """

    def __init__(self, probe: LayerResponses, x: np.ndarray) -> None:
        self.probe, self.x = probe, x
        self._known: tuple[tuple[int, int], Cached, int] | None = None

    def cached(self, start: int, size: int, like: np.ndarray) -> tuple[Cached, int]:
        """Exact activations of a batch, kept for the next task, and how many samples it has."""
        if self._known is None or self._known[0] != (start, size):
            self.forget()  # not held while the next batch is run
            rows, count = next(iter(batches(self.x[start : start + size], self.probe.spec, size)))
            self._known = ((start, size), self.probe.cached(rows, like), count)
        return self._known[1], self._known[2]

    def forget(self) -> None:
        """Drops the activations."""
        self._known = None


def sample_runs(
    kind: type[LayerResponses], network: Mapping[str, Any], x: np.ndarray, threads: int
) -> SampleRuns:
    """Makes what workers hold of a network's parts."""
    return SampleRuns(kind(**network, threads=threads), x)


class LayerLevel:
    """Streams the scoring samples through the partial runs of all layers.

    Args:
        samples: The network and the samples, on this machine.
        runs: Where they are run; in this process if None.

    Attributes:
        probe: The network, on this machine.
        shape: Of the scored output of one sample.
        runs: Partial runs made so far.
        squares: Sums of squared changes of all output values so far, float64 [L, T].
        values: Output values that ``squares`` sums over.
    """

    def __init__(self, samples: SampleRuns, runs: Runs | None = None) -> None:
        self.probe = samples.probe
        self._samples, self._layers = samples, samples.probe.layers
        self._runs = Runs(None, "", samples) if runs is None else runs
        shape = samples.probe.output_shape(samples.x)
        self.shape, self._like = shape, np.empty((0, *shape), np.int8)
        self.runs, self.values = 0, 0
        self.squares = np.zeros((len(self._layers), samples.probe.multipliers))
        self._channels: dict[str, list[ChannelChanges]] = {}

    def stream(
        self,
        look: range | None = None,
        batch: int = DEFAULT_BATCH,
        kept: np.ndarray | None = None,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields, batch by batch, exact outputs [S, C] and responses [L, T, S, C].

        Args:
            look: Which samples; all if None.
            batch: Samples of one run, where the model leaves that open.
            kept: Positions among the C output values of a sample that are handed out; all if
                None. ``squares`` sums over all of them either way.

        Raises:
            ModelError: The output's shape depends on the samples, or it is NaN.
        """
        cuts = self._cuts(range(len(self._samples.x)) if look is None else look, batch)
        groups = self._runs.parts(range(len(self._layers)), len(cuts))
        tasks = ((*cut, rows, kept, self._like) for cut in cuts for rows in groups)
        results = self._runs.each(layer_changes, tasks)
        for _ in cuts:
            found = list(zip(groups, [next(results) for _ in groups], strict=True))
            self._samples.forget()
            yield found[0][1].exact, self._together(found)

    def _cuts(self, look: range, batch: int) -> list[tuple[int, int]]:
        """Start and size of each batch."""
        spec = self._samples.probe.spec
        step = (spec.shape[0] if spec.shape else None) or batch
        return [(start, min(step, look.stop - start)) for start in look[::step]]

    def _together(self, found: Sequence[tuple[Sequence[int], Changes]]) -> np.ndarray:
        """Responses of all layers on one batch; what is summed up goes where it belongs."""
        first = found[0][1]
        responses = np.empty((len(self._layers), *first.responses.shape[1:]), np.float32)
        self.values += first.values
        for rows, changes in found:
            responses[list(rows)] = changes.responses
            self.squares[list(rows)] += changes.squares
            self.runs += changes.runs
            for name, one in changes.channels.items():
                self._channels.setdefault(name, []).append(one)
        return responses

    def squared_changes(
        self,
        picks: Mapping[str, Sequence[np.ndarray]],
        samples: int,
        batch: int = DEFAULT_BATCH,
    ) -> dict[str, np.ndarray]:
        """Mean squared change of the outputs with one layer approximated channel by channel.

        Args:
            picks: Layer -> choices of tables, int32 [channels] each.
            samples: How many of the first samples are run.
            batch: Samples of one run, where the model leaves that open.

        Returns:
            Layer -> one value for each choice, float64.
        """
        cuts = self._cuts(range(min(samples, len(self._samples.x))), batch)
        sums = {name: np.zeros(len(chosen)) for name, chosen in picks.items()}
        parts = self._runs.parts(list(picks), len(cuts))
        groups = [{name: picks[name] for name in names} for names in parts]
        tasks = ((*cut, group, self._like) for cut in cuts for group in groups)
        for found in self._runs.each(picked_squares, tasks):
            for name, squares in found.items():
                sums[name] += squares
                self.runs += len(squares)
        self._samples.forget()
        values = sum(count for _, count in cuts) * int(np.prod(self.shape))
        return {name: total / max(1, values) for name, total in sums.items()}

    def channel_scores(self) -> dict[str, FilterScore]:
        """The filter level over the samples so far, of layers whose channels were run."""
        found = {}
        for name in self._layers:
            if name not in self._channels:
                continue
            parts = self._channels[name]
            mean = sum((one.squares for one in parts), start=np.zeros(())) / max(1, self.values)
            shifts = [one.margins for one in parts if one.margins is not None]
            if not shifts:
                found[name] = FilterScore(mean, None, None, None, RUNS)
                continue
            all_shifts = np.concatenate(shifts, axis=2)
            margin = all_shifts.mean(axis=2, dtype=np.float64)
            found[name] = FilterScore(mean, None, margin, all_shifts, RUNS)
        return found


def layer_changes(
    samples: SampleRuns,
    start: int,
    size: int,
    rows: Sequence[int],
    kept: np.ndarray | None,
    like: np.ndarray,
) -> Changes:
    """The task: changes of a batch by some layers."""
    cached, count = samples.cached(start, size, like)
    chosen = slice(None) if kept is None else kept
    return samples.probe.changes(cached, count, rows, chosen, start)


def picked_squares(
    samples: SampleRuns,
    start: int,
    size: int,
    picks: Mapping[str, Sequence[np.ndarray]],
    like: np.ndarray,
) -> dict[str, list[float]]:
    """The task: sums of squared changes of a batch by choices of channels."""
    cached, count = samples.cached(start, size, like)
    return samples.probe.squares_of(cached, count, picks)
