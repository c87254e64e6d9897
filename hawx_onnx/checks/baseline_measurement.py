"""Baselines: read from a file, or measured on the samples of the check."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np

from hawx_onnx.checks.baseline import Baseline
from hawx_onnx.checks.baseline_file import baseline_document, is_document, read_baseline
from hawx_onnx.checks.catalogue import INPUTS
from hawx_onnx.checks.finding import CheckFileError
from hawx_onnx.checks.samples import Measured, Samples, measure, predicted, samples_for
from hawx_onnx.checks.subject import Subject
from hawx_onnx.errors import ConfigError
from hawx_onnx.metric_names import AGREEMENT
from hawx_onnx.metrics import Scorer
from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.settings import Settings


def load_baseline(path: str, settings: Settings, samples: Samples) -> Baseline:
    """Reads a baseline, or measures one that is a model.

    Args:
        path: The file.
        settings: As for the model under check.
        samples: The samples of the model under check.

    Raises:
        CheckFileError: It cannot be used; the text says why.
        ModelError: It is a model that cannot be read.
    """
    split, count = samples.split.name, len(samples.split)
    if is_document(path):
        baseline = read_baseline(path, samples.metric)
        have = samples.dataset.fingerprint if baseline.kind == "report" else samples.fingerprint
        if (baseline.data, baseline.split, baseline.level.samples) != (have, split, count):
            told = (
                f"was measured on other samples: {baseline.level.samples} of a {baseline.split} "
                f"split, these are {count} others of a {split} split"
            )
            mend = "give the same --data, --preprocess, --split and --seed, or write it anew"
            raise _unusable(path, told, mend)
        _check_scale(baseline, samples)
    else:
        baseline = _measured_baseline(path, settings, samples)
    if baseline.hopeless:
        told = f"gets none of {count} samples right: nothing can drop below that"
        raise _unusable(path, told, "check that model and data fit each other")
    return baseline


def _check_scale(baseline: Baseline, samples: Samples) -> None:
    """Checks that a document is in the unit of these samples' labels."""
    if samples.split.y is None:
        return
    own = samples.metric.bound(samples.split.y).scale
    if not math.isclose(baseline.scorer.scale, own, rel_tol=1e-9):
        told = f"is damaged: its scale is {baseline.scorer.scale:g}, that of its samples {own:g}"
        raise _unusable(baseline.path, told, "write it anew")


def _measured_baseline(path: str, settings: Settings, samples: Samples) -> Baseline:
    """A model on the samples of the check."""
    if settings.data is None:
        # A reference network knows its own data; its baseline is held against the same.
        settings = dataclasses.replace(settings, data=samples.dataset.name)
    subject = Subject(path, settings)
    own = samples_for(subject.model, settings, samples.split.name)
    if not own.are_those_of(samples):
        told = "takes other samples of this data than the model under check"
        raise _unusable(path, told, "give a baseline whose input has the same type and shape")
    found, reference = _measured(subject, settings, own)
    if found.unusable:
        told = f"gives NaN for {found.unusable} of {len(own.split)} samples"
        raise _unusable(path, told, "give a baseline whose outputs are numbers")
    made_from = frozenset({subject.sha256, subject.content})
    return Baseline(
        path,
        "model",
        subject.sha256,
        made_from,
        found.scorer,
        found.accuracy,
        None,
        samples.split.name,
        reference,
    )


def _measured(
    subject: Subject, settings: Settings, samples: Samples, *, portable: bool = False
) -> tuple[Measured, np.ndarray | None]:
    """Measures a baseline; for the agreement with it, the classes that it gives: int [samples]."""
    if samples.metric.name != AGREEMENT:
        return measure(subject.model, settings, samples, portable=portable), None
    reference, unusable = predicted(subject.model, settings, samples, portable=portable)
    itself = Accuracy(np.ones(len(reference), dtype=bool))
    return Measured(itself, Scorer(samples.metric), unusable), reference


def measure_baseline(
    path: str, settings: Settings, split: str, portable: bool
) -> dict[str, object]:
    """Measures a model and gives the content of a baseline file.

    Raises:
        HawxError: It cannot be read, there are no labels, or its outputs mean nothing.
    """
    subject = Subject(path, settings)
    samples = samples_for(subject.model, settings, split)
    found, reference = _measured(subject, settings, samples, portable=portable)
    if found.unusable or (found.accuracy.binary and not found.accuracy.correct):
        told = f"NaN for {found.unusable}" if found.unusable else "none right"
        raise ConfigError(
            f"is no baseline: {told} of {len(samples.split)} samples",
            where=path,
            mend="check that model and data fit each other",
        )
    model = {
        "path": Path(path).name,
        "sha256": subject.sha256,
        "content_sha256": subject.content,
    }
    return baseline_document(model, samples, found.accuracy, found.scorer, reference)


def _unusable(path: str, what: str, mend: str) -> CheckFileError:
    return CheckFileError(what, file=path, mend=mend, kind=INPUTS)
