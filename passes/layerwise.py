"""Compensate layer by layer in topological order, each upon the compensated layers before it.

Measuring all layers at once and compensating them afterwards would count an error twice: in the
layer that makes it, and in every layer behind that already sees it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import numpy as np

from hawx_onnx.components import Multiplier
from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.passes.base import LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.layer_constants import (
    BIAS,
    W_SCALE,
    LayerConstants,
    layer_constants,
    with_constants,
)
from hawx_onnx.passes.layer_outputs import ExactOutputs, LayerOutputs
from hawx_onnx.passes.probe import table_indices
from hawx_onnx.passes.run_memory import fitting_batch, live_bytes, tensor_bytes
from hawx_onnx.passes.stages import Stages, Walk

DEFAULT_SAMPLES = 128
EXACT = "the assignment keeps it exact"
RUN_TIME = "the ranges of its activations are found at run time"

# What a layer's accumulators make of its constants: place among its inputs -> new values.
Fit = Callable[[LayerOutputs, LayerConstants], dict[int, np.ndarray]]


def require_assignment(state: PassState, name: str) -> None:
    """Checks that there are an assignment over known layers and calibration samples.

    Raises:
        ConfigError: The assignment is missing, or names what is not known.
        DataError: There are no calibration samples.
    """
    if state.assignment is None:
        raise ConfigError("no assignment was chosen", where=name, mend="search first")
    layers = [candidate.name for candidate in state.candidates]
    state.assignment.check(layers, [multiplier.name for multiplier in state.multipliers])
    if state.dataset is None or len(state.dataset.calibration) == 0:
        raise DataError("there are no calibration samples", where="data", mend="give --data")


def used_multipliers(state: PassState) -> tuple[Multiplier, ...]:
    """The exact multiplier and those that the assignment uses."""
    assert state.assignment is not None
    names = set(state.assignment.multipliers())
    return (state.multipliers[0], *(m for m in state.multipliers[1:] if m.name in names))


def calibration_samples(
    state: PassState, samples: int, threads: int, memory_limit: int | None = None
) -> np.ndarray:
    """The calibration samples that layers are measured on.

    Args:
        state: Int8 model and data.
        samples: How many samples at most.
        threads: Threads within an operator.
        memory_limit: Bytes that the process may hold; of samples whose activations would take more
            only as many are used as fit. None for any number.
    """
    assert state.dataset is not None
    x = state.dataset.calibration.x[:samples]
    if memory_limit is None:
        return x
    sizes, rows = tensor_bytes(state.model, x, threads)
    each = live_bytes(state.model, sizes, ()) / rows
    return x[: fitting_batch(memory_limit, each, least=rows, most=len(x))]


def exact_outputs(
    state: PassState, samples: int, threads: int, memory_limit: int | None = None
) -> ExactOutputs:
    """Outputs of the state's model, taken as the exact network, on its calibration samples.

    Args:
        state: Int8 model, candidates, multipliers and data.
        samples: How many samples at most.
        threads: Threads within an operator.
        memory_limit: As of :func:`calibration_samples`.
    """
    x = calibration_samples(state, samples, threads, memory_limit)
    return ExactOutputs(state.model, state.candidates, state.multipliers[0], x, threads)


class Layerwise(Pass):
    """A pass that changes the constants of approximated layers, one after the other.

    Args:
        exact: Outputs of the exact network to come close to; those of the model that the pass is
            given, with exact multipliers, if None.
        samples: How many calibration samples are measured where ``exact`` is None.
        threads: Threads within an operator; 0 lets onnxruntime choose.
        memory_limit: Bytes that the process may hold; fewer samples are measured where more would
            not fit. None for any number.
    """

    def __init__(
        self,
        exact: ExactOutputs | None = None,
        samples: int = DEFAULT_SAMPLES,
        threads: int = 0,
        memory_limit: int | None = None,
    ) -> None:
        self.exact, self.samples = exact, samples
        self.threads, self.memory_limit = threads, memory_limit

    @abstractmethod
    def fit(self, outputs: LayerOutputs, known: LayerConstants) -> dict[int, np.ndarray]:
        """New constants of a layer: place among its inputs -> values."""

    def why_not(self, known: LayerConstants) -> str:
        """Why a layer cannot be treated; empty if it can."""
        return why_not(known)

    def requires(self, state: PassState) -> None:
        """There are an assignment and calibration samples."""
        require_assignment(state, self.name)

    def call(self, state: PassState) -> PassResult:
        """Walks through the network."""
        assert state.assignment is not None
        multipliers = used_multipliers(state)
        indices = table_indices(state.assignment, state.candidates, multipliers)
        constants = layer_constants(state.model, {c.name: c.channels for c in state.candidates})
        reasons = {
            c.name: self.why_not(constants[c.name]) if indices[c.name].any() else EXACT
            for c in state.candidates
        }
        left = tuple(
            LeftAlone(c.name, c.op, reasons[c.name]) for c in state.candidates if reasons[c.name]
        )
        if len(left) == len(state.candidates):
            return PassResult(state, False, left)
        exact = self.exact or exact_outputs(state, self.samples, self.threads, self.memory_limit)
        stages = Stages(state.model, state.candidates, multipliers, self.threads)
        treated = {name: known for name, known in constants.items() if not reasons[name]}
        changes = follow(stages, exact, treated, indices, self.fit)
        model = with_constants(state.model, changes)
        return PassResult(state.replace(model=model), bool(changes), left)


def why_not(known: LayerConstants) -> str:
    """Why a layer's outputs cannot be set against the exact network's; empty if they can."""
    if known.weights is None:
        return "both of its operands are activations"
    if W_SCALE not in known.values:
        return RUN_TIME
    if known.steps is None:
        return "its weight scales differ along a stack of matrices"
    return ""


def follow(
    stages: Stages,
    exact: ExactOutputs,
    treated: Mapping[str, LayerConstants],
    indices: Mapping[str, np.ndarray],
    fit: Fit,
) -> dict[str, dict[int, np.ndarray]]:
    """Walks through a network under an assignment and compensates layer by layer.

    Args:
        stages: The network.
        exact: The exact network's outputs.
        treated: Layers to compensate, with their constants.
        indices: Which multiplier each channel uses: layer -> int32 [channels]; 0 is exact, and
            channels that are exact keep their constants.
        fit: Gives new constants.

    Returns:
        Layer -> place among its inputs -> new values, where any differ.
    """
    walk, changes = Walk(stages, exact.x), {}
    for candidate in stages.candidates:
        name, index = candidate.name, indices[candidate.name]
        if name in treated and index.any():
            sums = walk.accumulators(index)
            known = treated[name]
            fitted = fit(exact.against(candidate, known, sums), known)
            changed = approximated_only(fitted, known, index > 0)
            if changed:
                changes[name] = changed
        walk.advance(index, changes.get(name))
    return changes


def approximated_only(
    fitted: Mapping[int, np.ndarray], known: LayerConstants, approximated: np.ndarray
) -> dict[int, np.ndarray]:
    """Keeps the constants of exact channels; empty if nothing differs at all."""
    scales = known.channel_scales
    assert scales is not None
    old = {BIAS: known.bias, W_SCALE: scales}
    merged = {
        place: np.where(approximated, values, old[place]) if place in old else values
        for place, values in fitted.items()
    }
    same = all(np.array_equal(merged[place], old[place]) for place in old if place in merged)
    return {} if same else merged
