"""Score how much each multiplier hurts each candidate: operator level and layer level."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data import Split
from hawx_onnx.frontend.outputs import are_class_scores
from hawx_onnx.memory import DEFAULT_LIMIT, parse_bytes
from hawx_onnx.one_order import one_order
from hawx_onnx.passes.base import Pass, PassResult, PassState
from hawx_onnx.passes.channel_responses import ChannelResponses, runs_pay
from hawx_onnx.passes.filter_score import find_effects, score_filters
from hawx_onnx.passes.layer_level import LayerLevel, sample_runs
from hawx_onnx.passes.operator_level import score_operators
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.passes.shared_folds import SharedFolds, fresh_folds
from hawx_onnx.runtime.evaluate import classes
from hawx_onnx.runtime.model_session import LARGE
from hawx_onnx.runtime.workers import Workers, held
from hawx_onnx.sensitivity import MEASURED, FilterScore, OperatorLevel, Sensitivity

DEFAULT_SAMPLES = 256
DEFAULT_BYTES = parse_bytes(DEFAULT_LIMIT)
LEAST_SAMPLES = 64  # before the first look whether they are enough
_TOO_LARGE = "single channels are not scored: the derivatives of a model this large are not made"
KEPT_SHARE = 4  # of the memory limit, for responses where the output is no vector of class scores


class Score(Pass):
    """Layer level by measured responses from cached activations; operator level when asked for.

    With ``folds``, layers and channels are scored as folded biases leave them. With ``filters``,
    also the filter level by derivatives.

    Args:
        samples: How many validation samples the responses are measured on.
        threads: Threads within an operator.
        memory_limit: Bytes that the process may hold; batches are cut so that it does not.
        filters: Whether single channels are scored too.
        enough: Called with what was scored so far, layer level alone, after 64 samples and whenever
            their number has doubled; no more are run once it is true. With ``filters`` only where
            channels are run one by one, which is done if it takes less than derivatives; these are
            taken on all samples first.
        folds: Folds each layer's mean errors into its bias where the layer is approximated, on
            calibration samples; None scores layers uncompensated.
        kept: Layers that stay exact whatever is chosen: where channels are run one by one, theirs
            are not, and have no score.
        workers: Run the samples, with the same scores; this process if None.
    """

    name = "score"

    def __init__(
        self,
        samples: int = DEFAULT_SAMPLES,
        threads: int = 0,
        memory_limit: int = DEFAULT_BYTES,
        filters: bool = True,
        enough: Callable[[Sensitivity], bool] | None = None,
        folds: SharedFolds | None = None,
        kept: Collection[str] = (),
        workers: Workers | None = None,
    ) -> None:
        self.workers = workers
        self.samples, self.folds, self.kept = samples, folds, frozenset(kept)
        self.threads = threads
        self.memory_limit = memory_limit
        self.filters, self.enough = filters, enough

    def requires(self, state: PassState) -> None:
        """There are validation samples."""
        if state.dataset is None or len(state.dataset.validation) == 0:
            raise DataError("there are no validation samples", where="data", mend="give --data")

    @one_order()
    def call(self, state: PassState) -> PassResult:
        """Scores all candidates."""
        assert state.dataset is not None
        start = time.perf_counter()
        split = state.dataset.validation
        names = tuple(c.name for c in state.candidates)
        operator = OperatorLevel(
            names, lambda: score_operators(state, self.threads, self.memory_limit, self.workers)
        )
        x = split.x[: self.samples]
        biases = self._folded_biases()
        given = None if split.y is None else split.y[: self.samples]
        large = state.model.ByteSize() >= LARGE
        direct = not large and self._runs_channels(state)
        effects = None
        if self.filters and not direct and not large:
            # Before the layer level, whose sessions hold on to what its runs took.
            limit, workers = self.memory_limit, self.workers
            effects = find_effects(state, x, given, limit, self.threads, biases, workers)
        network: dict[str, Any] = {
            "model": state.model,
            "candidates": state.candidates,
            "multipliers": state.multipliers,
            "samples": len(x),
            "biases": biases,
        }
        if direct:
            network |= {"labels": given, "kept": self.kept}
        make = partial(sample_runs, ChannelResponses if direct else LayerResponses, network, x)
        samples = make(self.threads)
        with held(self.workers, samples, make) as runs:
            level = LayerLevel(samples, runs)
            enough = self.enough if direct or not self.filters else None
            layer = self._layer_level(state, level, x, enough)
            filters = level.channel_scores()
            if effects is not None:
                filters = score_filters(
                    state,
                    effects,
                    operator=operator,
                    measured=layer.squared_change,
                    layers=level,
                    batch=layer.batch,
                    folded=biases,
                )
        labels = _labels(layer, split)
        sensitivity = Sensitivity(
            layers=names,
            multipliers=tuple(m.name for m in state.multipliers),
            operator=operator,
            baseline=layer.baseline,
            responses=layer.responses,
            labels=labels,
            squared_change=layer.squared_change,
            filters=filters,
            seconds=time.perf_counter() - start,
            runs=level.runs,
            notes=(*_measured_notes(filters), *([_TOO_LARGE] if self.filters and large else [])),
            folded=tuple(biases),
            folding_samples=0 if self.folds is None else len(self.folds.x),
        )
        return PassResult(state.replace(sensitivity=sensitivity), False)

    def _runs_channels(self, state: PassState) -> bool:
        """Whether channels are run one by one: in a search, where that takes less."""
        if not self.filters or self.enough is None:
            return False
        return runs_pay(state.model, state.candidates, len(state.multipliers), self.kept)

    def _folded_biases(self) -> dict[str, np.ndarray]:
        """Biases of each layer under each multiplier, everything else exact: int32 [T, C]."""
        if self.folds is None:
            return {}
        with held(self.workers, self.folds, partial(fresh_folds, self.folds)) as runs:
            layers = self.folds.layers
            rows = list(runs.each(SharedFolds.single, ((layer,) for layer in layers)))
        self.folds.forget_activations()
        return dict(zip(layers, rows, strict=True))

    def _layer_level(
        self,
        state: PassState,
        level: LayerLevel,
        x: np.ndarray,
        enough: Callable[[Sensitivity], bool] | None,
    ) -> _LayerLevel:
        """Streams samples through the partial runs, until they are enough."""
        class_scores = are_class_scores(np.empty((0, *level.shape)))
        values = int(np.prod(level.shape))
        of_value = 4 * len(x) * (1 + len(state.candidates) * len(state.multipliers))
        most = values if class_scores else self.memory_limit // KEPT_SHARE // of_value
        kept = None
        if most < values:
            # Any fixed choice will do; a seeded one is the same in every run.
            kept = np.sort(np.random.default_rng(0).choice(values, max(1, most), replace=False))
        count = values if kept is None else len(kept)
        batch = level.probe.fitting_batch(x, self.memory_limit, count)
        layers, multipliers = len(state.candidates), len(state.multipliers)
        baseline = np.empty((len(x), count), np.float32)
        responses = np.empty((layers, multipliers, len(x), count), np.float32)
        done = 0
        for look in looks(len(x)) if enough is not None and class_scores else (len(x),):
            for exact, response in level.stream(range(done, look), batch, kept):
                rows = slice(done, done + len(exact))
                baseline[rows], responses[:, :, rows] = exact, response
                done += len(exact)
            change = level.squares / max(1, level.values)
            found = _LayerLevel(
                baseline[:done], responses[:, :, :done], change, class_scores, batch
            )
            if done < len(x) and enough is not None and enough(_so_far(state, found)):
                break
        return found


def _so_far(state: PassState, found: _LayerLevel) -> Sensitivity:
    """What was found at layer level, to ask whether it is enough."""
    assert state.dataset is not None
    return Sensitivity(
        layers=tuple(c.name for c in state.candidates),
        multipliers=tuple(m.name for m in state.multipliers),
        operator={},
        baseline=found.baseline,
        responses=found.responses,
        labels=_labels(found, state.dataset.validation),
    )


def looks(samples: int) -> tuple[int, ...]:
    """Numbers of samples at which to ask whether they are enough, all of them the last."""
    numbers = [LEAST_SAMPLES]
    while numbers[-1] < samples:
        numbers.append(2 * numbers[-1])
    return (*(number for number in numbers if number < samples), samples)


def _labels(found: _LayerLevel, split: Split) -> np.ndarray | None:
    """True classes of the scored samples, or the exact model's; None without class scores."""
    if not found.class_scores:
        return None
    return classes(found.baseline) if split.y is None else split.y[: len(found.baseline)]


def _measured_notes(filters: Mapping[str, FilterScore]) -> tuple[str, ...]:
    """A line for each reason why layers have no derivative, with their names."""
    layers: dict[str, list[str]] = {}
    for name, score in filters.items():
        if score.method == MEASURED:
            layers.setdefault(score.reason, []).append(name)
    return tuple(
        f"channels of {', '.join(names)} share the layer's measured response: {reason}"
        for reason, names in layers.items()
    )


@dataclass(frozen=True, eq=False)
class _LayerLevel:
    baseline: np.ndarray
    responses: np.ndarray
    squared_change: np.ndarray
    class_scores: bool
    batch: int
