"""Check models against rules: plan, so that nothing can pass unchecked, then measure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cached_property

from hawx_onnx.checks.accuracy import DROP, check_limit, max_accuracy_drop, min_accuracy
from hawx_onnx.checks.baseline import Baseline
from hawx_onnx.checks.baseline_measurement import load_baseline
from hawx_onnx.checks.catalogue import ACCURACY_RULES, COST_RULES, RULES_FILE
from hawx_onnx.checks.costs import Costs, check_target, max_cost
from hawx_onnx.checks.execution import (
    deterministic_bytes,
    max_ir_version,
    max_opset,
    min_opset,
    portable_equals_kernel,
)
from hawx_onnx.checks.finding import CheckFileError, CheckReport, Finding, error_finding
from hawx_onnx.checks.rules_file import Rule, rules_of
from hawx_onnx.checks.samples import Measured, Samples, measure, metric_in, samples_for
from hawx_onnx.checks.structure import (
    allowed_multipliers,
    check_patterns,
    known_tables,
    no_exact_fallback,
)
from hawx_onnx.checks.subject import Subject
from hawx_onnx.errors import ConfigError, HawxError
from hawx_onnx.frontend.data import Dataset
from hawx_onnx.frontend.outputs import with_output
from hawx_onnx.metric_names import AGREEMENT
from hawx_onnx.run_data import load_data
from hawx_onnx.settings import Settings

DEFAULT_RULES: Mapping[str, float] = {DROP: 0.01}
"""What is checked where a baseline is given and no rules are."""

_STRUCTURE: Mapping[str, Callable[[Subject, Rule], Finding]] = {
    "allowed-multipliers": allowed_multipliers,
    "no-exact-fallback": no_exact_fallback,
    "known-tables": known_tables,
    "deterministic-bytes": deterministic_bytes,
    "min-opset": min_opset,
    "max-opset": max_opset,
    "max-ir-version": max_ir_version,
}


@dataclasses.dataclass(frozen=True)
class Request:
    """What a check is asked for.

    Attributes:
        models: ONNX files.
        rules: The rules; those of ``DEFAULT_RULES`` if empty and there is a baseline.
        settings: ``data``, ``preprocess``, ``library``, ``target`` and their like.
        baseline: A model, a baseline file or a report.
        split: The samples that accuracy is measured on.
        portable: Measure accuracy with the portable bodies.
    """

    models: tuple[str, ...]
    rules: tuple[Rule, ...]
    settings: Settings
    baseline: str | None = None
    split: str = "test"
    portable: bool = False


class _Check:
    """One model under check, with its samples and costs."""

    def __init__(self, path: str, request: Request) -> None:
        self.subject = Subject(path, request.settings)
        self.costs = Costs(self.subject)
        self._request = request
        self.baseline: Baseline | None = None

    @cached_property
    def samples(self) -> Samples:
        """Its samples, with the labels that the metric needs."""
        return samples_for(self.subject.model, self._request.settings, self._request.split)

    @cached_property
    def measured(self) -> Measured:
        """What it scores on them."""
        held = None if self.baseline is None else self.baseline.reference
        settings, portable = self._request.settings, self._request.portable
        return measure(self.subject.model, settings, self.samples, held, portable=portable)

    def prepare(self) -> None:
        """Reads what its rules need, before anything is measured for long."""
        names = {rule.kind.name for rule in self._request.rules}
        if names & ACCURACY_RULES:
            _ = self.samples
        if self._request.baseline is not None:
            self.baseline = load_baseline(
                self._request.baseline, self._request.settings, self.samples
            )

    def find(self, rule: Rule) -> Finding:
        """Checks one rule; an error on the way becomes a finding, and the others go on."""
        try:
            return self._find(rule)
        except HawxError as error:
            return error_finding(error, self.subject.path, rule.kind)

    def _dataset(self) -> Dataset:
        """Its samples, labelled or not."""
        if "samples" in vars(self):
            return self.samples.dataset
        settings = self._request.settings
        return load_data(with_output(self.subject.model, settings.output_name)[0], settings)

    def _find(self, rule: Rule) -> Finding:
        name = rule.kind.name
        if name == DROP:
            assert self.baseline is not None
            return max_accuracy_drop(self.subject, rule, self.measured, self.baseline)
        if name == "min-accuracy":
            return min_accuracy(self.subject, rule, self.measured, self.baseline)
        if name in COST_RULES:
            return max_cost(self.subject, rule, self.costs)
        if name == "portable-equals-kernel":
            return portable_equals_kernel(self.subject, rule, self._dataset())
        return _STRUCTURE[name](self.subject, rule)


def run_checks(request: Request, step: Callable[[str], None] = lambda text: None) -> CheckReport:
    """Checks every model against every rule.

    Args:
        request: Models, rules and what they need.
        step: Told what is being checked.

    Returns:
        One finding for each rule and model.

    Raises:
        HawxError: Something cannot be read or cannot be checked at all; nothing was measured.
    """
    request = _planned(request)
    checks = [_Check(path, request) for path in request.models]
    for check in checks:
        check.prepare()
    findings = []
    for check in checks:
        for rule in request.rules:
            step(f"{check.subject.path}: {rule.kind.name}")
            findings.append(check.find(rule))
    baselines = [check.baseline for check in checks if check.baseline is not None]
    used = [check.samples.dataset.note for check in checks if "samples" in vars(check)]
    return CheckReport(
        findings=tuple(findings),
        models={check.subject.path: check.subject.sha256 for check in checks},
        rules=next((rule.file for rule in request.rules if rule.file), None),
        baseline=baselines[0].to_dict() if baselines else None,
        data=used[0] if used else None,
        expected=len(request.rules) * len(request.models),
    )


def _planned(request: Request) -> Request:
    """The request with its rules; refuses what could not fail, or not be checked."""
    if not request.models:
        raise ConfigError("names no model", where="MODEL", mend="give the path of an ONNX file")
    if len(set(request.models)) < len(request.models):
        raise ConfigError("is named twice", where="MODEL", mend="name each model once")
    rules = request.rules
    if not rules:
        if request.baseline is None:
            raise ConfigError(
                "there is no rule to check",
                where="--rules",
                mend="give a file of rules, or --baseline for max-accuracy-drop: "
                f"{DEFAULT_RULES[DROP]}",
            )
        rules = rules_of(DEFAULT_RULES)
    _check_accuracy_rules(rules, request)
    for rule in rules:
        if rule.kind.name in COST_RULES:
            check_target(rule, request.settings)
        if rule.kind.name == "allowed-multipliers":
            check_patterns(rule, request.settings.library)
    return dataclasses.replace(request, rules=rules)


def _check_accuracy_rules(rules: tuple[Rule, ...], request: Request) -> None:
    """Refuses rules on accuracy without their baseline, and a baseline without its rules."""
    measured = [rule for rule in rules if rule.kind.name in ACCURACY_RULES]
    metric = metric_in(request.settings) if measured else None
    held = [
        rule
        for rule in measured
        if rule.kind.name == DROP or (metric is not None and metric.name == AGREEMENT)
    ]
    if held and request.baseline is None:
        mend = "give a model, a baseline file or a report.json with --baseline"
        raise held[0].refuse("there is no baseline to hold it against", mend)
    if request.baseline is not None and not held:
        raise CheckFileError(
            f"is given, but no rule {DROP} looks at it",
            file=f"--baseline {request.baseline}",
            mend=f"add `{DROP}: 0.01` to the rules, or leave --baseline out",
            kind=RULES_FILE,
        )
    for rule in measured:
        assert metric is not None
        check_limit(rule, metric)
