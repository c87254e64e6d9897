"""Figures of single samples that metrics are means of."""

from __future__ import annotations

import numpy as np

from hawx_onnx.errors import DataError, ModelError
from hawx_onnx.frontend.outputs import are_class_scores
from hawx_onnx.metric_names import FLAG, MSE, PERPLEXITY

# Sums of outputs this near to 1 are those of probabilities.
_PROBABILITIES = 1e-3

Array = np.ndarray


def top_1(outputs: Array, targets: Array) -> Array:
    """Whether the class of the greatest score is the right one: bool [samples]."""
    return np.asarray(class_scores(outputs).argmax(axis=1) == targets)


def top_5(outputs: Array, targets: Array) -> Array:
    """Whether the right class is among the five of the greatest scores: bool [samples].

    Of equal scores the one of the lower class goes first, as ``argmax`` has it.
    """
    scores = class_scores(outputs)
    own = np.take_along_axis(scores, np.asarray(targets)[:, None], axis=1)
    before = np.arange(scores.shape[1]) < np.asarray(targets)[:, None]
    ahead = (scores > own) | ((scores == own) & before)
    return np.asarray(ahead.sum(axis=1) < 5)


def squared_error(outputs: Array, targets: Array) -> Array:
    """Mean squared difference of each sample's outputs to its targets: float64 [samples]."""
    flat = outputs.reshape(len(outputs), -1).astype(np.float64)
    wanted = targets.reshape(len(targets), -1)
    if flat.shape != wanted.shape:
        raise ModelError(
            f"gives {list(outputs.shape[1:])} for each sample, the labels hold "
            f"{list(targets.shape[1:])}",
            where="model output",
            mend="give a label for each value of the output, or choose one with --output-name",
        )
    return np.asarray(np.square(flat - wanted).mean(axis=1))


def cross_entropy(outputs: Array, targets: Array) -> Array:
    """Sum of -log p(right token) over a sample's scored positions, in nats: float64 [samples].

    Args:
        outputs: Logits, or probabilities, over the last axis: [samples, ..., tokens].
        targets: Right tokens [samples, ...]; positions of negative ones are left out.
    """
    wanted = np.asarray(targets)
    if outputs.shape[:-1] != wanted.shape:
        raise ModelError(
            f"gives {list(outputs.shape[1:])} for each sample, the labels have shape "
            f"{list(wanted.shape[1:])}",
            where="model output",
            mend="perplexity needs one score for each token at each position that has a label",
        )
    if wanted.max(initial=-1) >= outputs.shape[-1]:
        raise DataError(
            f"label {wanted.max()}, but the model has {outputs.shape[-1]} tokens, "
            f"0 to {outputs.shape[-1] - 1}",
            where="--data",
            mend="number the tokens as the model does",
        )
    rows = np.nonzero(wanted >= 0)
    scores = outputs[rows].astype(np.float64)
    right = np.take_along_axis(scores, wanted[rows][:, None], axis=1)[:, 0]
    loss = -np.log(np.maximum(right, 1e-30))
    if not _are_probabilities(scores):
        peak = scores.max(axis=1)
        # Infinite scores give NaN, which the metric refuses.
        with np.errstate(invalid="ignore"):
            loss = np.log(np.exp(scores - peak[:, None]).sum(axis=1)) + peak - right
    return np.bincount(rows[0], loss, minlength=len(outputs))


def _are_probabilities(scores: Array) -> bool:
    sums = scores.sum(axis=1)
    return bool((scores >= 0).all() and (np.abs(sums - 1) < _PROBABILITIES).all())


def class_scores(outputs: Array) -> Array:
    """Class scores [samples, classes]; further axes of size 1 are dropped.

    Raises:
        ModelError: The outputs have several axes besides the samples, as those of sequences or
            segmentations: one class for each sample is not what they mean.
    """
    if not are_class_scores(outputs) and outputs.reshape(len(outputs), -1).shape[1] > 1:
        raise ModelError(
            f"gives {list(outputs.shape[1:])} for each sample; top-1 accuracy needs one score "
            "for each class",
            where="model output",
            mend=f"choose {FLAG} {PERPLEXITY}, {MSE} or package.module:function, or reduce the "
            "output to class scores, for example with ReduceMean over the positions",
        )
    return outputs.reshape(len(outputs), -1)
