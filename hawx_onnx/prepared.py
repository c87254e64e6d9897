"""A model ready for search, as preparation hands it on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.hardware import Target
from hawx_onnx.metric_names import ACCURACY, AGREEMENT
from hawx_onnx.metrics import Metric, Scorer, metric_named
from hawx_onnx.passes import PassState
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.shared_folds import SharedFolds


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model ready for search.

    Attributes:
        path: The user's file.
        source: The user's model.
        state: Int8 graph, candidates, histograms, sensitivity.
        dataset: Splits whose labels are the true classes, or what else the metric compares
            outputs with; where the data has none, what the float model gives.
        labelled: Whether the labels are the data's own.
        target: The accelerator.
        warnings: What the user should know before trusting figures.
        folds: Folds the biases that assignments are scored and measured with; None where they
            are not compensated.
        held: The assignment that the user's model was rewritten by; None where it was not.
        judged_by: What networks are judged by; accuracy, or agreement, if None.
        output_shape: Of the scored output of one sample.
    """

    path: Path
    source: onnx.ModelProto
    state: PassState
    dataset: Dataset
    labelled: bool
    target: Target
    warnings: tuple[str, ...]
    folds: SharedFolds | None = None
    held: Assignment | None = None
    judged_by: Metric | None = None
    output_shape: tuple[int, ...] = (-1,)

    def validation_scores(self, outputs: np.ndarray) -> np.ndarray:
        """Scores of the validation samples: [samples] of their outputs [samples, values]."""
        shaped = outputs.reshape(len(outputs), *self.output_shape)
        targets = self.dataset.validation.y
        assert targets is not None
        return self.scorer.scores(shaped, targets)

    @property
    def compensation(self) -> str | None:
        """The compensation that assignments are scored and measured with, if any."""
        return None if self.folds is None else FoldBias.name

    @property
    def measure(self) -> Metric:
        """What networks are judged by."""
        return self.judged_by or metric_named(ACCURACY if self.labelled else AGREEMENT)

    @property
    def metric(self) -> str:
        """``accuracy``, ``agreement`` with the float model, or another metric's name."""
        return self.measure.name

    @cached_property
    def scorer(self) -> Scorer:
        """The metric on the validation split."""
        return self.scorer_of(self.dataset.validation)

    def scorer_of(self, split: Split) -> Scorer:
        """The metric on one split."""
        assert split.y is not None
        return self.measure.bound(split.y)
