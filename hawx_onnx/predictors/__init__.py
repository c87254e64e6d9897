"""Predictive models: accuracy of an assignment, cost of a multiplier, without running either."""

from __future__ import annotations

from hawx_onnx.predictors.accuracy import AccuracyPredictor
from hawx_onnx.predictors.filter_surrogate import FilterSurrogate
from hawx_onnx.predictors.model_level import Prediction, predict, predict_uniform
from hawx_onnx.predictors.surrogate import ResponseSurrogate, spearman
from hawx_onnx.predictors.validation import AccuracyReport

__all__ = [
    "AccuracyPredictor",
    "AccuracyReport",
    "FilterSurrogate",
    "Prediction",
    "ResponseSurrogate",
    "predict",
    "predict_uniform",
    "spearman",
]
