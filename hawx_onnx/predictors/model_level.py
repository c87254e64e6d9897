"""The model level: what an assignment does to the whole network, without running it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hawx_onnx.assignment import Assignment
from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors.composition import composed, factors_of
from hawx_onnx.sensitivity import Sensitivity


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted behaviour of an assignment on the scoring samples.

    Attributes:
        outputs: Outputs of each sample, float32 [S, C].
        output_mse: Mean squared change of the outputs, in squared output units.
        agreement: Share of samples whose class is that of the exact int8 model; where the output is
            no vector of class scores, 1 less ``output_mse`` over the variance of the exact outputs,
            at least 0.
        accuracy: Share of samples whose class is the label; None where the output is no vector of
            class scores.
        loss: Mean cross-entropy of softmax(outputs) with the labels, in nats; None likewise.
    """

    outputs: np.ndarray
    output_mse: float
    agreement: float
    accuracy: float | None
    loss: float | None

    def to_dict(self) -> dict[str, float | None]:
        """The figures, for ``sensitivity.json``."""
        names = ("accuracy", "agreement", "loss", "output_mse")
        return {name: getattr(self, name) for name in names}


def predict(sensitivity: Sensitivity, assignment: Assignment) -> Prediction:
    """Predicts what an assignment does.

    Measured responses of layers with one multiplier are composed, sample by sample
    (:mod:`hawx_onnx.predictors.composition`). A layer of several multipliers moves the score of
    the true class by what its channels do to the margin.

    Args:
        sensitivity: Scores; of an assignment with several multipliers in a layer, the filter level
            too.
        assignment: Layers that it leaves out are exact.

    Raises:
        ConfigError: A layer or a multiplier was not scored, or the filter level is not there.
    """
    assignment.check(sensitivity.layers, sensitivity.multipliers)
    squared = 0.0
    picks: list[tuple[int, int]] = []
    mixed: list[tuple[str, np.ndarray]] = []
    for row, layer in enumerate(sensitivity.layers):
        index = _indices(sensitivity, assignment, layer)
        if len(index) == 1:
            if index[0]:
                picks.append((row, int(index[0])))
            continue
        mixed.append((layer, index))
        squared += float(sensitivity.filters[layer].output_mse[index, np.arange(len(index))].sum())
    outputs = composed(sensitivity, picks, factors_of(sensitivity))
    change = outputs.astype(np.float64) - sensitivity.baseline
    squared += float((change**2).mean())
    if sensitivity.labels is None:
        variance = float(np.var(sensitivity.baseline, dtype=np.float64)) or 1.0
        return Prediction(
            outputs, squared, float(np.clip(1 - squared / variance, 0, 1)), None, None
        )
    rows = np.arange(len(outputs))
    outputs[rows, sensitivity.labels] += _margin_shift(sensitivity, mixed)
    return _of_classes(sensitivity, sensitivity.labels, outputs, squared)


def predict_uniform(sensitivity: Sensitivity) -> dict[str, Prediction]:
    """Predictions with one multiplier in every layer, by multiplier; the exact one included."""
    return {
        name: predict(sensitivity, Assignment.of(dict.fromkeys(sensitivity.layers, name)))
        for name in sensitivity.multipliers
    }


def _indices(sensitivity: Sensitivity, assignment: Assignment, layer: str) -> np.ndarray:
    """Multipliers of a layer's channels, or the one that all of them have."""
    choice = assignment.get(layer, sensitivity.multipliers[0])
    names = (choice,) if isinstance(choice, str) else choice
    if len(set(names)) == 1:
        return np.array([sensitivity.multipliers.index(names[0])])
    score = sensitivity.filters.get(layer)
    if score is None:
        raise ConfigError(
            f"layer {layer} has several multipliers, and single channels were not scored",
            where="assignment",
            mend="score them too, as `hawx-onnx analyze` does",
        )
    assignment.per_channel(layer, score.output_mse.shape[1], sensitivity.multipliers[0])
    return np.array([sensitivity.multipliers.index(name) for name in names])


def _margin_shift(
    sensitivity: Sensitivity, mixed: Iterable[tuple[str, np.ndarray]]
) -> np.ndarray | float:
    """Change of each sample's margin by layers of several multipliers, [S]."""
    total: np.ndarray | float = 0.0
    for layer, index in mixed:
        shifts = sensitivity.filters[layer].margin_shifts
        if shifts is not None:
            total = total + shifts[index, np.arange(len(index))].sum(axis=0)
    return total


def _of_classes(
    sensitivity: Sensitivity, labels: np.ndarray, outputs: np.ndarray, squared: float
) -> Prediction:
    found = outputs.argmax(axis=1)
    shifted = outputs.astype(np.float64) - outputs.max(axis=1, keepdims=True)
    norm = np.log(np.exp(shifted).sum(axis=1))
    return Prediction(
        outputs=outputs,
        output_mse=squared,
        agreement=float((found == sensitivity.baseline.argmax(axis=1)).mean()),
        accuracy=float((found == labels).mean()),
        loss=float((norm - shifted[np.arange(len(labels)), labels]).mean()),
    )
