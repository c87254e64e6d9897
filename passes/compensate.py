"""Try the compensation passes one by one, and keep those that gain on validation samples."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from hawx_onnx.assignment import Assignment
from hawx_onnx.compensation import Compensation
from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.names import close_names
from hawx_onnx.passes.base import LeftAlone, Pass, PassState
from hawx_onnx.passes.compensated import compensation_of
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.layer_outputs import ExactOutputs
from hawx_onnx.passes.layerwise import (
    DEFAULT_SAMPLES,
    EXACT,
    exact_outputs,
    require_assignment,
    used_multipliers,
)
from hawx_onnx.passes.map_weights import MapWeights
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.passes.rescale import Rescale
from hawx_onnx.runtime.evaluate import Z95, classes

# In the order in which they run: weights decide what scales and biases have to make up for.
ORDER = (MapWeights.name, Rescale.name, FoldBias.name)
# In the order in which they are tried: the one that gains most, alone, first.
TRIALS = (FoldBias.name, MapWeights.name, Rescale.name)


@dataclass(frozen=True, eq=False)
class Quality:
    """How a network does on the validation samples.

    Attributes:
        hits: bool [samples], whose class is right.
        output_mse: Mean squared difference of its outputs to those of the exact int8 network.
    """

    hits: np.ndarray
    output_mse: float

    @property
    def accuracy(self) -> float:
        """Accuracy as a fraction."""
        return float(self.hits.mean())

    def beats(self, other: Quality) -> bool:
        """Whether it gains on another network over the same samples.

        As many samples have to be right at least, and either outputs are closer to the exact ones,
        or more samples are right than chance explains (McNemar 1947, Psychometrika 12).
        """
        won = int((self.hits & ~other.hits).sum())
        lost = int((other.hits & ~self.hits).sum())
        beyond_chance = won - lost > Z95 * math.sqrt(won + lost)
        return won >= lost and (self.output_mse < other.output_mse or beyond_chance)


@dataclass(frozen=True)
class Trial:
    """One pass tried.

    Attributes:
        name: The pass.
        kept: Whether it gained on the validation samples and was kept.
        before: The network without it, with what was kept before.
        after: The network with it besides.
        layers: Layers that the pass changed.
        seconds: Time of the trial, measurement included.
        left_alone: Approximated layers that it could not treat, with reasons.
    """

    name: str
    kept: bool
    before: Quality
    after: Quality
    layers: int
    seconds: float
    left_alone: tuple[LeftAlone, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """An entry of ``compensation`` in ``report.json``."""
        return {
            "pass": self.name,
            "kept": self.kept,
            "gain": self.after.accuracy - self.before.accuracy,
            "validation_accuracy_before": self.before.accuracy,
            "validation_accuracy_after": self.after.accuracy,
            "validation_samples": len(self.before.hits),
            "output_mse_before": self.before.output_mse,
            "output_mse_after": self.after.output_mse,
            "layers": self.layers,
            "left_alone": [
                {"name": one.node, "op": one.op, "reason": one.reason} for one in self.left_alone
            ],
            "seconds": self.seconds,
        }


@dataclass(frozen=True, eq=False)
class Compensated:
    """A compensated network.

    Attributes:
        state: The state given, with the compensated model.
        trials: What was tried, in the order of the trials; none for an exact assignment.
        compensation: What the kept passes changed; None where nothing gained.
    """

    state: PassState
    trials: tuple[Trial, ...]
    compensation: Compensation | None

    @property
    def quality(self) -> Quality | None:
        """How the compensated network does on the validation samples; None without trials."""
        if not self.trials:
            return None
        kept = [trial for trial in self.trials if trial.kept]
        return kept[-1].after if kept else self.trials[-1].before


def compensate(
    state: PassState,
    passes: Sequence[str] = TRIALS,
    *,
    samples: int = DEFAULT_SAMPLES,
    threads: int = 0,
    memory_limit: int | None = None,
    progress: Callable[[], None] | None = None,
    folded: ExactOutputs | None = None,
) -> Compensated:
    """Compensates a network under its assignment.

    Each pass is tried upon those that were kept, and kept itself if it gains on the validation
    samples (:meth:`Quality.beats`). Passes are fitted on calibration samples alone.

    Args:
        state: Int8 model with candidates, multipliers, data and an assignment. The validation
            labels may be missing: the exact network's classes stand for them.
        passes: Names of the passes to try, of ``fold-bias``, ``map-weights`` and ``rescale``.
        samples: How many calibration samples layers are measured on.
        threads: Threads within an operator; 0 lets onnxruntime choose.
        memory_limit: Bytes that the process may hold; None for any number.
        progress: Called after each measurement.
        folded: Where a search measured its assignments with folded biases, the exact outputs that
            it folded them on. Biases then stay folded unless the network is better without, so
            that it is never worse than what the search measured.

    Raises:
        ConfigError: There is no pass of a name, or no sound assignment.
        DataError: There are no calibration or validation samples.
    """
    for name in passes:
        if name not in ORDER:
            raise ConfigError(
                f"there is no compensation pass {name!r}",
                where="compensation",
                mend=close_names(name, ORDER),
            )
    require_assignment(state, "compensation")
    assert state.dataset is not None and state.assignment is not None
    if len(state.dataset.validation) == 0:
        raise DataError("there are no validation samples", where="data", mend="give --data")
    exact = state.multipliers[0].name
    chosen = [name for name in TRIALS if name in passes]
    if not chosen or set(state.assignment.multipliers()) <= {exact}:
        return Compensated(state, (), None)
    run = _Trials(state, samples, threads, memory_limit, progress or (lambda: None), folded)
    for name in chosen:
        run.attempt(name)
    if FoldBias.name in chosen and FoldBias.name not in run.kept and run.kept:
        run.attempt(FoldBias.name)
    changed = compensation_of(
        state.model, run.state.model, state.candidates, [n for n in ORDER if n in run.kept]
    )
    return Compensated(run.state, tuple(run.trials.values()), changed)


@dataclass(eq=False)
class _Trials:
    """The state of the search for the best set of passes."""

    start: PassState
    samples: int
    threads: int
    memory_limit: int | None
    progress: Callable[[], None]
    folded: ExactOutputs | None
    kept: set[str] = field(default_factory=set)
    trials: dict[str, Trial] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.start.dataset is not None
        self.state = self.start
        self._split = self.start.dataset.validation
        self._multipliers = used_multipliers(self.start)
        self._exact = self._outputs(self.start, Assignment(()))
        labels = self._split.y
        self._labels = classes(self._exact) if labels is None else labels
        measured: ExactOutputs = self.folded or exact_outputs(
            self.start, self.samples, self.threads, self.memory_limit
        )
        self._make: Mapping[str, Callable[[], Pass]] = {
            MapWeights.name: partial(MapWeights, self.threads, self.memory_limit),
            Rescale.name: partial(Rescale, measured, threads=self.threads),
            FoldBias.name: partial(FoldBias, measured, threads=self.threads),
        }
        self.quality = self._measured(self.start)

    def attempt(self, name: str) -> None:
        """Tries a pass besides those that are kept."""
        begin = time.perf_counter()
        before, state = self.quality, self.start
        for one in ORDER:
            if one in self.kept or one == name:
                previous, state = state, self._make[one]()(state)
                if one == name:
                    layers = _changed(previous, state)
                    left = _hindered(state)
        after = self._measured(state)
        searched = self.folded is not None and name == FoldBias.name and not self.trials
        kept = layers > 0 and (not before.beats(after) if searched else after.beats(before))
        if kept:
            self.kept.add(name)
            self.state, self.quality = state, after
        seconds = time.perf_counter() - begin
        self.trials.pop(name, None)
        self.trials[name] = Trial(name, kept, before, after, layers, seconds, left)

    def _outputs(self, state: PassState, assignment: Assignment) -> np.ndarray:
        probe = AssignmentProbe(state.model, state.candidates, self._multipliers, self.threads)
        self.progress()
        return probe.outputs(assignment, self._split.x)

    def _measured(self, state: PassState) -> Quality:
        assert state.assignment is not None
        outputs = self._outputs(state, state.assignment)
        difference = outputs.astype(np.float64) - self._exact
        return Quality(classes(outputs) == self._labels, float(np.square(difference).mean()))


def _changed(before: PassState, after: PassState) -> int:
    """How many layers a pass changed."""
    changed = compensation_of(before.model, after.model, before.candidates, ())
    return 0 if changed is None else len(changed.layers)


def _hindered(state: PassState) -> tuple[LeftAlone, ...]:
    """Approximated layers that the pass that ran last could not treat."""
    return tuple(one for one in state.records[-1].left_alone if one.reason != EXACT)
