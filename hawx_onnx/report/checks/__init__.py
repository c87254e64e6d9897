"""What a check found, as text, JSON, JUnit, SARIF and GitHub workflow commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hawx_onnx.report.checks.document import check_json, check_schema
from hawx_onnx.report.checks.github import github_commands, github_summary
from hawx_onnx.report.checks.junit import junit_xml
from hawx_onnx.report.checks.sarif import sarif_json
from hawx_onnx.report.checks.text import check_text

if TYPE_CHECKING:
    from hawx_onnx.checks import CheckReport

FORMATS: Mapping[str, Callable[[CheckReport], str]] = {
    "text": check_text,
    "json": check_json,
    "junit": junit_xml,
    "sarif": sarif_json,
    "github": github_commands,
}
"""Format -> its document, with a newline at the end."""

__all__ = [
    "FORMATS",
    "check_json",
    "check_schema",
    "check_text",
    "github_commands",
    "github_summary",
    "junit_xml",
    "sarif_json",
]
