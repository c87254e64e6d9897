"""The coverage table in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
_HEAD = (
    "model",
    "framework",
    "candidates",
    "rewritten",
    "left exact",
    "float",
    "int8",
    "approximate",
    "power saved",
    "seconds",
    "peak memory",
)
_NUMBERS = 5  # columns from here on are set to the right


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The table of all rows; a network that failed has its error in place of the figures."""
    lines = [_HEAD, ["---"] * _NUMBERS + ["--:"] * (len(_HEAD) - _NUMBERS)]
    lines += [_cells(row) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: dict[str, Any]) -> list[str]:
    head, tail = [row["model"], row["framework"]], [f"{row['seconds']:.0f}", _memory(row)]
    if row["code"] != 0:
        error = " ".join(row["error"].split()).replace("|", "\\|")
        return [*head, "", "", f"exit {row['code']}: {error}", "", "", "", "", *tail]
    values = [row[part] for part in ("float", "baseline", "selected")]
    if row.get("metric") == "perplexity":
        accuracies = [f"perplexity {value:.3f}" for value in values]
    else:
        accuracies = [f"{100 * value:.1f} %" for value in values]
    return [
        *head,
        str(row["candidates"]),
        str(row["rewritten"]),
        _reasons(row["left_exact"]),
        *accuracies,
        f"{100 * row['power_saved']:.1f} %",
        *tail,
    ]


def _memory(row: dict[str, Any]) -> str:
    return f"{row['peak_mib']:,} MiB"


def _reasons(left: Sequence[dict[str, str]]) -> str:
    """How many nodes for each reason."""
    counts = Counter(f"{one['reason']}" for one in left)
    return "; ".join(f"{count}: {reason}" for reason, count in counts.most_common()) or "none"


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Puts the table between the marks of a document."""
    head, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"error: {path} has no lines {BEGIN} and {END}")
    path.write_text(f"{head}{begin}\n{table(rows)}\n{end}{tail}", encoding="utf-8")
