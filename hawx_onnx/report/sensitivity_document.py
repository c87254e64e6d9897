"""The content of ``sensitivity.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hawx_onnx.assignment import Assignment
from hawx_onnx.passes.base import LeftAlone
from hawx_onnx.predictors import predict, predict_uniform
from hawx_onnx.sensitivity import Sensitivity


def sensitivity_document(
    sensitivity: Sensitivity,
    left_exact: Sequence[LeftAlone] = (),
    assignment: Assignment | None = None,
) -> dict[str, Any]:
    """Returns all levels of a model's sensitivity as one JSON object.

    Args:
        sensitivity: The scores.
        left_exact: Nodes that multiply and are no candidates.
        assignment: One whose effect is predicted besides those with one multiplier everywhere.

    Raises:
        ConfigError: The assignment names what was not scored.
    """
    uniform = predict_uniform(sensitivity)
    model_level: dict[str, Any] = {
        "uniform": {name: one.to_dict() for name, one in uniform.items()}
    }
    if assignment is not None:
        model_level["assignment"] = predict(sensitivity, assignment).to_dict()
    return {
        **sensitivity.to_dict(),
        "model_level": model_level,
        "left_exact": [
            {"name": note.node, "op": note.op, "reason": note.reason} for note in left_exact
        ],
    }
