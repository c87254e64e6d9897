"""The data of a run, its metric, and targets where it has no labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data import Dataset, Preprocessing, Split, load_dataset
from hawx_onnx.frontend.data_checks import CLASSES
from hawx_onnx.frontend.model import model_input
from hawx_onnx.frontend.streamed import pick
from hawx_onnx.metric_figures import class_scores
from hawx_onnx.metric_names import ACCURACY, AGREEMENT, FLAG, PERPLEXITY
from hawx_onnx.metrics import Metric, metric_named
from hawx_onnx.passes.graph import metadata
from hawx_onnx.runtime.output_checks import check_classes
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.settings import Settings

REFERENCE_KEY = "hawx.reference"


def load_data(model: onnx.ModelProto, settings: Settings) -> Dataset:
    """The data set of a run: what ``--data`` names, or the reference network's own, or synthetic.

    The validation split is cut to ``validation_samples``. For the agreement with the float model
    labels are left out.
    """
    metric = None if settings.metric is None else metric_named(settings.metric)
    given = None if settings.preprocess is None else Preprocessing.from_yaml(settings.preprocess)
    dataset = load_dataset(
        settings.data,
        model_input(model),
        reference=metadata(model).get(REFERENCE_KEY),
        preprocessing=given,
        seed=settings.seed,
        labels=CLASSES if metric is None else metric.labels,
    )
    if metric is not None and metric.name == AGREEMENT:
        dataset = dataset.each(lambda split: replace(split, y=None))
    return replace(dataset, validation=_head(dataset.validation, settings.validation_samples))


def _head(split: Split, count: int) -> Split:
    """The first samples of a split."""
    y = None if split.y is None else split.y[:count]
    return Split(split.name, pick(split.x, slice(count)), y)


def metric_of(dataset: Dataset, settings: Settings) -> Metric:
    """The metric of a run: what ``--metric`` names, else accuracy, or agreement without labels."""
    default = ACCURACY if dataset.labelled else AGREEMENT
    return metric_named(settings.metric or default)


def with_targets(dataset: Dataset, model: onnx.ModelProto, metric: Metric, threads: int) -> Dataset:
    """Fills in what the float model gives where the data has no labels; checks given classes.

    That are its classes where the metric asks for classes, else its outputs, so that the metric
    tells how far a network is from it.

    Raises:
        DataError: A label is no class of the model, or perplexity is asked for without labels.
        ModelError: The metric asks for classes, and the output is no vector of class scores.
    """
    runner = Runner(model, threads=threads)
    if dataset.labelled:
        if metric.of_classes:
            outputs = class_scores(runner.run(dataset.test.x[:1]))
            for split in dataset.splits:
                check_classes(split, outputs)
        return dataset
    if metric.name == PERPLEXITY:
        raise DataError(
            "the data has no labels, and perplexity needs the token after each position",
            where=f"{FLAG} {PERPLEXITY}",
            mend="store y with the shape of the tokens, -100 where none is scored",
        )

    def targets(split: Split) -> np.ndarray:
        outputs = (found[0] for found in runner.stream(split.x, [runner.scored]))
        if not metric.of_classes:
            return np.concatenate(list(outputs))
        return np.concatenate([class_scores(rows).argmax(axis=1) for rows in outputs])

    return dataset.each(lambda split: replace(split, y=targets(split)))


def with_classes_alone(dataset: Dataset, metric: Metric) -> Dataset:
    """The data as the passes take it: labels that are no classes are left out."""
    if metric.of_classes:
        return dataset
    return dataset.each(lambda split: replace(split, y=None))
