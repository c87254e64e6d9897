"""What a choice rests on: how far its drop may truly reach, and what was passed over for it."""

from __future__ import annotations

from typing import Any

from hawx_onnx.search import Point, Problem, SearchResult
from hawx_onnx.search.result import cheaper_as_measured


def safeguard_block(problem: Problem, result: SearchResult, chosen: Point) -> dict[str, Any] | None:
    """How the budget was held; None where the measured drop alone was.

    Args:
        problem: With the budget.
        result: What the search found.
        chosen: The selected point.
    """
    sure = problem.budget.confidence
    if sure is None:
        return None
    drop = result.baseline_accuracy - chosen.best_accuracy
    return {
        "confidence": sure,
        "validation_drop": drop,
        "largest_drop": drop + chosen.allowance,
        "passed_over": len(cheaper_as_measured(problem, result, chosen)),
        "exact": chosen.choice == problem.exact_choice,
    }


def safeguard_warning(problem: Problem, result: SearchResult, chosen: Point) -> list[str]:
    """Says so where there are too few samples to be sure of anything but the exact design."""
    sure = problem.budget.confidence
    over = cheaper_as_measured(problem, result, chosen)
    if sure is None or chosen.choice != problem.exact_choice or not over:
        return []
    samples = max(point.samples or 0 for point in over)
    return [
        f"everything stays exact: {samples:,} validation samples are too few to be "
        f"{100 * sure:g} % sure of any assignment that was measured within the budget; give more "
        "of them, or a smaller --confidence (0.5 goes by measured drops)"
    ]
