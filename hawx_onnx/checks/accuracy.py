"""Rules on accuracy: measured here, on labelled samples, against a baseline on the same ones."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import numpy as np
import onnx

from hawx_onnx.checks.baseline import METRIC, Baseline, is_document, read_baseline
from hawx_onnx.checks.catalogue import INPUTS
from hawx_onnx.checks.finding import FAILED, PASSED, CheckFileError, Finding
from hawx_onnx.checks.rules_file import Rule
from hawx_onnx.checks.subject import Subject
from hawx_onnx.errors import ConfigError
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.frontend.outputs import with_output
from hawx_onnx.rewritten import is_rewritten
from hawx_onnx.run_data import load_data
from hawx_onnx.runtime.evaluate import Accuracy, classes, flat_outputs, paired_drop
from hawx_onnx.runtime.output_checks import check_classes
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.search.confidence import allowance
from hawx_onnx.settings import Settings

_ROWS = 256  # samples that are hashed at a time


@dataclass(frozen=True, eq=False)
class Samples:
    """The labelled samples of a check.

    Attributes:
        dataset: All splits.
        split: The one that is measured on.
    """

    dataset: Dataset
    split: Split

    @property
    def labels(self) -> np.ndarray:
        """The true classes, int64 [samples]."""
        assert self.split.y is not None
        return self.split.y

    @property
    def fingerprint(self) -> str:
        """Hex sha256 over the split's samples and labels."""
        digest = hashlib.sha256()
        for array in (self.split.x, self.labels):
            digest.update(f"{array.dtype.str} {array.shape}\n".encode())
            for start in range(0, len(array), _ROWS):
                digest.update(np.ascontiguousarray(array[start : start + _ROWS]).data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Measured:
    """Accuracy of a model, as far as its outputs mean something.

    Attributes:
        hits: bool [samples], which samples are right.
        unusable: How many samples give NaN.
    """

    hits: np.ndarray
    unusable: int

    @property
    def accuracy(self) -> Accuracy:
        """The share of samples that are right."""
        return Accuracy(self.hits)


def labelled_samples(model: onnx.ModelProto, settings: Settings, split: str) -> Samples:
    """The samples of one split, with labels.

    Raises:
        ConfigError: There are no labels: a model alone agrees with itself. Or another metric than
            accuracy is asked for.
        DataError: The data cannot be read, or does not fit.
    """
    # A configuration file serves several commands, and may name a metric for another one.
    metric = getattr(settings, "metric", None)
    if metric not in (None, METRIC):
        raise ConfigError(
            f"rules on accuracy measure top-1 accuracy, not {metric}",
            where="--metric",
            mend="leave the metric out of this configuration",
        )
    dataset = load_data(with_output(model, settings.output_name)[0], settings)
    chosen = next((part for part in dataset.splits if part.name == split), None)
    if chosen is None:
        raise ConfigError(f"there is no split {split!r}", mend="test, validation or calibration")
    if chosen.y is None or not len(chosen):
        raise ConfigError(
            "rules on accuracy need labelled samples, and there are none",
            where="--data",
            mend="give labelled data, for example an .npz file with x and y",
        )
    return Samples(dataset, chosen)


def measure(
    model: onnx.ModelProto, settings: Settings, samples: Samples, *, portable: bool = False
) -> Measured:
    """Runs a model over samples.

    Args:
        model: Float, int8 or rewritten.
        settings: ``output_name`` and ``jobs`` are read.
        samples: Those of the check.
        portable: Run the portable bodies instead of the library.
    """
    scored, _ = with_output(model, settings.output_name)
    library = is_rewritten(scored) and not portable
    runner = Runner(scored, threads=settings.jobs, use_library=library)
    found: list[np.ndarray] = []
    unusable = 0
    for (outputs,) in runner.stream(samples.split.x, [runner.scored]):
        if not found:
            check_classes(samples.split, outputs)
        found.append(classes(outputs))
        unusable += int(np.isnan(flat_outputs(outputs)).any(axis=1).sum())
    return Measured(np.concatenate(found) == samples.labels, unusable)


def load_baseline(path: str, settings: Settings, split: str, samples: Samples) -> Baseline:
    """Reads a baseline, or measures one that is a model.

    Args:
        path: The file.
        settings: As for the model under check.
        split: The split that accuracy is measured on.
        samples: The samples of the model under check.

    Raises:
        CheckFileError: It cannot be used; the text says why.
        ModelError: It is a model that cannot be read.
    """
    if is_document(path):
        baseline = read_baseline(path)
        have = samples.dataset.fingerprint if baseline.kind == "report" else samples.fingerprint
        same = (baseline.data, baseline.split, baseline.samples) == (
            have,
            split,
            len(samples.split),
        )
        if not same:
            told = f"was measured on other samples: {baseline.samples} of a {baseline.split} split"
            raise _unusable(
                path,
                f"{told}, these are {len(samples.split)} others of a {split} split",
                "give the same --data, --preprocess, --split and --seed, or write it anew",
            )
    else:
        baseline = _measured_baseline(path, settings, split, samples)
    if not baseline.correct:
        told = f"gets none of {baseline.samples} samples right: nothing can drop below that"
        raise _unusable(path, told, "check that model and data fit each other")
    return baseline


def _measured_baseline(path: str, settings: Settings, split: str, samples: Samples) -> Baseline:
    """The accuracy of a model on the samples of the check."""
    if settings.data is None:
        # A reference network knows its own data; its baseline is held against the same.
        settings = dataclasses.replace(settings, data=samples.dataset.name)
    subject = Subject(path, settings)
    own = labelled_samples(subject.model, settings, split)
    if not np.array_equal(own.labels, samples.labels):
        told = "takes other samples of this data than the model under check"
        raise _unusable(path, told, "give a baseline whose input has the same type and shape")
    found = measure(subject.model, settings, own)
    if found.unusable:
        told = f"gives NaN for {found.unusable} of {len(own.split)} samples"
        raise _unusable(path, told, "give a baseline whose outputs are numbers")
    hits, correct = found.hits, found.accuracy.correct
    made_from = frozenset({subject.sha256, subject.content})
    return Baseline(path, "model", subject.sha256, made_from, correct, len(hits), hits, None, split)


def max_accuracy_drop(subject: Subject, rule: Rule, found: Measured, baseline: Baseline) -> Finding:
    """The drop against the baseline, or what it may truly be, is within the limit."""
    limit, samples = float(rule.value), found.accuracy.samples
    if baseline.made_from & {subject.sha256, subject.content}:
        told = "the baseline was made from this very model, which cannot drop against itself"
        return _failed(subject, rule, told, mend="give the baseline of the model before it")
    if found.unusable:
        return _nan(subject, rule, found)
    if 0 < limit < 1 / samples:
        one = _points(1 / samples)
        told = f"{samples} samples cannot show a drop of {_points(limit)}: one of them is {one}"
        return _failed(subject, rule, told, mend="measure on more samples")
    if baseline.hits is None:
        drop, interval = baseline.drop(found.accuracy)
        pairs = "not paired, since the baseline does not tell samples"
    else:
        drop, interval = paired_drop(Accuracy(baseline.hits), found.accuracy)
        pairs = "paired"
    message = (
        f"{_points(drop)} lost on {samples} samples (95 % interval {100 * interval[0]:.2f} to "
        f"{100 * interval[1]:.2f}, {pairs}), {_points(limit)} allowed"
    )
    held, confidence = drop, rule.options.get("confidence")
    if confidence is not None:
        more = (
            baseline.allowance(found.accuracy, confidence)
            if baseline.hits is None
            else allowance(Accuracy(baseline.hits), found.accuracy, confidence)
        )
        held = drop + more
        message += f"; with {100 * confidence:g} % confidence no more than {_points(held)}"
    # Sums of fractions: a drop of exactly the limit is within it.
    good = held <= limit + 1e-12
    return Finding(
        rule.kind,
        PASSED if good else FAILED,
        message,
        subject.path,
        measured=drop,
        limit=limit,
        interval=interval,
        mend="" if good else rule.kind.mend,
    )


def min_accuracy(subject: Subject, rule: Rule, found: Measured) -> Finding:
    """The accuracy is at least the limit."""
    if found.unusable:
        return _nan(subject, rule, found)
    value, interval, limit = found.accuracy.value, found.accuracy.ci95, float(rule.value)
    asked = f"at least {100 * limit:g} % asked for"
    good = value >= limit - 1e-12
    return Finding(
        rule.kind,
        PASSED if good else FAILED,
        f"{100 * value:.2f} % of {found.accuracy.samples} samples (95 % interval "
        f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %), {asked}",
        subject.path,
        measured=value,
        limit=limit,
        interval=interval,
        mend="" if good else rule.kind.mend,
    )


def _nan(subject: Subject, rule: Rule, found: Measured) -> Finding:
    told = f"gives NaN for {found.unusable} of {found.accuracy.samples} samples: it has no accuracy"
    return _failed(subject, rule, told, mend="check the weights and scales of the model")


def _failed(subject: Subject, rule: Rule, message: str, *, mend: str) -> Finding:
    limit = float(rule.value)
    return Finding(rule.kind, FAILED, message, subject.path, limit=limit, mend=mend)


def _points(fraction: float) -> str:
    shown = f"{100 * fraction:.3g}"
    return f"{shown} point" if shown == "1" else f"{shown} points"


def _unusable(path: str, what: str, mend: str) -> CheckFileError:
    return CheckFileError(what, file=path, mend=mend, kind=INPUTS)
