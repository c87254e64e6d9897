"""Predictive models: accuracy of an assignment without running it."""

from __future__ import annotations

from hawx_onnx.predictors.model_level import Prediction, predict, predict_uniform
from hawx_onnx.predictors.surrogate import ResponseSurrogate, spearman

__all__ = ["Prediction", "ResponseSurrogate", "predict", "predict_uniform", "spearman"]
