"""Accuracy, or another metric, of any ONNX model."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.data_doubts import doubt_of_labels
from hawx_onnx.errors import ConfigError
from hawx_onnx.frontend.data import Split
from hawx_onnx.frontend.model import load_model
from hawx_onnx.frontend.narrow_weights import NARROWED_KEY
from hawx_onnx.frontend.outputs import with_output
from hawx_onnx.metric_names import ACCURACY, AGREEMENT, FLAG
from hawx_onnx.metrics import metric_named
from hawx_onnx.passes.graph import metadata
from hawx_onnx.rewritten import is_rewritten
from hawx_onnx.run_data import load_data
from hawx_onnx.runtime.evaluate import classes, measured
from hawx_onnx.runtime.library import library_installed
from hawx_onnx.runtime.output_checks import check_classes
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.settings import Settings

log = logging.getLogger(__name__)


def evaluate_model(
    model: str | Path, settings: Settings, split: str, use_library: bool | None
) -> dict[str, Any]:
    """See ``hawx_onnx.evaluate``.

    Raises:
        ConfigError: The data has no labels, the metric needs a float model besides, or there is no
            such split.
    """
    metric = metric_named(settings.metric or ACCURACY)
    if metric.name == AGREEMENT:
        raise ConfigError(
            "a model alone agrees with itself",
            where=FLAG,
            mend="`optimize` and `explore` report the agreement with the float model",
        )
    loaded, _ = with_output(load_model(model), settings.output_name)
    dataset = load_data(loaded, settings)
    if not dataset.labelled:
        raise ConfigError(
            "the data has no labels, and a model alone agrees with itself",
            where="--data",
            mend="give labelled data (.npz with x and y); `optimize` reports agreement",
        )
    chosen = next((part for part in dataset.splits if part.name == split), None)
    if chosen is None or chosen.y is None:
        raise ConfigError(f"there is no split {split!r}", mend="test, validation or calibration")
    library = use_library
    if library is None:
        library = is_rewritten(loaded) and library_installed()
    # Of a model that is too large to be held, the file itself is run, with its own weights.
    path = str(model) if NARROWED_KEY in metadata(loaded) else None
    runner = Runner(loaded, threads=settings.jobs, use_library=library, path=path)
    if metric.of_classes:
        _check_classes(runner, chosen)
    scorer = metric.bound(chosen.y)
    found = (outputs[0] for outputs in runner.stream(chosen.x, [runner.scored]))
    named: list[np.ndarray] = []
    result = measured(_noting(found, named) if metric.of_classes else found, chosen.y, scorer)
    for text in (dataset.scaled_twice, _doubt_of_labels(named, chosen.y)):
        if text:
            log.warning("%s", text)
    told = scorer.to_dict()
    return {
        **result.to_dict(scorer),
        "metric": metric.name,
        **{key: told[key] for key in ("unit", "higher_is_better")},
        "split": split,
        "path": "library" if library else "portable",
        "data": dataset.note,
    }


def _noting(found: Iterable[np.ndarray], named: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Hands outputs on, and notes the class that each of them names."""
    for outputs in found:
        named.append(classes(outputs))
        yield outputs


def _doubt_of_labels(named: Sequence[np.ndarray], labels: np.ndarray) -> str:
    """Why labels look as if they were not the network's; empty if they do not."""
    if not named:
        return ""
    predicted = np.concatenate(named)
    return doubt_of_labels(predicted, labels, int(max(predicted.max(), labels.max())) + 1)


def _check_classes(runner: Runner, split: Split) -> None:
    """Checks labels on one sample, before all are run."""
    first: np.ndarray = next(runner.stream(split.x[:1], [runner.scored]))[0]
    check_classes(split, first)
