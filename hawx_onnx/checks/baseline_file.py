"""Documents that a baseline is read from: a baseline file, or the report of a run.

A baseline file keeps what each sample scored, so that a later model is compared sample by sample
without the baseline's model. A report tells all samples together; the interval is wider then.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.checks.baseline import Baseline, Summary
from hawx_onnx.checks.catalogue import INPUTS
from hawx_onnx.checks.finding import CheckFileError
from hawx_onnx.checks.samples import Samples
from hawx_onnx.metric_names import ACCURACY, AGREEMENT, FLAG
from hawx_onnx.metrics import Metric, Scorer, score_of
from hawx_onnx.runtime.evaluate import Accuracy

SCHEMA_VERSION = 1
KIND = "baseline"
_AGAIN = "write it anew: hawx-onnx check MODEL --write-baseline FILE"
_CLASSES, _SCORES = np.dtype("<i4"), np.dtype("<f8")


def is_document(path: str | Path) -> bool:
    """Whether a file is JSON rather than a model: it starts with a brace."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))
    except OSError as error:
        raise _refused(f"cannot be read: {error.strerror}", str(path)) from error


def baseline_document(
    model: Mapping[str, str],
    samples: Samples,
    level: Accuracy,
    scorer: Scorer,
    reference: np.ndarray | None,
) -> dict[str, Any]:
    """The content of a baseline file.

    Args:
        model: ``path``, ``sha256`` of the file, ``content_sha256`` of what it computes.
        samples: What it was measured on.
        level: The score of each sample.
        scorer: The metric over them.
        reference: The model's class of each sample, int [samples], for the agreement with it.
    """
    if reference is not None:
        each = {"classes": _text_of(reference.astype(_CLASSES))}
    elif level.binary:
        each = {"hits": _text_of(np.packbits(level.scores))}
    else:
        each = {"scores": _text_of(level.scores.astype(_SCORES))}
    metric = scorer.metric
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "model": dict(model),
        "data": {
            "source": samples.dataset.name,
            "split": samples.split.name,
            "fingerprint": samples.fingerprint,
        },
        "metric": metric.name,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "scale": scorer.scale,
        **level.to_dict(scorer),
        **each,
    }


def read_baseline(path: str | Path, metric: Metric) -> Baseline:
    """Reads a baseline file, or a report of a run.

    Raises:
        CheckFileError: It cannot be read, is of another schema version, another kind or another
            metric, or what it says cannot be true.
    """
    where = str(path)
    content = Path(path).read_bytes()
    try:
        document = json.loads(content.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(f"is no JSON: {error}", where) from error
    if not isinstance(document, dict) or "schema_version" not in document:
        raise _refused("is no baseline: it has no schema_version", where)
    version = document["schema_version"]
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        told = repr(version)[:40]
        raise _refused(f"has schema version {told}, this hawx-onnx reads {SCHEMA_VERSION}", where)
    try:
        sha256 = hashlib.sha256(content).hexdigest()
        read = _file if document.get("kind") == KIND else _report
        return read(document, where, sha256, metric)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        told = f"lacks {error}" if isinstance(error, KeyError) else f"is damaged: {error}"
        raise _refused(told, where) from error


def _file(document: dict[str, Any], where: str, sha256: str, metric: Metric) -> Baseline:
    _check_metric(document["metric"], metric, where)
    reference, scorer = None, Scorer(metric)
    if metric.name == AGREEMENT:
        reference = _array(document["classes"], _CLASSES, document["samples"], "classes")
        level = Accuracy(np.ones(len(reference), dtype=bool))
        _counts(document)
    elif "scores" in document:
        level = Accuracy(_array(document["scores"], _SCORES, document["samples"], "scores"))
        scorer = _scorer(document, metric)
        _check_value(document, scorer.value(level.value), "the mean of its scores")
    else:
        level = Accuracy(_hits(document["hits"], *_counts(document)))
    model, data = document["model"], document["data"]
    made_from = frozenset({_text(model["sha256"]), _text(model["content_sha256"])})
    print_of, split = _text(data["fingerprint"]), _text(data["split"])
    return Baseline(where, KIND, sha256, made_from, scorer, level, print_of, split, reference)


def _report(document: dict[str, Any], where: str, sha256: str, metric: Metric) -> Baseline:
    if document.get("finished") is not True:
        raise ValueError("it is the report of a run that came to no end")
    about, block = document["data"], document["baseline"]
    _check_metric(about.get("metric", ACCURACY), metric, where)
    if metric.name == AGREEMENT:
        raise _refused(
            "tells how often int8 agrees with the float model, but no classes to agree with",
            where,
            "give the float model itself with --baseline",
        )
    if about["labelled"] is not True:
        raise ValueError("its samples have no labels")
    scorer = Scorer(metric)
    if block["correct"] is not None:
        samples, correct = _counts(block)
        level = Summary(correct / samples, samples, correct)
    else:
        scorer = _scorer(about, metric)
        level = _summary(block, scorer)
    made_from = frozenset({_text(document["model"]["sha256"])})
    data = _text(about["fingerprint"])
    return Baseline(where, "report", sha256, made_from, scorer, level, data, "test")


def _check_metric(given: object, metric: Metric, where: str) -> None:
    if given == metric.name:
        return
    mend = f"give {FLAG} {given}, or a baseline of {metric.name}"
    raise _refused(f"is on {str(given)[:80]}, these rules go by {metric.name}", where, mend)


def _scorer(about: Mapping[str, Any], metric: Metric) -> Scorer:
    """The metric with the scale that a document tells."""
    if about["higher_is_better"] is not metric.higher_is_better:
        raise ValueError(f"higher_is_better is {about['higher_is_better']!r}"[:80])
    scale = _number(about["scale"], "scale")
    if scale <= 0:
        raise ValueError(f"scale {scale} is not above 0")
    return Scorer(metric, scale)


def _summary(block: Mapping[str, Any], scorer: Scorer) -> Summary:
    """The mean score of a report, with the interval that it tells in the metric's own unit."""
    if isinstance(block["samples"], bool) or not isinstance(block["samples"], int):
        raise TypeError(f"samples {block['samples']!r} is no whole number"[:80])
    if block["samples"] < 2:
        raise ValueError(f"{block['samples']} samples tell no interval")
    metric = scorer.metric
    first, last = block["accuracy_ci95"]
    low, value, high = (
        score_of(metric.name, _number(given, "accuracy"), scorer.scale, metric.higher_is_better)
        for given in (first, block["accuracy"], last)
    )
    if not min(low, high) <= value <= max(low, high) or not math.isfinite(high - low):
        raise ValueError(f"accuracy {block['accuracy']} lies outside its interval")
    return Summary(value, block["samples"], None, abs(high - low) / 2)


def _counts(block: Mapping[str, Any]) -> tuple[int, int]:
    """Samples and right ones, which have to agree with the accuracy beside them."""
    samples, correct = block["samples"], block["correct"]
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (samples, correct))
    if not whole or samples < 1 or not 0 <= correct <= samples:
        raise ValueError(f"{correct!r} of {samples!r} samples correct"[:80])
    _check_value(block, correct / samples, f"{correct} of {samples}")
    return samples, correct


def _check_value(block: Mapping[str, Any], expected: float, told: str) -> None:
    accuracy = _number(block["accuracy"], "accuracy")
    if not abs(accuracy - expected) <= 1e-9 * max(1.0, abs(expected)):
        raise ValueError(f"accuracy {accuracy} is not {told}")


def _hits(text: str, samples: int, correct: int) -> np.ndarray:
    """Which samples are right: bool [samples]."""
    packed = base64.b64decode(text, validate=True)
    hits = np.unpackbits(np.frombuffer(packed, np.uint8))
    if len(packed) != (samples + 7) // 8 or hits[samples:].any():
        raise ValueError(f"hits are not those of {samples} samples")
    hits = hits[:samples].astype(bool)
    if int(hits.sum()) != correct:
        raise ValueError(f"{int(hits.sum())} hits, but correct is {correct}")
    return hits


def _array(text: str, dtype: np.dtype[Any], samples: Any, name: str) -> np.ndarray:  # noqa: ANN401
    """A value for each sample: [samples]."""
    packed = base64.b64decode(text, validate=True)
    if isinstance(samples, bool) or not samples or len(packed) != samples * dtype.itemsize:
        raise ValueError(f"{name} are not those of {samples!r} samples"[:80])
    values = np.frombuffer(packed, dtype)
    if not np.isfinite(values).all() or (dtype == _CLASSES and values.min() < 0):
        raise ValueError(f"{name} hold what no sample gives")
    return values.astype(np.int64 if dtype == _CLASSES else np.float64)


def _text_of(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} {value!r} is no number"[:80])
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text"[:80])
    return value


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _refused(what: str, where: str, mend: str = _AGAIN) -> CheckFileError:
    return CheckFileError(what, file=where, mend=mend, kind=INPUTS)
