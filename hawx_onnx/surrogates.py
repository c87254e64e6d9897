"""Which surrogate predicts the scores of assignments, by the metric."""

from __future__ import annotations

import numpy as np

from hawx_onnx.predictors import (
    FilterNoiseSurrogate,
    FilterSurrogate,
    NoiseSurrogate,
    ResponseSurrogate,
    Surrogate,
)
from hawx_onnx.predictors.noise_surrogate import NoiseResponse, levels_of, measure_response
from hawx_onnx.prepared import Prepared
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.search import Problem
from hawx_onnx.settings import Settings

# Samples that noise is added to, and values of their outputs, at most; one sample at least.
SAMPLES, VALUES = 64, 2**22


def surrogate_of(prepared: Prepared, settings: Settings, problem: Problem) -> Surrogate:
    """What predicts scores of assignments."""
    sensitivity = prepared.state.sensitivity
    assert sensitivity is not None
    filters = settings.granularity == "filter"
    if prepared.measure.of_classes:
        if filters:
            return FilterSurrogate(sensitivity, problem.units)
        return ResponseSurrogate(sensitivity)
    response = noise_response(prepared, sensitivity.output_mse(), settings)
    if filters:
        return FilterNoiseSurrogate(sensitivity, problem.units, response)
    return NoiseSurrogate(sensitivity, response)


def noise_response(prepared: Prepared, mse: np.ndarray, settings: Settings) -> NoiseResponse:
    """What noise at the outputs of the exact int8 network does to the score.

    Args:
        prepared: The model; its first validation samples are run.
        mse: Mean squared change of the outputs with one layer approximated [L, T].
        settings: Threads and seed.
    """
    split = prepared.dataset.validation
    assert split.y is not None
    runner, parts, values = Runner(prepared.state.model, threads=settings.jobs), [], 0
    for outputs in runner.stream(split.x[:SAMPLES], [runner.scored], batch=1):
        parts.append(outputs[0])
        values += outputs[0].size
        if values >= VALUES:
            break
    found = np.concatenate(parts)
    targets = split.y[: len(found)]
    return measure_response(found, targets, prepared.scorer, levels_of(mse), settings.seed)
