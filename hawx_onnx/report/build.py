"""Put ``report.json`` together from what a run found out."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx

from hawx_onnx.components import Multiplier
from hawx_onnx.frontend.model import file_hash
from hawx_onnx.hardware import CostTotals, Target, operands_of
from hawx_onnx.metrics import Scorer
from hawx_onnx.passes.compensate import Compensated
from hawx_onnx.passes.graph import default_opset
from hawx_onnx.prepared import Prepared
from hawx_onnx.report.effort import predictor_block, search_block
from hawx_onnx.report.environment import environment_block
from hawx_onnx.report.layer_rows import layers_block
from hawx_onnx.report.reasons import Predictor, reasons_block, slowness_warnings
from hawx_onnx.report.safeguard import safeguard_block, safeguard_warning
from hawx_onnx.runtime.evaluate import Accuracy, paired_drop
from hawx_onnx.search import Point, Problem, SearchResult
from hawx_onnx.search.drop_text import with_unit
from hawx_onnx.search.measurer import SECONDS
from hawx_onnx.search.result import front_mask, meets_budget
from hawx_onnx.settings import Settings

SCHEMA_VERSION = 1
SAVED = {
    "power": "power_mw",
    "area": "area_um2",
    "energy": "energy_uj",
    "latency": "latency_cycles",
    "luts": "area_lut6",
    "multiplication_energy": "multiplication_energy_uj",
}


def now() -> str:
    """The time in UTC, to the second."""
    return dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def accuracy_block(
    accuracy: Accuracy, totals: CostTotals | None = None, scorer: Scorer | None = None
) -> dict[str, Any]:
    """``baseline`` or ``selected``: the metric's value with interval, and the hardware cost."""
    return {**accuracy.to_dict(scorer), **(asdict(totals) if totals is not None else {})}


def savings(before: CostTotals, after: CostTotals) -> dict[str, float]:
    """Share of each cost that is known and saved; negative where it rises."""
    result = {}
    for name, field in SAVED.items():
        base, now = getattr(before, field), getattr(after, field)
        if base is not None and now is not None:
            result[name] = 1 - float(now) / float(base) if base else 0.0
    return result


def pareto_block(
    problem: Problem, result: SearchResult, chosen: Point | None, scorer: Scorer | None = None
) -> list[dict[str, Any]]:
    """All points of the search, cheapest first; accuracies are values of the metric."""
    marks = front_mask(problem, result.points)
    exact = result.baseline_accuracy
    return [
        {
            **point_block(problem, point, scorer),
            "meets_budget": None
            if point.measured_accuracy is None
            else meets_budget(problem, exact, point),
            "on_front": mark,
            "selected": chosen is not None and point.choice == chosen.choice,
        }
        for point, mark in zip(result.points, marks, strict=True)
    ]


def value_of(score: float | None, scorer: Scorer | None) -> float | None:
    """The metric's value of a mean score; accuracy is its own."""
    return score if score is None or scorer is None else scorer.value(score)


def point_block(problem: Problem, point: Point, scorer: Scorer | None = None) -> dict[str, Any]:
    """One assignment with accuracies, or values of the metric, and costs."""
    fields = ("power_mw", "area_um2", "energy_uj", "latency_cycles", "area_lut6")
    measured = value_of(point.measured_accuracy, scorer)
    return {
        "assignment": problem.assignment(point.choice).to_dict(),
        "predicted_accuracy": value_of(point.predicted_accuracy, scorer),
        "measured_accuracy": measured if point.complete else None,
        # Of an assignment that was given up early, on the samples run until then.
        "partial_accuracy": None if point.complete else measured,
        "samples": point.samples,
        "order": point.order,
        **{field: getattr(point.totals, field) for field in fields},
    }


def candidates_block(
    multipliers: Sequence[Multiplier], kernels: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Every candidate with its errors, cost and provenance."""
    rows = []
    for multiplier in multipliers:
        cost = multiplier.cost.document() if multiplier.cost else {}
        fields = ("energy_fj", "area_um2", "delay_ns", "technology", "provenance")
        rows.append(
            {
                "name": multiplier.name,
                "encoding": multiplier.encoding.value,
                **asdict(multiplier.statistics),
                "rank": multiplier.rank,
                **{field: cost.get(field) for field in fields},
                "sha256": multiplier.content_hash,
                "kernel": kernels.get(multiplier.name),
            }
        )
    return rows


def model_block(path: Path, model: onnx.ModelProto, candidates: int) -> dict[str, Any]:
    """The user's model."""
    return {
        "path": str(path),
        "name": path.stem,
        "sha256": file_hash(path),
        "opset": default_opset(model),
        "nodes": len(model.graph.node),
        "candidate_nodes": candidates,
    }


def data_block(prepared: Prepared) -> dict[str, Any]:
    """The data and its splits."""
    dataset = prepared.dataset
    return {
        "source": dataset.name,
        "labelled": prepared.labelled,
        "metric": prepared.metric,
        **prepared.scorer.to_dict(),
        "splits": {split.name: len(split) for split in dataset.splits},
        "fingerprint": dataset.fingerprint,
        "note": dataset.note,
    }


def target_block(target: Target) -> dict[str, Any]:
    """The accelerator with all its keys."""
    return {"kind": target.kind, **asdict(target)}


def build_report(
    prepared: Prepared,
    settings: Settings,
    problem: Problem,
    result: SearchResult,
    chosen: Point,
    accuracies: Mapping[str, Accuracy],
    kernels: Mapping[str, Any],
    command: str,
    made: Compensated | None = None,
    surrogate: Predictor | None = None,
) -> dict[str, Any]:
    """The content of ``report.json``, schema version 1.

    Args:
        prepared: Model, data and scores.
        settings: Options of the run.
        problem: The assignment problem.
        result: What the search found.
        chosen: The selected point.
        accuracies: ``float``, ``baseline`` and ``selected`` on the test split.
        kernels: What the library says of itself: ``isa``, ``cpu``, ``chosen`` (by multiplier).
        command: The command that repeats the run.
        made: The compensated network, with the passes that were tried.
        surrogate: Predicts what the alternatives would lose; without it no reasons are told.
    """
    before = problem.report(problem.exact_choice)
    after = problem.report(chosen.choice)
    drop, interval = paired_drop(accuracies["baseline"], accuracies["selected"])
    quality = None if made is None else made.quality
    tested, scorer = prepared.scorer_of(prepared.dataset.test), prepared.scorer
    confirmed = chosen.measured_accuracy if quality is None else quality.score
    by_name: Mapping[str, str] = kernels.get("chosen", {})
    correction = prepared.state.bias_correction
    return {
        "schema_version": SCHEMA_VERSION,
        "created": now(),
        "finished": True,
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
        "float": accuracy_block(accuracies["float"], scorer=tested),
        "baseline": {
            **accuracy_block(accuracies["baseline"], before.total, tested),
            "validation_accuracy": scorer.value(result.baseline_accuracy),
        },
        "selected": {
            **accuracy_block(accuracies["selected"], after.total, tested),
            "validation_accuracy": value_of(confirmed, scorer),
            "assignment": problem.assignment(chosen.choice).to_dict(),
        },
        "bias_correction": None if correction is None else asdict(correction),
        "compensation": []
        if made is None
        else [trial.to_dict(scorer.value) for trial in made.trials],
        "accuracy_drop": drop,
        "accuracy_drop_ci95": [one if math.isfinite(one) else None for one in interval],
        "safeguard": safeguard_block(problem, result, chosen),
        "savings": savings(before.total, after.total),
        "pareto": pareto_block(problem, result, chosen, scorer),
        "layers": layers_block(prepared, after),
        "types": {name: asdict(use) for name, use in after.types.items()},
        "reasons": None
        if surrogate is None
        else reasons_block(problem, chosen, result.points, surrogate),
        "search": {
            **search_block(result, len(prepared.dataset.validation)),
            "compensation": prepared.compensation,
        },
        "predictor": predictor_block(result),
        "kernels": dict(by_name),
        "environment": environment_block(settings, kernels),
        "warnings": [
            *prepared.warnings,
            *after.notes,
            *slowness_warnings(problem, before, after),
            *time_warning(settings, result),
            *safeguard_warning(problem, result, chosen),
            *_budget_warning(problem, drop),
        ],
    }


def time_warning(settings: Settings, result: SearchResult) -> list[str]:
    """Says so where the time was over before anything was measured."""
    if result.stopped_by != SECONDS or result.evaluations:
        return []
    return [
        f"{result.method}: nothing but the exact design was measured, since the "
        f"{settings.max_seconds:g} s of --max-seconds were over before; scoring took "
        f"{result.scoring_seconds:.3g} s"
    ]


def _budget_warning(problem: Problem, drop: float) -> list[str]:
    """Says so where the test samples do not confirm what the validation samples promised."""
    limit = problem.budget.max_accuracy_drop
    if drop <= limit:
        return []
    sure = problem.budget.confidence
    how = "" if sure is None else f" with {100 * sure:g} % confidence"
    return [
        f"the drop on the test samples, {with_unit(problem.budget, drop)}, exceeds the budget of "
        f"{with_unit(problem.budget, limit, 'g')} that the validation samples met{how}; more "
        "validation samples, a smaller --max-accuracy-drop or a greater --confidence make the "
        "choice safer"
    ]
