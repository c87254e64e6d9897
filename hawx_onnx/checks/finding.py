"""What a check found: one finding for each rule and model, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hawx_onnx.checks.catalogue import INPUTS, RuleKind
from hawx_onnx.errors import ConfigError, HawxError

PASSED, FAILED, ERROR = "passed", "failed", "error"
SCHEMA_VERSION = 1


class CheckFileError(ConfigError):
    """A file of rules or a baseline is wrong.

    Args:
        what: What is wrong.
        file: The file; empty where there is none, for rules of a mapping.
        line: The line in it, from 1; None where no line is to blame.
        mend: What the user can do.
        kind: The rule that an error document files it under.
    """

    def __init__(
        self, what: str, *, file: str, line: int | None = None, mend: str = "", kind: RuleKind
    ) -> None:
        super().__init__(what, where=file if line is None else f"{file}:{line}", mend=mend)
        self.file = file
        self.line = line
        self.kind = kind


@dataclass(frozen=True)
class Finding:
    """What one rule says of one model.

    Attributes:
        kind: The rule.
        status: ``passed``, ``failed``, or ``error`` where it could not be checked.
        message: What was found, in one sentence.
        file: The file that the finding is about, as it was given.
        line: The line in it, from 1, where it is a text.
        nodes: Nodes of the model that it is about.
        measured: What was measured, in ``unit``.
        limit: What was allowed.
        interval: 95 % interval of what was measured.
        target: The target of a cost.
        mend: What to do; empty where the rule holds.
        exit_code: The exit code of an error.
        metric: What accuracy is measured by; None for other rules.
        unit: Unit of what was measured; None for that of the rule.
    """

    kind: RuleKind
    status: str
    message: str
    file: str
    line: int | None = None
    nodes: tuple[str, ...] = ()
    measured: float | None = None
    limit: float | None = None
    interval: tuple[float, float] | None = None
    target: str | None = None
    mend: str = ""
    exit_code: int = 1
    metric: str | None = None
    unit: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding in the JSON document."""
        return {
            "id": self.kind.id,
            "rule": self.kind.name,
            "status": self.status,
            "message": self.message,
            "location": {"file": self.file, "line": self.line, "nodes": list(self.nodes)},
            "measured": self.measured,
            "limit": self.limit,
            "metric": self.metric,
            "unit": (self.kind.unit if self.unit is None else self.unit) or None,
            "interval_ci95": None if self.interval is None else list(self.interval),
            "target": self.target,
            "mend": self.mend or None,
        }


def error_finding(error: HawxError, file: str, kind: RuleKind = INPUTS) -> Finding:
    """An error as a finding.

    Args:
        error: What went wrong.
        file: The file that was being checked, unless the error names one itself.
        kind: The rule that was being checked, unless the error names one itself.
    """
    line = None
    if isinstance(error, CheckFileError):
        file, line, kind = error.file or file, error.line, error.kind
    told = f"{error.where}: {error.what}" if error.where and line is None else error.what
    return Finding(kind, ERROR, told, file, line=line, mend=error.mend, exit_code=error.exit_code)


@dataclass(frozen=True)
class CheckReport:
    """All findings of a check.

    Attributes:
        findings: By model, in the order of the rules.
        models: Path -> sha256 of each model that was checked.
        rules: The file of rules; None where there was none.
        baseline: ``path``, ``kind``, ``sha256``, ``metric``, ``accuracy`` and ``samples``, or None.
        data: Where the samples come from, or None where no rule needs them.
        expected: How many findings there have to be: rules times models.
    """

    findings: tuple[Finding, ...]
    models: Mapping[str, str]
    rules: str | None
    baseline: Mapping[str, Any] | None
    data: str | None
    expected: int

    @property
    def passed(self) -> bool:
        """Whether every rule was checked on every model, and holds."""
        held = [finding.status == PASSED for finding in self.findings]
        return bool(held) and all(held) and len(held) == self.expected

    @property
    def exit_code(self) -> int:
        """0 if all rules hold, the code of the first error, or 1."""
        if self.passed:
            return 0
        errors = [f.exit_code for f in self.findings if f.status == ERROR]
        return errors[0] if errors else 1

    def of_status(self, status: str) -> tuple[Finding, ...]:
        """The findings of one status."""
        return tuple(finding for finding in self.findings if finding.status == status)

    def to_dict(self) -> dict[str, Any]:
        """The document of ``check --json``; it holds no time, so that it is the same each time."""
        import hawx_onnx

        return {
            "schema_version": SCHEMA_VERSION,
            "tool": {"name": "hawx-onnx", "version": hawx_onnx.__version__},
            "passed": self.passed,
            "exit_code": self.exit_code,
            "models": [{"path": path, "sha256": sha} for path, sha in self.models.items()],
            "rules": self.rules,
            "baseline": None if self.baseline is None else dict(self.baseline),
            "data": self.data,
            "counts": {s: len(self.of_status(s)) for s in (PASSED, FAILED, ERROR)},
            "results": [finding.to_dict() for finding in self.findings],
        }
