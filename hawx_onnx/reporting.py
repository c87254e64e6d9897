"""Rebuild the report of a run from its journal, finished or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hawx_onnx.assignment import Assignment
from hawx_onnx.errors import ConfigError
from hawx_onnx.journal import FILE, Journal, sound
from hawx_onnx.report.interrupted import METHOD, interrupted_report
from hawx_onnx.report.sensitivity_document import sensitivity_document
from hawx_onnx.sensitivity import Sensitivity

REPORT, ENERGIES = "report", "energies"


def rebuild_report(folder: str | Path) -> tuple[dict[str, Any], Path]:
    """Writes ``report.json``, ``report.html`` and ``pareto.csv`` of a run once more.

    The journal alone is read: neither model, data nor multipliers need be at hand.

    Args:
        folder: What ``optimize`` wrote, or was writing.

    Returns:
        The content of ``report.json``, and the path of ``report.html``.

    Raises:
        ConfigError: There is no journal of a search, it is damaged, or the folder cannot be
            written.
    """
    from hawx_onnx.report import atomic_write_text, json_text, pareto_csv, render_html

    out = Path(folder)
    with Journal.to_read(out / FILE) as journal, sound(out / FILE):
        report = journal.note(REPORT)
        if not isinstance(report, dict):
            raise ConfigError(
                "the run ended before its search began",
                where=str(out),
                mend="`hawx-onnx optimize` with --resume and the same --output goes on",
            )
        if not report["finished"]:
            report = interrupted_report(report, journal.rows(METHOD))
        # All is made before anything is written over what is there.
        texts = {
            "pareto.csv": pareto_csv(report),
            "report.json": json_text(report),
            "report.html": render_html(report, _sensitivity(journal, report)),
        }
        for text in texts.values():
            text.encode()
    for name, text in texts.items():
        atomic_write_text(out / name, text)
    return report, out / "report.html"


def _sensitivity(journal: Journal, report: dict[str, Any]) -> dict[str, Any] | None:
    """The content of ``sensitivity.json``, as far as the journal tells."""
    found: Sensitivity | None = journal.value("sensitivity")
    if found is None:
        return None
    energies, int8 = journal.value(ENERGIES), journal.value("int8 model")
    assignment = Assignment.of(report["selected"]["assignment"])
    return sensitivity_document(
        replace(found, energies=energies),
        () if int8 is None else int8["left_exact"],
        assignment if assignment.items_ else None,
    )
