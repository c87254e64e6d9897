"""Predictive models: accuracy of an assignment, cost of a multiplier, without running either."""

from __future__ import annotations

from typing import TypeAlias

from hawx_onnx.predictors.accuracy import AccuracyPredictor
from hawx_onnx.predictors.filter_surrogate import FilterSurrogate
from hawx_onnx.predictors.model_level import Prediction, predict, predict_uniform
from hawx_onnx.predictors.noise_surrogate import FilterNoiseSurrogate, NoiseSurrogate
from hawx_onnx.predictors.surrogate import ResponseSurrogate, spearman
from hawx_onnx.predictors.validation import AccuracyReport

Surrogate: TypeAlias = ResponseSurrogate | FilterSurrogate | NoiseSurrogate | FilterNoiseSurrogate

__all__ = [
    "AccuracyPredictor",
    "AccuracyReport",
    "FilterNoiseSurrogate",
    "FilterSurrogate",
    "NoiseSurrogate",
    "Prediction",
    "ResponseSurrogate",
    "Surrogate",
    "predict",
    "predict_uniform",
    "spearman",
]
