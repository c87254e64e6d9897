"""What a choice rests on, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hawx_onnx.report.formats import finite, number, section
from hawx_onnx.report.metric_text import MetricText


def safeguard_line(report: Mapping[str, Any]) -> str:
    """One sentence for people; empty where there is nothing to tell.

    Args:
        report: The content of ``report.json``.
    """
    block = section(report, "safeguard")
    sure, most = finite(block.get("confidence")), finite(block.get("largest_drop"))
    if sure is None or most is None:
        return ""
    samples = number(section(report, "search").get("samples"))
    metric = MetricText.of(report)
    lost = f"{metric.drop(block.get('validation_drop'))} {metric.drop_unit}".rstrip()
    drop = f"{lost} on {samples} validation samples"
    text = f"the choice lost {drop}, with {100 * sure:g} % confidence at most {metric.drop(most)}"
    if block.get("exact"):
        text = f"only the exact design keeps the budget with {100 * sure:g} % confidence"
    return f"{text}; {_passed_over(block.get('passed_over'))}"


def _passed_over(count: object) -> str:
    if not isinstance(count, int) or count == 0:
        return "no cheaper assignment was measured within the budget"
    few = "1 cheaper assignment was" if count == 1 else f"{count:,} cheaper assignments were"
    return f"{few} measured within the budget, and passed over as not sure enough"
