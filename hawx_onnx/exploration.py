"""Search methods side by side, held against exhaustive search where it is among them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import operands_of
from hawx_onnx.journal import FILE, Journal
from hawx_onnx.metrics import Scorer
from hawx_onnx.one_order import one_order
from hawx_onnx.preparation import Step
from hawx_onnx.prepared import Prepared
from hawx_onnx.report.build import point_block, time_warning
from hawx_onnx.report.effort import learnt_block, space_number
from hawx_onnx.runtime.workers import Workers
from hawx_onnx.search import Problem, SearchResult, select
from hawx_onnx.search.problem import size_text
from hawx_onnx.search.result import hypervolume
from hawx_onnx.selection import Searcher
from hawx_onnx.settings import Settings


@one_order()
def explore_methods(
    prepared: Prepared,
    settings: Settings,
    methods: Sequence[str],
    progress: Callable[[], None] | None = None,
    step: Step = lambda text: None,
    *,
    share: bool = True,
    journal: Journal | None = None,
    workers: Workers | None = None,
) -> dict[str, Any]:
    """Runs methods one after the other and compares them.

    Args:
        prepared: The model.
        settings: Options.
        methods: Names, each once.
        progress: Called after each measured assignment.
        step: Called with the name of each search as it begins.
        share: Compute once what assignments have in common, in all methods.
        journal: Where measurements are written down, and taken from; nowhere if None.
        workers: Where assignments are run; in this process if None.

    Returns:
        The document of ``explore --json``.
    """
    searcher = Searcher(prepared, settings, progress, journal, share=share, workers=workers)
    results = {}
    for name in dict.fromkeys(methods):
        step(f"{name} search over {size_text(searcher.problem.space_size)} assignments")
        results[name] = searcher.run(name)
    document: dict[str, Any] = {
        "methods": [
            method_block(searcher.problem, result, prepared.scorer) for result in results.values()
        ],
        "baseline_accuracy": prepared.scorer.value(next(iter(results.values())).baseline_accuracy),
        "metric": prepared.metric,
        **prepared.scorer.to_dict(),
        "compensation": prepared.compensation,
        "validation_samples": len(prepared.dataset.validation),
        "max_accuracy_drop": settings.max_accuracy_drop,
        "objective": searcher.problem.objective,
        "further_objectives": list(searcher.problem.objectives[1:]),
        "operands": operands_of(searcher.problem.workloads),
        "warnings": [
            *prepared.warnings,
            *(text for result in results.values() for text in time_warning(settings, result)),
        ],
        "speedup": None,
        "regret": None,
    }
    reference = results.get("exhaustive")
    if reference is not None and reference.stopped_by is not None:
        reference = None  # no reference: a limit ended it
    for block, (name, result) in zip(document["methods"], results.items(), strict=True):
        if reference is not None and name != "exhaustive":
            block["against_exhaustive"] = compare(searcher.problem, result, reference)
            if name == "hawx":
                document["speedup"] = block["against_exhaustive"]["speedup"]
                document["regret"] = block["against_exhaustive"]["regret"]
    return document


def journal_beside(
    output: str | Path | None, resume: bool = False
) -> contextlib.AbstractContextManager[Journal | None]:
    """The journal beside a file of results: ``a.json`` has ``a.journal.sqlite``.

    Args:
        output: The file; None, or one that is no plain file, has no journal.
        resume: Go on with the journal.

    Raises:
        ConfigError: There is no journal to go on with.
    """
    path = None if output is None else Path(output)
    if path is not None and (path.is_file() or not path.exists()):
        return Journal(path.with_name(f"{path.stem}.{FILE}"), resume)
    if resume:
        raise ConfigError(
            "needs --output, beside which the journal is",
            where="--resume",
            mend="name the file that the interrupted run was to write",
        )
    return contextlib.nullcontext()


def method_block(problem: Problem, result: SearchResult, scorer: Scorer) -> dict[str, Any]:
    """One method's effort and points, with values of the metric."""
    chosen = select(problem, result)
    return {
        "method": result.method,
        "evaluations": result.evaluations,
        "samples_run": result.samples_run,
        "stopped_by": result.stopped_by,
        "seconds": result.seconds,
        "scoring_seconds": result.scoring_seconds,
        "solving_seconds": result.solving_seconds,
        "measuring_seconds": result.measuring_seconds,
        "space_size": space_number(result.space_size),
        "hypervolume": hypervolume(problem, result),
        "predictor": learnt_block(result),
        "selected": None if chosen is None else point_block(problem, chosen, scorer),
        "points": [point_block(problem, point, scorer) for point in result.points],
    }


def compare(problem: Problem, result: SearchResult, reference: SearchResult) -> dict[str, Any]:
    """A method against exhaustive search, on the reference's own measurements.

    ``speedup`` is the exhaustive time over all of the method's time; ``speedup_without_measuring``
    counts scoring and solving alone. ``regret`` is how much dearer the method's choice within the
    accuracy budget is, as a share of the all-exact design's objective; ``accuracy_regret`` how
    much less accurate it is, a fraction. Both are None where either has no choice.
    """
    ours, best = select(problem, result), select(problem, reference)
    predicting = result.scoring_seconds + result.solving_seconds
    volume = hypervolume(problem, reference)
    comparison: dict[str, Any] = {
        "speedup": reference.seconds / result.seconds if result.seconds else None,
        "speedup_without_measuring": reference.seconds / predicting if predicting else None,
        "hypervolume_ratio": hypervolume(problem, result) / volume if volume else None,
        "regret": None,
        "accuracy_regret": None,
    }
    if ours is not None and best is not None:
        exact = problem.objective_of(problem.report(problem.exact_choice).total)
        gap = problem.objective_of(ours.totals) - problem.objective_of(best.totals)
        comparison["regret"] = gap / exact if exact else 0.0
        comparison["accuracy_regret"] = (best.measured_accuracy or 0.0) - (
            ours.measured_accuracy or 0.0
        )
    return comparison
