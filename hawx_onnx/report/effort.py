"""What a search took, and how good its predictions were."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from hawx_onnx.predictors import spearman
from hawx_onnx.report.formats import finite
from hawx_onnx.search import SearchResult
from hawx_onnx.search.problem import order_of


def space_number(size: int) -> int | float | None:
    """The size of a space as JSON can hold it: exact, a float, or None beyond floats."""
    if size <= 2**53:
        return size
    return None if math.log10(size) > 308 else float(size)


def search_block(result: SearchResult, samples: int) -> dict[str, Any]:
    """Method, effort, and the time that measuring the whole space would take."""
    # Whole runs: what was given up early counts with the share of the samples that it was run on.
    runs = max(1.0, result.samples_run / samples) if samples else 1.0
    size = space_number(result.space_size)
    estimate = None if size is None else finite(size * result.measuring_seconds / runs)
    return {
        "method": result.method,
        "evaluations": result.evaluations,
        "samples": samples,
        "samples_run": result.samples_run,
        "stopped_by": result.stopped_by,
        "seconds": result.seconds,
        "scoring_seconds": result.scoring_seconds,
        "solving_seconds": result.solving_seconds,
        "measuring_seconds": result.measuring_seconds,
        "space_size": size,
        "space_size_log10": math.log10(result.space_size),
        "front_thinned": result.relaxed,
        "exhaustive_seconds_estimate": estimate,
        "speedup": None if estimate is None or not result.seconds else estimate / result.seconds,
    }


def predictor_block(result: SearchResult) -> dict[str, Any]:
    """Predicted against measured accuracy, on assignments that scoring did not run itself."""
    pairs = [
        (p.predicted_accuracy, p.measured_accuracy)
        for p in result.points
        if p.predicted_accuracy is not None
        and p.measured_accuracy is not None
        and p.complete
        and sum(any(entry) for entry in order_of(p.choice)) > 1
    ]
    predicted = [a for a, _ in pairs]
    measured = [b for _, b in pairs]
    errors = [abs(a - b) for a, b in pairs]
    return {
        "accuracy_spearman": spearman(predicted, measured),
        "accuracy_mae": float(np.mean(errors)) if errors else None,
        "assignments": len(pairs),
        # Costs of characterised components are sums in closed form: nothing is predicted.
        "power_spearman": None,
        "area_spearman": None,
        "learnt": learnt_block(result),
    }


def learnt_block(result: SearchResult) -> dict[str, Any] | None:
    """How good predictions were that were learnt, each before its assignment was measured."""
    return None if result.predictor is None else asdict(result.predictor)
