"""A check as JUnit XML, which Jenkins, GitLab and others show as tests: one for each rule."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from hawx_onnx.printable import one_line
from hawx_onnx.report.checks.text import place, told

if TYPE_CHECKING:
    from hawx_onnx.checks import CheckReport, Finding

_TAGS = {"failed": "failure", "error": "error"}


def junit_xml(report: CheckReport) -> str:
    """A ``testsuite`` for each model and a ``testcase`` for each rule."""
    root = Xml.Element("testsuites", {"name": "hawx-onnx check", **_counts(report.findings)})
    for file, group in groupby(report.findings, key=lambda finding: finding.file):
        findings = tuple(group)
        name = one_line(place(file))
        suite = Xml.SubElement(root, "testsuite", {"name": name, **_counts(findings)})
        for finding in findings:
            _case(suite, finding, name)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _counts(findings: tuple[Finding, ...]) -> dict[str, str]:
    status = [finding.status for finding in findings]
    return {
        "tests": str(len(status)),
        "failures": str(status.count("failed")),
        "errors": str(status.count("error")),
        "skipped": "0",
    }


def _case(suite: Xml.Element, finding: Finding, file: str) -> None:
    kind = finding.kind
    attributes = {"classname": file, "name": f"{kind.id} {kind.name}", "file": file}
    if finding.line is not None:
        attributes["line"] = str(finding.line)
    case = Xml.SubElement(suite, "testcase", attributes)
    if finding.status in _TAGS:
        problem = {"message": told(finding), "type": kind.id}
        node = Xml.SubElement(case, _TAGS[finding.status], problem)
        lines = [told(finding), one_line(finding.mend), *(one_line(n) for n in finding.nodes)]
        node.text = "\n".join(line for line in lines if line)
    else:
        Xml.SubElement(case, "system-out").text = told(finding)
