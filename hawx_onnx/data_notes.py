"""What to know of a run's data before its figures are trusted."""

from __future__ import annotations

import numpy as np
import onnx

from hawx_onnx.data_doubts import doubt_of_labels, doubt_of_splits
from hawx_onnx.frontend.data import Dataset
from hawx_onnx.frontend.outputs import are_class_scores
from hawx_onnx.metric_names import AGREEMENT
from hawx_onnx.metrics import Metric
from hawx_onnx.runtime.evaluate import classes, flat_outputs
from hawx_onnx.runtime.runner import Runner

_LABELS_LOOKED_AT = 128


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


def doubts_about_data(
    model: onnx.ModelProto, dataset: Dataset, outputs: np.ndarray, metric: Metric, threads: int
) -> tuple[str, ...]:
    """What makes figures on this data worth little, though everything runs.

    Args:
        model: The user's model.
        dataset: The data, as it was given.
        outputs: Of the model, for a sample or a few.
        metric: What networks are judged by.
        threads: Threads within an operator.
    """
    y, count = dataset.calibration.y, flat_outputs(outputs).shape[1]
    comparable = y is not None and metric.of_classes and are_class_scores(outputs)
    labels = ""
    if comparable and y is not None and y.max(initial=0) < count:
        few = y[:_LABELS_LOOKED_AT]
        found = Runner(model, threads=threads).run(dataset.calibration.x[: len(few)])
        labels = doubt_of_labels(classes(found), few, count)
    # A network that gets labels right was made for these values.
    unscaled = dataset.unscaled if labels or not comparable else ""
    texts = (dataset.scaled_twice, unscaled, labels, doubt_of_splits(dataset))
    return tuple(text for text in texts if text)
