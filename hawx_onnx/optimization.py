"""The whole flow: prepare, search, rewrite, verify, confirm on the test split, report."""

from __future__ import annotations

import contextlib
import logging
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

import hawx_onnx
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier, stacked_factors
from hawx_onnx.errors import BudgetError
from hawx_onnx.frontend.data import Split
from hawx_onnx.journal import FILE, Journal, recalled_one_by_one
from hawx_onnx.journal.values import pack
from hawx_onnx.metric_names import ACCURACY, AGREEMENT, is_function
from hawx_onnx.one_order import one_order
from hawx_onnx.operand_power import with_energies
from hawx_onnx.passes.compensate import compensate
from hawx_onnx.passes.probe import stacked_tables
from hawx_onnx.preparation import Step, prepare
from hawx_onnx.prepared import Prepared
from hawx_onnx.quantization_loss import find_loss
from hawx_onnx.report import to_plain
from hawx_onnx.report.build import build_report, pareto_block
from hawx_onnx.report.interrupted import draft_report
from hawx_onnx.report.sensitivity_document import sensitivity_document
from hawx_onnx.reporting import ENERGIES, REPORT
from hawx_onnx.rewriting import rewrite_and_verify
from hawx_onnx.runtime.evaluate import Accuracy, measured
from hawx_onnx.runtime.library import describe_kernels, library_installed
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.runtime.workers import Workers, started
from hawx_onnx.search import Problem, SearchResult
from hawx_onnx.search.drop_text import with_unit
from hawx_onnx.search.problem import size_text
from hawx_onnx.selection import Searcher, choose
from hawx_onnx.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Result:
    """What ``optimize`` returns.

    Attributes:
        model: The rewritten model.
        assignment: Multiplier of every candidate layer, exact ones included.
        report: The content of ``report.json``.
        sensitivity: The content of ``sensitivity.json``.
        run: The content of ``run.yaml``.
    """

    model: onnx.ModelProto
    assignment: Assignment
    report: dict[str, Any]
    sensitivity: dict[str, object]
    run: dict[str, Any]

    def save(self, folder: str | Path) -> Path:
        """Writes all files into a folder, each in one step, the model last.

        Returns:
            The path of ``report.html``.

        Raises:
            ConfigError: The folder cannot be written.
        """
        import yaml

        from hawx_onnx import report as writers

        out = Path(folder)
        writers.write_json(self.sensitivity, out / "sensitivity.json")
        writers.write_pareto_csv(self.report, out / "pareto.csv")
        writers.write_json(self.report, out / "report.json")
        writers.write_html(self.report, out / "report.html", self.sensitivity)
        text = yaml.safe_dump(writers.to_plain(self.run), sort_keys=False, allow_unicode=True)
        writers.atomic_write_text(out / "run.yaml", text)
        writers.write_json(self.assignment.document(), out / "assignment.json")
        writers.atomic_write_bytes(out / "model.onnx", self.model.SerializeToString())
        return out / "report.html"


def kernels_of(multipliers: tuple[Multiplier, ...]) -> dict[str, Any]:
    """What the library says of itself, with ``chosen`` as multiplier -> kernel.

    Raises:
        LibraryError: The library is not installed, or does not load.
    """
    tables, factors = stacked_tables(multipliers), stacked_factors(multipliers)
    described = describe_kernels(tables, factors)
    names = [multiplier.name for multiplier in multipliers]
    return {**described, "chosen": dict(zip(names, described["chosen"], strict=True))}


@one_order()
def optimize_model(
    path: str | Path,
    settings: Settings,
    *,
    step: Step = lambda text: None,
    progress: Callable[[], None] | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
) -> Result:
    """Optimises a model; see ``hawx_onnx.optimize``.

    Args:
        path: The ONNX file.
        settings: Options.
        step: Called with the name of each step as it begins.
        progress: Called after each measured assignment.
        folder: Where the journal is written, and the front where none of it meets the budget;
            nowhere if None. The result is not written.
        resume: Go on with the journal that an interrupted run wrote there.

    Raises:
        HawxError: Whatever the user can mend; BudgetError where no assignment meets the budget.
    """
    with contextlib.ExitStack() as stack:
        # First: where nobody answers, the folder stays as it is.
        workers = stack.enter_context(started(settings.cluster, settings.workers, settings.jobs))
        journal = None
        if folder is not None:
            journal = stack.enter_context(Journal(Path(folder) / FILE, resume))
        return _optimize(path, settings, step, progress, journal, workers)


def _optimize(
    path: str | Path,
    settings: Settings,
    step: Step,
    progress: Callable[[], None] | None,
    journal: Journal | None,
    workers: Workers | None,
) -> Result:
    filters = settings.granularity == "filter"
    prepared = prepare(
        path,
        settings,
        step,
        filters=filters,
        compensated=settings.fold_bias,
        journal=journal,
        workers=workers,
    )
    step("preparing the search")
    searcher = Searcher(prepared, settings, progress, journal, describe=True, workers=workers)
    command = repeat_command(path, settings)
    kernels = kernels_of(prepared.state.multipliers) if library_installed() else {}
    draft = draft_report(prepared, settings, searcher.problem, kernels, command)
    _note(journal, prepared, draft)
    step(f"searching {size_text(searcher.problem.space_size)} assignments")
    result = searcher.run("hawx")
    try:
        chosen = choose(searcher.problem, result)
    except BudgetError as error:
        if journal is not None:
            front = save_front(searcher.problem, result, journal.path.parent, prepared)
            error.mend += f"; the front is in {front}"
            _note(journal, prepared, {**draft, "ended": error.what})
        raise
    assignment = with_energies(
        searcher.problem.assignment(chosen.choice), prepared.state, prepared.target
    )
    step("compensating")
    made = compensate(
        prepared.state.replace(assignment=assignment),
        settings.compensation_passes,
        threads=settings.jobs,
        memory_limit=settings.memory_bytes,
        folded=None if prepared.folds is None else prepared.folds.exact,
        recall=recalled_one_by_one(journal),
        scores=prepared.validation_scores,
    )
    assignment = replace(assignment, compensation=made.compensation)
    step("rewriting and verifying")
    model = rewrite_and_verify(prepared.state, assignment, settings.jobs)
    step("confirming on the test split")
    test = prepared.dataset.test
    models = {"float": prepared.source, "baseline": prepared.state.model, "selected": model}
    accuracies = {name: _score(prepared, one, test, settings) for name, one in models.items()}
    report = build_report(
        prepared,
        settings,
        searcher.problem,
        result,
        chosen,
        accuracies,
        kernels,
        command,
        made,
        searcher.surrogate,
    )
    # What a user's function calls little is not known.
    lost = accuracies["float"].value - accuracies["baseline"].value
    encoding = prepared.state.multipliers[0].encoding
    loss = None
    if not is_function(prepared.metric):
        loss = find_loss(prepared.source, prepared.dataset, encoding, settings, lost)
    report["quantization"] = None if loss is None else loss.document()
    if loss is not None:
        named = f"{with_unit(searcher.problem.budget, lost)} of {prepared.metric}"
        text = loss.warning(None if prepared.metric in (ACCURACY, AGREEMENT) else named)
        report["warnings"].append(text)
    _note(journal, prepared, report)
    assert prepared.state.sensitivity is not None
    return Result(
        model=model,
        assignment=assignment,
        report=report,
        sensitivity=sensitivity_document(
            prepared.state.sensitivity, prepared.state.left_exact, assignment
        ),
        run=run_document(report, settings),
    )


def _score(
    prepared: Prepared, model: onnx.ModelProto, split: Split, settings: Settings
) -> Accuracy:
    """The metric of a model on a split."""
    assert split.y is not None
    runner = Runner(model, threads=settings.jobs)
    outputs = (found[0] for found in runner.stream(split.x, [runner.scored]))
    return measured(outputs, split.y, prepared.scorer_of(split))


def _note(journal: Journal | None, prepared: Prepared, report: object) -> None:
    """Writes a report, as far as it goes, to the journal, and what drawing it takes."""
    if journal is None:
        return
    sensitivity = prepared.state.sensitivity
    energies = None if sensitivity is None else sensitivity.energies
    journal.write_result(ENERGIES, {}, pack(energies))
    journal.write_note(REPORT, to_plain(report))


def save_front(
    problem: Problem, result: SearchResult, folder: str | Path, prepared: Prepared
) -> Path:
    """Writes ``pareto.csv`` of a search that chose nothing."""
    from hawx_onnx import report as writers

    points = {
        "pareto": pareto_block(problem, result, None, prepared.scorer),
        "search": {"compensation": prepared.compensation},
    }
    return writers.write_pareto_csv(points, Path(folder) / "pareto.csv")


def repeat_command(path: str | Path, settings: Settings) -> str:
    """The command line that repeats a run; options at their defaults are left out."""
    defaults, words = Settings().to_dict(), ["hawx-onnx", "optimize", str(path)]
    for flag, value in settings.to_dict().items():
        if value == defaults[flag]:
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, list):
            words += [word for one in value for word in (f"--{flag}", str(one))]
        else:
            words += [f"--{flag}", str(value)]
    return shlex.join(words)


def run_document(report: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The content of ``run.yaml``: ``optimize --config run.yaml MODEL`` repeats the run."""
    return {
        "hawx_onnx": hawx_onnx.__version__,
        "command": report["command"],
        "model": {key: report["model"][key] for key in ("path", "sha256")},
        "data": {key: report["data"][key] for key in ("source", "fingerprint", "splits")},
        "target": report["target"],
        "versions": report["environment"]["versions"],
        "settings": settings.to_dict(),
    }
