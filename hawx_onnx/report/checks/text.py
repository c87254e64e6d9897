"""A check as lines for people; names of nodes and files are data and can act as nothing else."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from hawx_onnx.printable import one_line

if TYPE_CHECKING:
    from hawx_onnx.checks import CheckReport, Finding

SHOWN_NODES = 5
_WORDS = {"passed": "pass ", "failed": "FAIL ", "error": "ERROR"}


def place(path: str) -> str:
    """A path relative to the folder that pipelines count from, with slashes.

    That is ``GITHUB_WORKSPACE`` where it is set, else the current folder; a path elsewhere stays
    absolute.
    """
    root = Path(os.environ.get("GITHUB_WORKSPACE") or ".").resolve()
    full = Path(os.path.normpath(Path.cwd() / path))
    try:
        return full.relative_to(root).as_posix()
    except ValueError:
        return PurePath(path).as_posix()


def named_nodes(finding: Finding) -> str:
    """The first nodes of a finding in one line; empty if it has none."""
    if not finding.nodes:
        return ""
    names = ", ".join(one_line(name, 80) for name in finding.nodes[:SHOWN_NODES])
    more = len(finding.nodes) - SHOWN_NODES
    return names + (f", and {more} more" if more > 0 else "")


def told(finding: Finding) -> str:
    """The message of a finding and its nodes, in one line."""
    nodes = named_nodes(finding)
    return one_line(finding.message) + (f" [{nodes}]" if nodes else "")


def verdict(report: CheckReport) -> str:
    """How many rules hold, in one line."""
    count = len(report.findings)
    held = len(report.of_status("passed"))
    models = f" on {len(report.models)} models" if len(report.models) > 1 else ""
    if report.passed:
        return f"all {count} checks hold{models}" if count > 1 else "the check holds"
    return f"failed: {count - held} of {count} checks do not hold{models}"


def check_text(report: CheckReport) -> str:
    """The findings, model by model, and a last line that counts them."""
    lines, file = [], None
    for finding in report.findings:
        if finding.file != file:
            file = finding.file
            lines.append(
                f"model {one_line(file)}" if file in report.models else f"file {one_line(file)}"
            )
        where = "" if finding.line is None else f"line {finding.line}: "
        head = f"{_WORDS[finding.status]} {finding.kind.id} {finding.kind.name}"
        lines.append(f"  {head}: {where}{told(finding)}")
        if finding.mend:
            lines.append(f"        {one_line(finding.mend)}")
    return "\n".join([*lines, verdict(report)]) + "\n"
