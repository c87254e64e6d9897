"""A check as SARIF 2.1.0, which code scanning services take.

Rules that hold are no results: services would show them as problems.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hawx_onnx.checks.catalogue import ALL_KINDS, RuleKind
from hawx_onnx.printable import one_line
from hawx_onnx.report.checks.text import place, told
from hawx_onnx.report.documents import json_text

if TYPE_CHECKING:
    from hawx_onnx.checks import CheckReport, Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"


def sarif_json(report: CheckReport) -> str:
    """One run with a result for each rule that does not hold."""
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]})


def _run(report: CheckReport) -> dict[str, Any]:
    import hawx_onnx

    driver = {
        "name": "hawx-onnx",
        "version": hawx_onnx.__version__,
        "semanticVersion": hawx_onnx.__version__,
        "rules": [_descriptor(kind) for kind in ALL_KINDS],
    }
    findings = [finding for finding in report.findings if finding.status != "passed"]
    code = report.exit_code
    return {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not report.of_status("error"), "exitCode": code}],
        "artifacts": [
            {"location": _artifact(path), "hashes": {"sha-256": sha256}}
            for path, sha256 in report.models.items()
        ],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in findings],
    }


def _descriptor(kind: RuleKind) -> dict[str, Any]:
    return {
        "id": kind.id,
        "name": kind.name,
        "shortDescription": {"text": kind.about},
        "fullDescription": {"text": kind.about},
        "help": {"text": message_text(f"To mend: {kind.mend}.")},
        "defaultConfiguration": {"level": "error"},
    }


def _result(finding: Finding) -> dict[str, Any]:
    text = told(finding) + (f". To mend: {one_line(finding.mend)}" if finding.mend else "")
    # A model is no text, but services want a line to show a result at.
    region = {"startLine": finding.line or 1}
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(finding.file), "region": region}
    }
    if finding.nodes:
        location["logicalLocations"] = [
            {"name": name, "fullyQualifiedName": name, "kind": "node"}
            for name in map(_encodable, finding.nodes)
        ]
    return {
        "ruleId": finding.kind.id,
        "ruleIndex": ALL_KINDS.index(finding.kind),
        "level": "error",
        "kind": "fail",
        "message": {"text": message_text(text)},
        "locations": [location],
        "partialFingerprints": {"hawxRule/v1": _fingerprint(finding)},
    }


def message_text(text: str) -> str:
    """A text whose brackets and braces are no links and no placeholders (SARIF 2.1.0, 3.11)."""
    for mark in ("\\", "[", "]"):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("{", "{{").replace("}", "}}")


def _artifact(path: str) -> dict[str, str]:
    """Where a file lies, relative to the checkout where it lies in it."""
    where = place(path)
    uri = quote(where.encode("utf-8", "surrogateescape"))
    if where.startswith("/"):
        return {"uri": f"file://{uri}"}
    # A colon in the first part would be taken for the end of a scheme; `quote` encodes it.
    return {"uri": uri, "uriBaseId": _ROOT}


def _fingerprint(finding: Finding) -> str:
    """What stays the same for the same problem: services tell new from known ones by it."""
    told = f"{finding.kind.id}\n{place(finding.file)}\n{finding.target or ''}"
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
