"""The report of a run that is not finished: what was known when it was looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeAlias

import numpy as np

from hawx_onnx.hardware import CostTotals, EnergyParts, operands_of
from hawx_onnx.journal import Row
from hawx_onnx.metrics import value_of
from hawx_onnx.prepared import Prepared
from hawx_onnx.report.build import (
    SCHEMA_VERSION,
    candidates_block,
    data_block,
    model_block,
    now,
    savings,
    target_block,
)
from hawx_onnx.report.effort import predictor_block, search_block
from hawx_onnx.report.environment import environment_block
from hawx_onnx.report.layer_rows import layers_block
from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.search import Point, Problem, SearchResult
from hawx_onnx.search.confidence import allowance
from hawx_onnx.search.pareto import non_dominated
from hawx_onnx.search.problem import TOTALS_FIELD, Budget, order_of, types_of
from hawx_onnx.settings import Settings

UNTESTED = {"accuracy": None, "accuracy_ci95": None, "samples": None, "correct": None}
METHOD = "hawx"
Document: TypeAlias = dict[str, Any]


def described(problem: Problem, point: Point) -> Document:
    """What the report needs of a measured assignment, in plain values."""
    return {
        "assignment": problem.assignment(point.choice).to_dict(),
        "predicted_accuracy": point.predicted_accuracy,
        "totals": asdict(point.totals),
    }


def draft_report(
    prepared: Prepared,
    settings: Settings,
    problem: Problem,
    kernels: Mapping[str, Any],
    command: str,
) -> Document:
    """What a report tells before anything is measured; ``interrupted_report`` adds the rest."""
    exact = problem.report(problem.exact_choice)
    by_name: Mapping[str, str] = kernels.get("chosen", {})
    sensitivity = prepared.state.sensitivity
    return {
        "schema_version": SCHEMA_VERSION,
        "created": now(),
        "finished": False,
        "command": command,
        "model": model_block(prepared.path, prepared.source, len(prepared.state.candidates)),
        "data": data_block(prepared),
        "target": target_block(prepared.target),
        "granularity": settings.granularity,
        "objective": problem.objective,
        "further_objectives": list(problem.objectives[1:]),
        "operands": operands_of(problem.workloads),
        "budget": asdict(problem.budget),
        "candidates": candidates_block(problem.multipliers, by_name),
        "baseline": asdict(exact.total),
        "layers": layers_block(prepared, exact),
        "search": {
            "samples": len(prepared.dataset.validation),
            "scoring_seconds": 0.0 if sensitivity is None else sensitivity.seconds,
            "space_size": hex(problem.space_size),  # which has no limit, unlike decimal digits
            "allow_exact": problem.allow_exact,
        },
        "kernels": dict(by_name),
        "environment": environment_block(settings, kernels),
        "warnings": list(prepared.warnings),
    }


def interrupted_report(draft: Mapping[str, Any], rows: Sequence[Row]) -> Document:
    """The report of what was measured by now, of the form of a finished one.

    What only the end of a run tells is null: accuracies on the test samples, first of all. Selected
    is the best measured assignment that meets the budget on the validation samples.

    Args:
        draft: Of ``draft_report``; with ``ended``, why the search chose nothing, if it came to
            its end.
        rows: The measurements.
    """
    baseline = _totals(draft["baseline"])
    exact = next((row for row in rows if not any(map(any, order_of(row.choice)))), None)
    counted = [row for row in rows if row is not exact]
    shown = rows if draft["search"]["allow_exact"] else counted
    orders = {order_of(row.choice): order for order, row in enumerate(counted, 1)}
    points = [
        replace(_point(row, draft, exact), order=orders.get(order_of(row.choice))) for row in shown
    ]
    costs = [_objectives(draft, point.totals) for point in points]
    order = sorted(range(len(points)), key=lambda i: (sum(costs[i]), i))
    names = {order_of(row.choice): (row.point or {}).get("assignment", {}) for row in shown}
    reference = None if exact is None else float(exact.hits.mean())
    chosen = _chosen(draft, [points[i] for i in order], reference)
    marks = _marks(points, costs)
    result = _result(draft, counted, [points[i] for i in order], reference)
    assignment = {} if chosen is None else names[order_of(chosen.choice)]
    return {
        **draft,
        "float": UNTESTED,
        "baseline": {
            **UNTESTED,
            **asdict(baseline),
            "validation_accuracy": _value(draft, reference),
        },
        "selected": {
            **UNTESTED,
            **(dict.fromkeys(asdict(baseline)) if chosen is None else {}),
            **({} if chosen is None else asdict(chosen.totals)),
            "validation_accuracy": None
            if chosen is None
            else _value(draft, chosen.measured_accuracy),
            "assignment": assignment,
        },
        "compensation": [],
        "accuracy_drop": None,
        "accuracy_drop_ci95": None,
        "safeguard": None,
        "savings": savings(baseline, baseline if chosen is None else chosen.totals),
        "pareto": [
            {
                **_point_block(draft, points[i], names[order_of(points[i].choice)]),
                "meets_budget": _meets(draft, points[i], reference),
                "on_front": marks[i],
                "selected": points[i] is chosen,
            }
            for i in order
        ],
        "layers": [_layer(row, assignment) for row in draft["layers"]],
        "search": {
            **search_block(result, draft["search"]["samples"]),
            "exhaustive_seconds_estimate": None,
            "speedup": None,
        },
        "predictor": predictor_block(result),
        "warnings": [_state(draft, len(counted), chosen), *draft["warnings"]],
    }


def _state(draft: Mapping[str, Any], count: int, chosen: Point | None) -> str:
    """What to know first of an unfinished run."""
    if draft.get("ended"):
        return f"nothing was chosen: {draft['ended']}"
    best = (
        "no measured assignment meets the budget"
        if chosen is None
        else ("selected is the best one by now, on the validation samples")
    )
    return (
        f"this run is not finished: {count} assignments are measured, {best}; "
        f"`{draft['command']}` with --resume and the same --output goes on"
    )


def _totals(values: Mapping[str, Any]) -> CostTotals:
    return CostTotals(**{**values, "energy_parts": EnergyParts(**values["energy_parts"])})


def _point(row: Row, draft: Mapping[str, Any], exact: Row | None) -> Point:
    known = row.point or {}
    complete = len(row.hits) == draft["search"]["samples"]
    # As ``search.result.collect_points`` has it: the exact design loses nothing for certain.
    sure = draft["budget"].get("confidence")
    more = 0.0
    if complete and exact is not None and row is not exact:
        more = allowance(Accuracy(exact.hits), Accuracy(row.hits), sure)
    return Point(
        row.choice,
        _totals(known["totals"]),
        known.get("predicted_accuracy"),
        float(row.hits.mean()),
        len(row.hits),
        complete,
        more,
    )


def _value(draft: Mapping[str, Any], score: float | None) -> float | None:
    """The metric's value of a mean score."""
    about = draft.get("data", {})
    if score is None or "higher_is_better" not in about:
        return score
    return value_of(about["metric"], score, about["scale"], about["higher_is_better"])


def _point_block(draft: Mapping[str, Any], point: Point, assignment: Mapping[str, Any]) -> Document:
    fields = TOTALS_FIELD.values()
    measured = _value(draft, point.measured_accuracy)
    return {
        "assignment": assignment,
        "predicted_accuracy": _value(draft, point.predicted_accuracy),
        "measured_accuracy": measured if point.complete else None,
        "partial_accuracy": None if point.complete else measured,
        "samples": point.samples,
        "order": point.order,
        **{field: getattr(point.totals, field) for field in fields},
    }


def _objectives(draft: Mapping[str, Any], totals: CostTotals) -> list[float]:
    """Every objective relative to the exact design's."""
    names = (draft["objective"], *draft["further_objectives"])
    fields = [TOTALS_FIELD[name] for name in names]
    return [float(getattr(totals, f)) / (float(draft["baseline"][f]) or 1.0) for f in fields]


def _marks(points: Sequence[Point], costs: Sequence[Sequence[float]]) -> list[bool]:
    """Which points no other one beats; given up ones are none."""
    if not points:
        return []
    best = [-p.best_accuracy if p.complete else np.nan for p in points]
    rows = np.array([(a, *cost) for a, cost in zip(best, costs, strict=True)], np.float64)
    return [bool(mark) for mark in non_dominated(rows)]


def _chosen(
    draft: Mapping[str, Any], points: Sequence[Point], reference: float | None
) -> Point | None:
    """The first point within the budget, as ``search.result.select`` takes it."""
    return next((point for point in points if _meets(draft, point, reference)), None)


def _meets(draft: Mapping[str, Any], point: Point, reference: float | None) -> bool:
    """Whether a point keeps the limits, as ``search.result.meets_budget`` tells it."""
    budget, accuracy = Budget(**draft["budget"]), point.measured_accuracy
    if reference is None or accuracy is None or not point.complete:
        return False
    most = budget.max_multipliers
    few = most is None or len(types_of(point.choice)) <= most
    held = reference - accuracy + point.allowance <= budget.max_accuracy_drop + 1e-6
    return held and few and budget.allows_cost(point.totals)


def _result(
    draft: Mapping[str, Any],
    rows: Sequence[Row],
    points: Sequence[Point],
    reference: float | None,
) -> SearchResult:
    return SearchResult(
        method=METHOD,
        points=tuple(points),
        baseline_accuracy=float("nan") if reference is None else reference,
        evaluations=len(rows),
        scoring_seconds=draft["search"]["scoring_seconds"],
        solving_seconds=0.0,
        measuring_seconds=sum(row.seconds for row in rows),
        space_size=int(draft["search"]["space_size"], 16),
        samples_run=sum(len(row.hits) for row in rows),
    )


def _layer(row: Mapping[str, Any], assignment: Mapping[str, Any]) -> Document:
    """A layer with what the assignment has for it; its cost is that of the whole alone."""
    chosen = assignment.get(row["name"])
    if chosen is None:
        open_ = row["multipliers"] and not assignment
        return {**row, "reason": "nothing is chosen"} if open_ else dict(row)
    counts = {chosen: row["channels"]} if isinstance(chosen, str) else dict(Counter(chosen))
    exact = counts.keys() == row["multipliers"].keys()
    return {
        **row,
        "multipliers": counts,
        "energy_uj": row["energy_uj"] if exact else None,
        "reason": row["reason"] if exact else None,
    }
