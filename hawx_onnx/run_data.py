"""The data of a run, and classes where it has no labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from hawx_onnx.frontend.data import Dataset, Preprocessing, Split, load_dataset
from hawx_onnx.frontend.model import model_input
from hawx_onnx.passes.graph import metadata
from hawx_onnx.runtime.evaluate import classes
from hawx_onnx.runtime.output_checks import check_classes
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.settings import Settings

REFERENCE_KEY = "hawx.reference"


def load_data(model: onnx.ModelProto, settings: Settings) -> Dataset:
    """The data set of a run: what ``--data`` names, or the reference network's own, or synthetic.

    The validation split is cut to ``validation_samples``.
    """
    given = None if settings.preprocess is None else Preprocessing.from_yaml(settings.preprocess)
    dataset = load_dataset(
        settings.data,
        model_input(model),
        reference=metadata(model).get(REFERENCE_KEY),
        preprocessing=given,
        seed=settings.seed,
    )
    return replace(dataset, validation=_head(dataset.validation, settings.validation_samples))


def _head(split: Split, count: int) -> Split:
    """The first samples of a split."""
    y = None if split.y is None else split.y[:count]
    return Split(split.name, split.x[:count], y)


def with_labels(dataset: Dataset, model: onnx.ModelProto, threads: int) -> Dataset:
    """Fills in the float model's classes where the data has no labels; checks given labels.

    Raises:
        DataError: A label is no class of the model.
    """
    runner = Runner(model, threads=threads)
    if dataset.labelled:
        outputs = runner.run(dataset.test.x[:1])
        for split in dataset.splits:
            check_classes(split, outputs)
        return dataset
    calibration, validation, test = (
        Split(split.name, split.x, classes(runner.run(split.x)).astype(np.int64))
        for split in dataset.splits
    )
    return replace(dataset, calibration=calibration, validation=validation, test=test)
