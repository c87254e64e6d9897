"""The samples that rules on accuracy go by, and what a model scores on them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx

from hawx_onnx.errors import ConfigError
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.frontend.outputs import with_output
from hawx_onnx.metric_names import ACCURACY, AGREEMENT
from hawx_onnx.metrics import Metric, Scorer, metric_named
from hawx_onnx.rewritten import is_rewritten
from hawx_onnx.run_data import load_data
from hawx_onnx.runtime.evaluate import Accuracy, classes, flat_outputs
from hawx_onnx.runtime.output_checks import check_classes
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.settings import Settings

_ROWS = 256  # samples that are hashed at a time


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of a check.

    Attributes:
        dataset: All splits.
        split: The one that is measured on; without labels for the agreement with a baseline.
        metric: What networks are judged by.
    """

    dataset: Dataset
    split: Split
    metric: Metric

    @property
    def fingerprint(self) -> str:
        """Hex sha256 over the split's samples and labels."""
        digest = hashlib.sha256()
        for array in (self.split.x, self.split.y):
            if array is None:
                continue
            digest.update(f"{array.dtype.str} {array.shape}\n".encode())
            for start in range(0, len(array), _ROWS):
                digest.update(np.ascontiguousarray(array[start : start + _ROWS]).data)
        return digest.hexdigest()

    def are_those_of(self, other: Samples) -> bool:
        """Whether the labels are the same, or without labels their number."""
        if self.split.y is None or other.split.y is None:
            return len(self.split) == len(other.split)
        return np.array_equal(self.split.y, other.split.y)


@dataclass(frozen=True, eq=False)
class Measured:
    """What a model scores, as far as its outputs mean something.

    Attributes:
        accuracy: A score for each sample; of those that give NaN it means nothing.
        scorer: The metric over these targets.
        unusable: How many samples give NaN.
    """

    accuracy: Accuracy
    scorer: Scorer
    unusable: int


def metric_in(settings: Settings) -> Metric:
    """The metric of a check: top-1 accuracy unless another one is named.

    Raises:
        ConfigError: There is no such metric or function.
    """
    return metric_named(settings.metric or ACCURACY)


def samples_for(model: onnx.ModelProto, settings: Settings, split: str) -> Samples:
    """The samples of one split, with the labels that the metric needs.

    Raises:
        ConfigError: There are no labels: a model alone agrees with itself.
        DataError: The data cannot be read, or does not fit.
    """
    metric = metric_in(settings)
    dataset = load_data(with_output(model, settings.output_name)[0], settings)
    chosen = next((part for part in dataset.splits if part.name == split), None)
    if chosen is None:
        raise ConfigError(f"there is no split {split!r}", mend="test, validation or calibration")
    if metric.name != AGREEMENT and (chosen.y is None or not len(chosen)):
        raise ConfigError(
            "rules on accuracy need labelled samples, and there are none",
            where="--data",
            mend="give labelled data, for example an .npz file with x and y, or without labels "
            f"--metric {AGREEMENT}, the agreement with the baseline",
        )
    return Samples(dataset, chosen, metric)


def measure(
    model: onnx.ModelProto,
    settings: Settings,
    samples: Samples,
    reference: np.ndarray | None = None,
    *,
    portable: bool = False,
) -> Measured:
    """Runs a model over samples and scores it.

    Args:
        model: Float, int8 or rewritten.
        settings: ``output_name`` and ``jobs`` are read.
        samples: Those of the check.
        reference: The baseline's class of each sample, for the agreement with it: int [samples].
        portable: Run the portable bodies instead of the library.
    """
    targets = samples.split.y if reference is None else reference
    assert targets is not None
    scorer = samples.metric.bound(targets)
    parts: list[np.ndarray] = []
    unusable = done = 0
    for outputs, nan in _outputs(model, settings, samples, portable):
        if samples.metric.of_classes and not parts:
            check_classes(dataclasses.replace(samples.split, y=targets), outputs)
        parts.append(scorer.scores(outputs, targets[done : done + len(outputs)]))
        unusable += nan
        done += len(outputs)
    return Measured(Accuracy(np.concatenate(parts)), scorer, unusable)


def predicted(
    model: onnx.ModelProto, settings: Settings, samples: Samples, *, portable: bool = False
) -> tuple[np.ndarray, int]:
    """The class that a model gives each sample, int64 [samples], and how many give NaN."""
    found = [(classes(o), nan) for o, nan in _outputs(model, settings, samples, portable)]
    return np.concatenate([part for part, _ in found]), sum(nan for _, nan in found)


def _outputs(
    model: onnx.ModelProto, settings: Settings, samples: Samples, portable: bool
) -> Iterator[tuple[np.ndarray, int]]:
    """Outputs batch by batch, NaN replaced by 0, with how many samples had one."""
    scored, _ = with_output(model, settings.output_name)
    library = is_rewritten(scored) and not portable
    runner = Runner(scored, threads=settings.jobs, use_library=library)
    for (outputs,) in runner.stream(samples.split.x, [runner.scored]):
        nan = int(np.isnan(flat_outputs(outputs)).any(axis=1).sum())
        yield (np.where(np.isnan(outputs), 0, outputs) if nan else outputs), nan
