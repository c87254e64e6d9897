"""Filter-level score: effects of single channels over the scoring samples, rounding included.

First order alone misses what rounding does: a change of less than a code flips some of the next
layer's codes by a whole one, and those flip others. That noise grows with the size of the change,
not with its square, and behind several layers not even with that: all that is small ends as the
same noise. A few channels of each layer, run through the rest of the network, tell how large it is.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from hawx_onnx.components import stacked_factors
from hawx_onnx.frontend.outputs import model_output
from hawx_onnx.passes.base import PassState
from hawx_onnx.passes.filter_effects import MIXED, FilterLevel
from hawx_onnx.passes.layer_level import LayerLevel
from hawx_onnx.passes.probe import stacked_tables
from hawx_onnx.runtime.workers import Workers, held
from hawx_onnx.sensitivity import GRADIENT, MEASURED, FilterScore, OperatorScore

PROBES = (0.05, 0.2, 0.4, 0.6)
"""Channels and multipliers that are run, as quantiles of their effect to first order."""
PROBE_SAMPLES = 64
KNEES = 60


@dataclass(eq=False)
class LayerEffects:
    """First-order effects of one layer's channels, means over samples.

    Attributes:
        squared: Squared change of the outputs, [T, C].
        head_squared: The same over the samples of the probes.
        margins: Changes of the margin by batch, [T, C, B] each; none without class scores.
    """

    squared: np.ndarray
    head_squared: np.ndarray
    margins: list[np.ndarray]


@dataclass(frozen=True, eq=False)
class ChannelEffects:
    """First-order effects of all channels of all layers.

    Attributes:
        layers: Reached candidate -> its effects.
        unreached: Other candidate -> why it has none.
    """

    layers: Mapping[str, LayerEffects]
    unreached: Mapping[str, str]


def find_effects(
    state: PassState,
    x: np.ndarray,
    labels: np.ndarray | None,
    memory_limit: int,
    threads: int = 0,
    biases: Mapping[str, np.ndarray] | None = None,
    workers: Workers | None = None,
) -> ChannelEffects:
    """Finds the effects of every output channel of every candidate under every multiplier.

    Args:
        state: Int8 model, candidates and multipliers.
        x: Scoring samples.
        labels: True classes; without, those of the exact network. Not used where the output is no
            vector of class scores.
        memory_limit: Bytes that the process may hold.
        threads: Threads within an operator.
        biases: Layer -> int32 [T, channels], its biases under each multiplier; layers that are
            not among them keep their own.
        workers: Run the samples; this process if None.
    """
    make = partial(EffectRuns, state.bare(), x, labels, biases)
    here = make(threads)
    if not here.level.reached:
        return ChannelEffects({}, here.level.unreached)
    layers: dict[str, LayerEffects] = {}
    head = min(PROBE_SAMPLES, len(x))
    size = here.level.fitting_batch(x, memory_limit)
    with held(workers, here, make) as runs:
        tasks = ((start, size, head) for start in range(0, len(x), size))
        for part in runs.each(EffectRuns.sums, tasks):
            for name, (squared, head_squared, margin) in part.items():
                if name not in layers:
                    zero = np.zeros(squared.shape)
                    layers[name] = LayerEffects(zero, zero.copy(), [])
                layer = layers[name]
                layer.squared += squared / len(x)
                layer.head_squared += head_squared / head
                if margin is not None:
                    layer.margins.append(margin)
    mixed = {name: MIXED for name in here.level.reached if name not in layers}
    return ChannelEffects(layers, {**here.level.unreached, **mixed})


# Sums of squared effects of a layer over a batch, those over the samples of the probes, [T, C]
# each, and changes of the margin, [T, C, B].
Sums = tuple[np.ndarray, np.ndarray, np.ndarray | None]


class EffectRuns:
    """Derivatives over the scoring samples; workers hold one each.

    Args:
        state: Int8 model, candidates and multipliers.
        x: The samples, axis 0 counts them.
        labels: As of :func:`find_effects`.
        biases: As of :func:`find_effects`.
        threads: Threads within an operator.
    """

    def __init__(
        self,
        state: PassState,
        x: np.ndarray,
        labels: np.ndarray | None,
        biases: Mapping[str, np.ndarray] | None,
        threads: int,
    ) -> None:
        tables, factors = stacked_tables(state.multipliers), stacked_factors(state.multipliers)
        output = model_output(state.model)
        given = (state.model, state.candidates, tables, factors, output, threads, biases)
        self.level = FilterLevel(*given, signed=state.multipliers[0].encoding.codes_signed)
        self._x, self._labels = x, labels

    def sums(self, start: int, size: int, head: int) -> dict[str, Sums]:
        """The task: effects of all layers over one batch."""
        part = self.level.effects(self._x, self._labels, start, size)
        own = max(0, head - start)
        return {
            name: (squared.sum(axis=2), squared[..., :own].sum(axis=2), part.margin.get(name))
            for name, squared in part.squared.items()
        }


def score_filters(
    state: PassState,
    effects: ChannelEffects,
    *,
    operator: Mapping[str, OperatorScore],
    measured: np.ndarray,
    layers: LayerLevel,
    batch: int,
    folded: Container[str] = (),
) -> dict[str, FilterScore]:
    """Scores channels: their effects, and what rounding adds.

    Candidates that no derivative reaches share out their measured response among their channels
    by the operator level's expected squared errors.

    Args:
        state: Candidates.
        effects: What :func:`find_effects` found.
        operator: The operator level.
        measured: The layer level's mean squared change of the outputs, [L, T].
        layers: Runs single channels through the rest of the network.
        batch: Samples of one of its runs.
        folded: Layers whose biases make up for mean errors.
    """
    noise = _rounding_noise(effects.layers, layers, batch)
    scores = {}
    for row, candidate in enumerate(state.candidates):
        name = candidate.name
        if name in effects.layers:
            scores[name] = _with_noise(effects.layers[name], noise[name])
        else:
            scores[name] = _shared_out(
                operator[name], measured[row], effects.unreached[name], name in folded
            )
    return scores


@dataclass(frozen=True)
class RoundingNoise:
    """What rounding adds to squared changes p of the outputs: full (1 - exp(-sqrt(p / knee))).

    Attributes:
        full: What it comes to, in squared output units.
        knee: The change to first order at which 63 % of that are reached.
    """

    full: float = 0.0
    knee: float = 1.0

    def __call__(self, first_order: np.ndarray) -> np.ndarray:
        """Returns the noise, float64 in the shape of the argument."""
        return np.asarray(self.full * _risen(first_order, self.knee))

    @classmethod
    def fit(cls, first_order: np.ndarray, measured: np.ndarray) -> RoundingNoise:
        """Fits the curve to measured changes, by the least squared relative error of the sum.

        Args:
            first_order: Squared changes to first order, [probes], above 0.
            measured: Squared changes as they are, [probes].
        """
        known = measured > 0
        first_order, measured = first_order[known], measured[known]
        if not len(measured):
            return cls()
        best = (np.inf, cls())
        for knee in np.geomspace(first_order.min() / 1e3, first_order.max() * 1e3, KNEES):
            share = _risen(first_order, knee) / measured
            excess = 1 - first_order / measured
            full = max(0.0, float(share @ excess / (share @ share)))
            error = float(((full * share - excess) ** 2).sum())
            best = min(best, (error, cls(full, float(knee))), key=lambda pair: pair[0])
        return best[1]


def _risen(first_order: np.ndarray, knee: float) -> np.ndarray:
    return np.asarray(-np.expm1(-np.sqrt(first_order / knee)))


def _rounding_noise(
    layers: Mapping[str, LayerEffects], level: LayerLevel, batch: int
) -> dict[str, RoundingNoise]:
    """Measures a few channels of each layer, alone, and fits its noise."""
    pairs = {name: _probes(layer) for name, layer in layers.items()}
    picks = {
        name: [_alone(layer.squared.shape[1], *pair) for pair in pairs[name]]
        for name, layer in layers.items()
    }
    measured = level.squared_changes(picks, PROBE_SAMPLES, batch)
    noise = {}
    for name, layer in layers.items():
        rows, channels = np.array(pairs[name], int).reshape(-1, 2).T
        first_order = layer.head_squared[rows, channels]
        seen = first_order > 0
        noise[name] = RoundingNoise.fit(first_order[seen], measured[name][seen])
    return noise


def _probes(layer: LayerEffects) -> list[tuple[int, int]]:
    """Multiplier and channel of each probe: smaller effects, where noise is most of the change."""
    rows, channels = np.nonzero(layer.squared > 0)
    if not len(rows):
        return []
    order = np.argsort(layer.squared[rows, channels], kind="stable")
    places = sorted({int(quantile * (len(order) - 1)) for quantile in PROBES})
    return [(int(rows[order[p]]), int(channels[order[p]])) for p in places]


def _alone(channels: int, multiplier: int, channel: int) -> np.ndarray:
    index = np.zeros(channels, np.int32)
    index[channel] = multiplier
    return index


def _with_noise(layer: LayerEffects, noise: RoundingNoise) -> FilterScore:
    total = layer.squared + noise(layer.squared)
    shifts = np.concatenate(layer.margins, axis=2) if layer.margins else None
    margin = None if shifts is None else shifts.mean(axis=2, dtype=np.float64)
    return FilterScore(total, layer.squared, margin, shifts, GRADIENT)


def _shared_out(
    operator: OperatorScore, measured: np.ndarray, reason: str, folded: bool
) -> FilterScore:
    """A layer's measured mean squared change [T], by the share of each channel in its error."""
    power = operator.mean_squares(folded) * operator.output_scale**2
    total = power.sum(axis=1, keepdims=True)
    share = np.divide(power, total, out=np.zeros_like(power), where=total > 0)
    return FilterScore(share * measured[:, None], None, None, None, MEASURED, reason)
