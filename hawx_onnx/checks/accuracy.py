"""Rules on accuracy, or another metric: measured here, against a baseline on the same samples."""

from __future__ import annotations

import math

from hawx_onnx.checks.baseline import Baseline
from hawx_onnx.checks.finding import FAILED, PASSED, Finding
from hawx_onnx.checks.metric_words import MetricWords
from hawx_onnx.checks.rules_file import Rule
from hawx_onnx.checks.samples import Measured
from hawx_onnx.checks.subject import Subject
from hawx_onnx.metric_names import AGREEMENT, FLAG, PERPLEXITY, is_function
from hawx_onnx.metrics import Metric

# Of sums of fractions: what is exactly the limit is within it.
_ROUNDING = 1e-12

DROP = "max-accuracy-drop"


def check_limit(rule: Rule, metric: Metric) -> None:
    """Refuses a limit that no value of the metric could break, or keep.

    Raises:
        CheckFileError: It is out of range.
    """
    limit, name = float(rule.value), metric.name
    if is_function(name):
        return
    if rule.kind.name == DROP:
        good, span = limit <= 1, "at least 0, at most 1"
    elif metric.unit == "fraction":
        good, span = 0 < limit <= 1, "more than 0, at most 1"
    else:
        least = 1 if name == PERPLEXITY else 0
        good, span = limit >= least, f"at least {least}"
    if not good:
        raise rule.refuse(
            f"{rule.value} is out of range", f"{span} for {name}; {FLAG} names what is measured"
        )


def max_accuracy_drop(subject: Subject, rule: Rule, found: Measured, baseline: Baseline) -> Finding:
    """The drop against the baseline, or what it may truly be, is within the limit."""
    words = MetricWords(found.scorer.metric)
    if stopped := _unsound(subject, rule, found, baseline):
        return stopped
    limit, samples = float(rule.value), found.accuracy.samples
    if found.accuracy.binary and 0 < limit < 1 / samples:
        one, asked = words.amount(1 / samples), words.amount(limit)
        told = f"{samples} samples cannot show a drop of {asked}: one of them is {one}"
        return _failed(subject, rule, words.metric, told, "measure on more samples")
    drop, interval = baseline.drop(found.accuracy)
    if not math.isfinite(interval[1] - interval[0]):
        told = "one sample does not tell how much others would change"
        return _failed(subject, rule, words.metric, told, "measure on more samples")
    pairs = "paired" if baseline.paired else "not paired, since the baseline does not tell samples"
    message = (
        f"{words.lost(drop)} on {samples} samples (95 % interval {words.bounds(interval)}, "
        f"{pairs}), {words.amount(limit)} allowed"
    )
    held, confidence = drop, rule.options.get("confidence")
    if confidence is not None:
        held = drop + baseline.allowance(found.accuracy, confidence)
        message += f"; with {100 * confidence:g} % confidence no more than {words.amount(held)}"
    good = held <= limit + _ROUNDING
    return Finding(
        rule.kind,
        PASSED if good else FAILED,
        message,
        subject.path,
        measured=drop,
        limit=limit,
        interval=interval,
        mend="" if good else rule.kind.mend,
        metric=words.metric.name,
        unit=words.drop_unit,
    )


def min_accuracy(
    subject: Subject, rule: Rule, found: Measured, baseline: Baseline | None
) -> Finding:
    """The metric is no worse than the limit."""
    words, limit = MetricWords(found.scorer.metric), float(rule.value)
    if stopped := _unsound(subject, rule, found, baseline):
        return stopped
    value = found.scorer.value(found.accuracy.value)
    interval = found.scorer.interval(found.accuracy.ci95)
    known = math.isfinite(interval[1] - interval[0])
    better = words.metric.higher_is_better
    good = value >= limit - _ROUNDING if better else value <= limit + _ROUNDING
    told = f" (95 % interval {words.values(interval)})" if known else ""
    return Finding(
        rule.kind,
        PASSED if good else FAILED,
        f"{words.level(value)} {'of' if words.is_share else 'on'} {found.accuracy.samples} samples"
        f"{told}, at {'least' if better else 'most'} {words.limit(limit)} asked for",
        subject.path,
        measured=value,
        limit=limit,
        interval=interval if known else None,
        mend="" if good else rule.kind.mend,
        metric=words.metric.name,
        unit=words.metric.unit,
    )


def _unsound(
    subject: Subject, rule: Rule, found: Measured, baseline: Baseline | None
) -> Finding | None:
    """What makes a measurement worthless, if anything does."""
    metric = found.scorer.metric
    held = rule.kind.name == DROP or metric.name == AGREEMENT
    if held and baseline is not None and baseline.made_from & {subject.sha256, subject.content}:
        drop = rule.kind.name == DROP
        why = "which cannot drop against itself" if drop else "which agrees with itself"
        told = f"the baseline was made from this very model, {why}"
        return _failed(subject, rule, metric, told, "give the baseline of the model before it")
    if found.unusable:
        bad = f"gives NaN for {found.unusable} of {found.accuracy.samples} samples"
        told = f"{bad}: it has no {MetricWords(metric).name}"
        return _failed(subject, rule, metric, told, "check the weights and scales of the model")
    return None


def _failed(subject: Subject, rule: Rule, metric: Metric, message: str, mend: str) -> Finding:
    unit = MetricWords(metric).drop_unit if rule.kind.name == DROP else metric.unit
    return Finding(
        rule.kind,
        FAILED,
        message,
        subject.path,
        limit=float(rule.value),
        mend=mend,
        metric=metric.name,
        unit=unit,
    )
