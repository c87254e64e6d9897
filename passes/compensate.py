"""Try the compensation passes one by one, and keep those that gain on validation samples."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np

from hawx_onnx.assignment import Assignment
from hawx_onnx.compensation import Compensation
from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.names import close_names
from hawx_onnx.passes.base import LeftAlone, Pass, PassState
from hawx_onnx.passes.compensated import compensation_of, with_compensation
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
from hawx_onnx.passes.trial import Outcome, Quality, Trial
from hawx_onnx.runtime.evaluate import classes

# In the order in which they run: weights decide what scales and biases have to make up for.
ORDER = (MapWeights.name, Rescale.name, FoldBias.name)
# In the order in which they are tried: the one that gains most, alone, first.
TRIALS = (FoldBias.name, MapWeights.name, Rescale.name)

Value = TypeVar("Value")
# Called with a name, what a result is made of in plain values, and what makes it; gives the result.
Recall = Callable[[str, Mapping[str, Any], Callable[[], Any]], Any]
Scores = Callable[[np.ndarray], np.ndarray]


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
    recall: Recall | None = None,
    scores: Scores | None = None,
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
        recall: Knows what was found out before a run was interrupted.
        scores: Scores of the validation samples, the higher the better, bool or float64 [samples],
            of outputs [samples, values]; whether the class is right if None.

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
    recall = recall or (lambda name, inputs, make: make())
    report = progress or (lambda: None)
    run = _Trials(state, samples, threads, memory_limit, report, folded, recall, scores)
    for name in chosen:
        run.attempt(name)
    if FoldBias.name in chosen and FoldBias.name not in run.kept and run.kept:
        run.attempt(FoldBias.name)
    if run.changed is not None:
        model = with_compensation(state.model, state.candidates, run.changed)
        state = state.replace(model=model)
    return Compensated(state, tuple(run.trials.values()), run.changed)


@dataclass(eq=False)
class _Trials:
    """The state of the search for the best set of passes."""

    start: PassState
    samples: int
    threads: int
    memory_limit: int | None
    progress: Callable[[], None]
    folded: ExactOutputs | None
    recall: Recall
    scores: Scores | None
    kept: set[str] = field(default_factory=set)
    trials: dict[str, Trial] = field(default_factory=dict)
    changed: Compensation | None = None

    def __post_init__(self) -> None:
        assert self.start.dataset is not None
        self._split = self.start.dataset.validation
        self._multipliers = used_multipliers(self.start)
        self.quality = self._recalled("", [], lambda: self._measured(self.start))

    # All that takes runs of the network waits until a trial is made, as all may be known.

    @cached_property
    def _exact(self) -> np.ndarray:
        return self._outputs(self.start, Assignment(()))

    @cached_property
    def _labels(self) -> np.ndarray:
        return classes(self._exact) if self._split.y is None else self._split.y

    @cached_property
    def _passes(self) -> Mapping[str, Callable[[], Pass]]:
        measured: ExactOutputs = self.folded or exact_outputs(
            self.start, self.samples, self.threads, self.memory_limit
        )
        return {
            MapWeights.name: partial(MapWeights, self.threads, self.memory_limit),
            Rescale.name: partial(Rescale, measured, threads=self.threads),
            FoldBias.name: partial(FoldBias, measured, threads=self.threads),
        }

    def attempt(self, name: str) -> None:
        """Tries a pass besides those that are kept."""
        names = [one for one in ORDER if one in self.kept or one == name]
        found = self._recalled(name, names, lambda: self._tried(name, names))
        before, after = self.quality, found.quality
        searched = self.folded is not None and name == FoldBias.name and not self.trials
        gains = not before.beats(after) if searched else after.beats(before)
        kept = found.layers > 0 and gains
        self.trials.pop(name, None)
        self.trials[name] = Trial(
            name, kept, before, after, found.layers, found.seconds, found.left_alone
        )
        if kept:
            self.kept.add(name)
            self.quality, self.changed = found.quality, found.changed

    def _tried(self, name: str, names: Sequence[str]) -> Outcome:
        """The passes run, and what they make of the network."""
        begin = time.perf_counter()
        state = self.start
        for one in names:
            previous, state = state, self._passes[one]()(state)
            if one == name:
                layers, left = _changed(previous, state), _hindered(state)
        changed = compensation_of(self.start.model, state.model, state.candidates, names)
        quality = self._measured(state)
        return Outcome(quality, layers, left, changed, time.perf_counter() - begin)

    def _recalled(self, name: str, names: Sequence[str], make: Callable[[], Value]) -> Value:
        assert self.start.assignment is not None
        inputs = {
            "assignment": self.start.assignment.to_dict(),
            "pass": name,
            "passes": names,
            "samples": self.samples,
        }
        value: Value = self.recall("compensation", inputs, make)
        return value

    def _outputs(self, state: PassState, assignment: Assignment) -> np.ndarray:
        probe = AssignmentProbe(state.model, state.candidates, self._multipliers, self.threads)
        self.progress()
        return probe.outputs(assignment, self._split.x)

    def _measured(self, state: PassState) -> Quality:
        assert state.assignment is not None
        outputs = self._outputs(state, state.assignment)
        difference = outputs.astype(np.float64) - self._exact
        found = classes(outputs) == self._labels if self.scores is None else self.scores(outputs)
        return Quality(found, float(np.square(difference).mean()))


def _changed(before: PassState, after: PassState) -> int:
    """How many layers a pass changed."""
    changed = compensation_of(before.model, after.model, before.candidates, ())
    return 0 if changed is None else len(changed.layers)


def _hindered(state: PassState) -> tuple[LeftAlone, ...]:
    """Approximated layers that the pass that ran last could not treat."""
    return tuple(one for one in state.records[-1].left_alone if one.reason != EXACT)
