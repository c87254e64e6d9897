"""A check as GitHub workflow commands, which become annotations, and as a step summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hawx_onnx.printable import one_line
from hawx_onnx.report.checks.text import check_text, named_nodes, place, told, verdict

if TYPE_CHECKING:
    from hawx_onnx.checks import CheckReport, Finding

_SIGNS = {"passed": "✅", "failed": "❌", "error": "❌"}
# A summary takes 1 MiB; other steps of a job have summaries of their own.
_MOST_BYTES = 900_000


def github_commands(report: CheckReport) -> str:
    """The text of a check, and an annotation for each rule that does not hold."""
    commands = [_command(f) for f in report.findings if f.status != "passed"]
    return check_text(report) + "".join(f"{command}\n" for command in commands)


def _command(finding: Finding) -> str:
    properties = {"file": place(finding.file)}
    if finding.line is not None:
        properties["line"] = str(finding.line)
    properties["title"] = f"{finding.kind.id} {finding.kind.name}"
    given = ",".join(f"{key}={escape_property(one_line(v))}" for key, v in properties.items())
    text = told(finding) + (f"\n{one_line(finding.mend)}" if finding.mend else "")
    return f"::error {given}::{escape_data(text)}"


def escape_data(text: str) -> str:
    """The message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """The value of a property of a workflow command."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def github_summary(report: CheckReport) -> str:
    """The check as a table in Markdown, for the file that ``GITHUB_STEP_SUMMARY`` names."""
    lines = [f"### hawx-onnx check: {_cell(verdict(report))}", ""]
    lines += ["| | rule | file | found | to mend |", "|---|---|---|---|---|"]
    size = 0
    for count, finding in enumerate(report.findings):
        row = _row(finding)
        size += len(row.encode("utf-8"))
        if size > _MOST_BYTES:
            lines += ["", f"and {len(report.findings) - count} more"]
            break
        lines.append(row)
    return "\n".join(lines) + "\n\n"


def _row(finding: Finding) -> str:
    nodes = named_nodes(finding)
    cells = (
        _SIGNS[finding.status],
        _cell(f"{finding.kind.id} {finding.kind.name}"),
        _cell(one_line(place(finding.file)) + (f":{finding.line}" if finding.line else "")),
        _cell(one_line(finding.message)) + (f"<br>{_cell(nodes)}" if nodes else ""),
        _cell(one_line(finding.mend)),
    )
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """A text without meaning in Markdown or HTML: all but plain characters as references."""
    return "".join(c if c.isalnum() or c in " .,%/" else f"&#{ord(c)};" for c in text)
