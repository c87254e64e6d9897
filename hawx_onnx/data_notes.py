"""What to know of a run's data before its figures are trusted."""

from __future__ import annotations

import numpy as np

from hawx_onnx.frontend.data import Dataset
from hawx_onnx.frontend.outputs import are_class_scores
from hawx_onnx.metric_names import AGREEMENT


def notes_on_data(
    dataset: Dataset, search: bool, outputs: np.ndarray, metric: str | None
) -> tuple[str, ...]:
    """What to know of the score; the reference is the float model in a search.

    Args:
        dataset: The data, as it was given.
        search: Whether it is for a search.
        outputs: Of the float model, for a sample or a few.
        metric: The metric that the user names; None for none.
    """
    whom = "the float model" if search else "the exact int8 model"
    score = "agreement with" if metric in (None, AGREEMENT) else f"{metric} against"
    if dataset.name == "synthetic":
        return (
            f"no data was given: inputs are synthetic and the score is {score} {whom}, "
            "a proxy that says little about real accuracy; give --data",
        )
    if dataset.labelled and metric is None and not are_class_scores(outputs):
        return (
            f"the output holds {list(outputs.shape[1:])} for each sample, no class scores: labels "
            f"are not used, the score is agreement with {whom}",
        )
    if not dataset.labelled and metric != AGREEMENT:
        return (f"the data has no labels: the score is {score} {whom}",)
    return ()
