"""Checks of what a network gives, on a few samples, before the first expensive step."""

from __future__ import annotations

import numpy as np
import onnx

from hawx_onnx.errors import DataError, LibraryError, ModelError
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.frontend.model import batches
from hawx_onnx.frontend.outputs import check_finite, check_rows
from hawx_onnx.runtime.evaluate import flat_outputs
from hawx_onnx.runtime.runner import Runner

LOOKED_AT = 4  # samples on which the scored output is looked at


def check_classes(split: Split, outputs: np.ndarray) -> None:
    """Checks that the model has an output for each label.

    Raises:
        DataError: A label is no class of the model.
    """
    count = flat_outputs(outputs).shape[1]
    if split.y is None or not len(split.y) or split.y.max() < count:
        return
    raise DataError(
        f"label {split.y.max()} in the {split.name} split, but the model has {count} outputs, "
        f"classes 0 to {count - 1}",
        where="--data",
        mend="number the classes as the model does (`label_offset` in --preprocess shifts them)",
    )


def check_output(model: onnx.ModelProto, dataset: Dataset, threads: int) -> np.ndarray:
    """Runs a few samples to see whether the scored output can be scored.

    Returns:
        That output for the first sample, or for the first batch of a model with a fixed batch.

    Raises:
        ModelError: Its shape depends on the samples, it is NaN or infinite, or the model does not
            run on the data.
    """
    runner = Runner(model, threads=threads)
    others = [f"'{name}'" for name in runner.outputs if name != runner.scored]
    first = None
    for size in (1, LOOKED_AT):
        rows, _ = next(iter(batches(dataset.validation.x[:LOOKED_AT], runner.spec, size)))
        try:
            (outputs,) = runner.run_batch(rows, [runner.scored])
        except LibraryError as error:
            raise ModelError(
                error.what, where="model", mend="check that the model and the data fit each other"
            ) from error
        check_rows(outputs, len(rows), runner.scored, others, first)
        check_finite(outputs, runner.scored)
        first = outputs if first is None else first
    assert first is not None
    return first
