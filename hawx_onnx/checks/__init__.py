"""Gates for pipelines: models held against rules on accuracy, cost, structure and bytes."""

from __future__ import annotations

from hawx_onnx.checks.baseline_measurement import measure_baseline
from hawx_onnx.checks.catalogue import ALL_KINDS, RULES, RuleKind
from hawx_onnx.checks.finding import (
    ERROR,
    FAILED,
    PASSED,
    CheckFileError,
    CheckReport,
    Finding,
    error_finding,
)
from hawx_onnx.checks.interface import check
from hawx_onnx.checks.rules_file import Rule, read_rules, rules_of
from hawx_onnx.checks.run import DEFAULT_RULES, Request, run_checks

__all__ = [
    "ALL_KINDS",
    "DEFAULT_RULES",
    "ERROR",
    "FAILED",
    "PASSED",
    "RULES",
    "CheckFileError",
    "CheckReport",
    "Finding",
    "Request",
    "Rule",
    "RuleKind",
    "check",
    "error_finding",
    "measure_baseline",
    "read_rules",
    "rules_of",
    "run_checks",
]
