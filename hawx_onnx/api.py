"""The Python interface: one function for each command."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from hawx_onnx.assignment import Assignment
from hawx_onnx.chosen_multipliers import choose_multipliers
from hawx_onnx.costing import cost_model
from hawx_onnx.errors import ConfigError
from hawx_onnx.evaluation import evaluate_model
from hawx_onnx.exploration import explore_methods
from hawx_onnx.frontend.model import load_model
from hawx_onnx.optimization import Result, optimize_model
from hawx_onnx.preparation import prepare, quantized_state
from hawx_onnx.report import atomic_write_bytes
from hawx_onnx.rewriting import rewrite_and_verify
from hawx_onnx.rewritten import reopened
from hawx_onnx.run_data import load_data
from hawx_onnx.runtime.workers import started
from hawx_onnx.search import METHODS
from hawx_onnx.sensitivity import Sensitivity
from hawx_onnx.settings import Settings
from hawx_onnx.writable import check_writable, check_writable_file

log = logging.getLogger(__name__)

__all__ = ["Result", "analyze", "apply", "cost", "evaluate", "explore", "optimize"]


def _settings(data: str | Path | None, options: Mapping[str, Any]) -> Settings:
    plain = {"data": None if data is None else str(data), **options}
    for name in ("candidates", "library", "objective", "exclude", "passes"):
        if isinstance(plain.get(name), (str, Path)):
            plain[name] = (str(plain[name]),)
        elif name in plain:
            plain[name] = tuple(str(value) for value in plain[name])
    return Settings.of(plain)


def optimize(
    model: str | Path,
    *,
    data: str | Path | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    **options: Any,  # noqa: ANN401 - the fields of Settings
) -> Result:
    """Quantises, scores, searches, rewrites, verifies and reports.

    Args:
        model: Path of an ONNX file.
        data: What ``--data`` takes; None for the reference network's own or synthetic data.
        output: Folder to write all files to; nothing is written if None.
        resume: Take the measurements that an interrupted run wrote to ``output``.
        **options: Fields of :class:`hawx_onnx.settings.Settings`, for example
            ``max_accuracy_drop=0.01`` (a fraction), ``target="spatial"``,
            ``candidates=("mul8s_trunc*",)``, ``max_power=10`` (mW).

    Returns:
        Model, assignment and report.

    Raises:
        HawxError: Whatever the user can mend; BudgetError where no assignment meets the budget.
    """
    settings = _settings(data, options)
    if output is not None:
        check_writable(output)
    result = optimize_model(model, settings, folder=output, resume=resume)
    if output is not None:
        result.save(output)
    return result


def analyze(
    model: str | Path,
    *,
    data: str | Path | None = None,
    compensated: bool = False,
    **options: Any,  # noqa: ANN401
) -> Sensitivity:
    """Scores layers and their channels under every candidate multiplier, without a search.

    Args:
        model: Path of an ONNX file.
        data: What ``--data`` takes.
        compensated: Score layers and channels with their mean errors folded into biases, as a
            search with ``fold_bias`` does.
        **options: Fields of Settings.

    Returns:
        Scores of operators, channels and layers; shapes and units in
        :class:`hawx_onnx.sensitivity.Sensitivity`. ``hawx_onnx.predictors.predict`` tells what
        they say of an assignment.
    """
    settings = _settings(data, options)
    with started(settings.cluster, settings.workers, settings.jobs) as workers:
        sensitivity = prepare(
            model, settings, costs=False, filters=True, compensated=compensated, workers=workers
        ).state.sensitivity
        assert sensitivity is not None
        if workers is not None:
            dict(sensitivity.operator)  # found while there are workers
    return sensitivity


def explore(
    model: str | Path,
    *,
    methods: Sequence[str] = ("hawx",),
    data: str | Path | None = None,
    **options: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Runs search methods side by side.

    Args:
        model: Path of an ONNX file.
        methods: Of ``hawx``, ``exhaustive``, ``random``.
        data: What ``--data`` takes.
        **options: Fields of Settings.

    Returns:
        The document of ``explore --json``.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown or not methods:
        raise ConfigError(
            f"there is no search method {unknown[0]!r}" if unknown else "no method is named",
            where="--method",
            mend=f"choose of {', '.join(METHODS)}",
        )
    settings = _settings(data, options)
    filters = settings.granularity == "filter"
    with started(settings.cluster, settings.workers, settings.jobs) as workers:
        prepared = prepare(
            model, settings, filters=filters, compensated=settings.fold_bias, workers=workers
        )
        return explore_methods(prepared, settings, methods, workers=workers)


def evaluate(
    model: str | Path,
    *,
    data: str | Path | None = None,
    split: str = "test",
    use_library: bool | None = None,
    **options: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Accuracy of any ONNX model, or another ``metric``.

    Args:
        model: Path of an ONNX file: float, int8 or rewritten.
        data: What ``--data`` takes.
        split: ``test``, ``validation`` or ``calibration``.
        use_library: False runs the portable bodies in a stock onnxruntime; None takes the
            library for rewritten models.
        **options: Fields of Settings.

    Returns:
        The document of ``evaluate --json``.
    """
    return evaluate_with(model, _settings(data, options), split, use_library)


def evaluate_with(
    model: str | Path, settings: Settings, split: str, use_library: bool | None
) -> dict[str, Any]:
    """``evaluate`` with settings made already."""
    return evaluate_model(model, settings, split, use_library)


def cost(
    model: str | Path,
    *,
    assignment: str | Path | Mapping[str, Any] | None = None,
    dataflow: str | None = None,
    **options: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Hardware cost of a model, per layer and in total.

    Args:
        model: Path of an ONNX file.
        assignment: Path of ``assignment.json``, its content, an ``Assignment``, or a mapping
            layer -> multiplier.
        dataflow: Replaces the dataflow of a temporal target.
        **options: Fields of Settings; ``target`` and ``library`` are read.

    Returns:
        The document of ``cost --json``.
    """
    return cost_model(model, _settings(None, options), _assignment(assignment), dataflow)


def _assignment(
    given: str | Path | Mapping[str, Any] | None,
) -> Assignment | None:
    if given is None or isinstance(given, Assignment):
        return given
    if isinstance(given, (str, Path)):
        return Assignment.load(given)
    if isinstance(given.get("assignment"), dict):
        return Assignment.of_document(given, "assignment")
    return Assignment.of(given)


def apply(
    model: str | Path,
    assignment: str | Path | Mapping[str, Any],
    output: str | Path | None = None,
    *,
    data: str | Path | None = None,
    **options: Any,  # noqa: ANN401
) -> onnx.ModelProto:
    """Rewrites a model by a given assignment, without a search.

    Args:
        model: Path of an ONNX file.
        assignment: As :func:`cost` takes it; energies that it carries go into the model.
        output: File to write; nothing is written if None.
        data: What ``--data`` takes; its calibration split sets the ranges.
        **options: Fields of Settings.

    Returns:
        The rewritten model, verified.
    """
    chosen = _assignment(assignment)
    assert chosen is not None
    return apply_with(model, chosen, output, _settings(data, options))


def apply_with(
    model: str | Path, chosen: Assignment, output: str | Path | None, settings: Settings
) -> onnx.ModelProto:
    """``apply`` with settings made already; the assignment names the candidates."""
    settings = dataclasses.replace(settings, candidates=chosen.multipliers())
    if output is not None:
        check_writable_file(output)
    source, _, notes = reopened(load_model(model), settings.force)
    for note in notes:
        log.warning("%s", note)
    multipliers = choose_multipliers(settings)
    dataset = load_data(source, settings)
    state = quantized_state(source, dataset, multipliers, lambda text: None, settings=settings)
    del source  # its weights are not needed any longer
    names = [multiplier.name for multiplier in multipliers]
    chosen.check([c.name for c in state.candidates], names)
    rewritten = rewrite_and_verify(state, chosen, settings.jobs)
    if output is not None:
        atomic_write_bytes(output, rewritten.SerializeToString())
    return rewritten
