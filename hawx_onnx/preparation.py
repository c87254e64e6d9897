"""From a model file to a scored int8 graph: what every command that searches does first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx

from hawx_onnx.chosen_multipliers import LIBRARY_LIST, choose_multipliers
from hawx_onnx.components import Multiplier
from hawx_onnx.data_notes import notes_on_data
from hawx_onnx.errors import ConfigError
from hawx_onnx.exclusion import excluded
from hawx_onnx.fabric_checks import check_fabric
from hawx_onnx.frontend.data import Dataset
from hawx_onnx.frontend.graph_checks import check_output_depends
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.frontend.model_checks import check_weights
from hawx_onnx.frontend.outputs import are_class_scores, model_output, with_output
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.journal import Journal, origin_of, recalled
from hawx_onnx.model_notes import notes_on
from hawx_onnx.one_order import one_order
from hawx_onnx.operand_power import with_operand_energies
from hawx_onnx.passes import (
    Calibrate,
    Canonicalize,
    CorrectBias,
    FindCandidates,
    LowerQdq,
    MatchCodes,
    OpenBatch,
    PassState,
    Quantize,
    Score,
    StaticForm,
)
from hawx_onnx.passes.shared_folds import SharedFolds, shared_folds
from hawx_onnx.plugged_passes import plugged_passes
from hawx_onnx.predictors.enough_samples import EnoughSamples
from hawx_onnx.predictors.hardware_cost import prediction_warning
from hawx_onnx.prepared import Prepared
from hawx_onnx.rewritten import reopened
from hawx_onnx.run_data import load_data, metric_of, with_classes_alone, with_targets
from hawx_onnx.runtime.output_checks import check_classes, check_output
from hawx_onnx.runtime.workers import Workers
from hawx_onnx.settings import Settings

log = logging.getLogger(__name__)

Step = Callable[[str], None]
# One product: enough to see whether the multipliers' costs fit the target and each other.
_PROBE = LayerWorkload("probe", "MatMul", 1, 1, 1)


def quantized_state(
    source: onnx.ModelProto,
    dataset: Dataset,
    multipliers: tuple[Multiplier, ...],
    step: Step,
    memory_limit: int | None = None,
    settings: Settings | None = None,
) -> PassState:
    """Canonicalises and quantises a model and finds its candidates.

    Args:
        source: The user's model.
        dataset: Its calibration split sets the ranges.
        multipliers: Candidates, the exact one first.
        step: Called with the name of each step as it begins.
        memory_limit: Bytes that the process may hold; None for any number.
        settings: Calibration, and layers that stay in floating point; the defaults if None.

    Raises:
        ModelError: The model holds ai.hawx operators already, or has no candidate.
    """
    reopened(source, force=False)
    state = PassState(source, dataset, multipliers)
    options = Settings() if settings is None else settings
    encoding = multipliers[0].encoding
    dynamic = options.quantization == "dynamic"
    quantize = Quantize(
        encoding,
        memory_limit,
        options.calibration,
        options.keep_float,
        options.activations,
        dynamic=dynamic,
    )
    plugged = plugged_passes(options.passes)
    for text, one in (
        ("looking for dynamic quantisation", StaticForm(dynamic)),
        ("canonicalising", Canonicalize(options.functions)),
        ("quantising", quantize),
        ("lowering to integer operators", LowerQdq()),
        ("matching codes", MatchCodes(encoding)),
        ("opening the batch", OpenBatch()),
        ("finding candidates", FindCandidates()),
    ):
        step(text)
        state = one(state)
        for other in plugged:
            if other.inner.after == one.name:
                step(f"running the pass {other.plugin.name}")
                state = other(state)
    if dynamic or not options.bias_correction:
        return state.replace(float_model=None)
    step("comparing with the float network")
    return CorrectBias(options.jobs, memory_limit)(state)


@one_order()
def prepare(
    path: str | Path,
    settings: Settings,
    step: Step = lambda text: None,
    *,
    costs: bool = True,
    filters: bool = False,
    compensated: bool = False,
    journal: Journal | None = None,
    workers: Workers | None = None,
) -> Prepared:
    """Loads, quantises, calibrates and scores a model.

    Everything that the user gave is checked before the first expensive step.

    Args:
        path: The ONNX file.
        settings: Options.
        step: Called with the name of each step as it begins.
        costs: Whether it is for a search: the multipliers' costs will be asked for, which scoring
            needs none of, and scoring may stop as soon as it knows the budget's neighbourhood.
        filters: Whether single channels are scored too.
        compensated: Whether layers are scored, and measured, with their biases folded.
        journal: Where the int8 model and the scores are written down, or taken from.
        workers: Where samples are run to score; in this process if None.

    Raises:
        HawxError: Whatever the user can mend.
    """
    target = load_target(settings.target)
    multipliers = choose_multipliers(settings)
    plugged_passes(settings.passes)
    if all(multiplier.is_exact for multiplier in multipliers):
        raise ConfigError(
            "names no approximate multiplier", where="--candidates", mend=LIBRARY_LIST
        )
    given, held, notes = reopened(load_model(path), settings.force)
    source, told = with_output(given, settings.output_name)
    check_weights(source)
    inputs = {spec.name for spec in model_input(source).inputs}
    check_output_depends(source, inputs, model_output(source))
    dataset = load_data(source, settings)
    if costs:
        check_fabric(settings, target, multipliers)
        for multiplier in multipliers:
            target.cost((_PROBE,), {_PROBE.name: multiplier}, multipliers[0])
    if journal is not None:
        journal.begin(origin_of(source, multipliers, dataset, settings))
    step("running the float model")
    outputs = check_output(source, dataset, settings.jobs)
    limit = settings.memory_bytes
    warnings = (
        *notes,
        *notes_on(source, settings.functions, settings.quantization),
        *([told] if told else ()),
        *notes_on_data(dataset, costs, outputs, settings.metric),
    )
    warnings += prediction_warning(multipliers)
    labelled, metric = dataset.labelled, metric_of(dataset, settings)
    if costs:
        dataset = with_targets(dataset, source, metric, settings.jobs)
    elif labelled and metric.of_classes and are_class_scores(outputs):
        for split in dataset.splits:
            check_classes(split, outputs)
    start = PassState(source, with_classes_alone(dataset, metric), multipliers)
    state = _quantized(start, journal, settings, step)
    names = [candidate.name for candidate in state.candidates]
    kept = [names[row] for row in sorted(excluded(names, settings.exclude))]
    if costs:
        layers = [candidate.workload for candidate in state.candidates]
        target = target.for_network(layers, multipliers[0])
    step("calibrating")
    state = Calibrate(settings.jobs, limit)(state)
    folds = shared_folds(state, settings.jobs, limit) if compensated else None
    # A search can do with fewer; `analyze` is asked for the scores themselves.
    judged = costs and metric.of_classes
    enough = EnoughSamples(settings.max_accuracy_drop) if judged else None
    state = _scored(state, journal, settings, filters, enough, folds, kept, step, workers)
    if settings.operand_aware_power:
        step("costing multiplications under the layers' own operands")
        state, notes = with_operand_energies(state, target)
        warnings += notes if costs else ()
    found = (Path(path), source, state, dataset, labelled, target, warnings, folds, held)
    return Prepared(*found, judged_by=metric, output_shape=outputs.shape[1:])


def _quantized(
    start: PassState, journal: Journal | None, settings: Settings, step: Step
) -> PassState:
    """``quantized_state`` of a model, data and multipliers, or what the journal has of it."""
    assert start.dataset is not None

    def make() -> PassState:
        limit = settings.memory_bytes
        assert start.dataset is not None
        state = quantized_state(
            start.model, start.dataset, start.multipliers, step, limit, settings
        )
        excluded([candidate.name for candidate in state.candidates], settings.exclude)
        return state

    def parts() -> dict[str, Any]:
        state = make()
        found = {
            "candidates": state.candidates,
            "left_exact": state.left_exact,
            "bias_correction": state.bias_correction,
        }
        return {"model": state.model.SerializeToString(), **found}

    if journal is None:
        return make()
    known = recalled(journal, "int8 model", {}, parts)
    model = onnx.load_from_string(known.pop("model"))
    return start.replace(model=model, **known)


def _scored(
    state: PassState,
    journal: Journal | None,
    settings: Settings,
    filters: bool,
    enough: EnoughSamples | None,
    folds: SharedFolds | None,
    kept: Sequence[str],
    step: Step,
    workers: Workers | None,
) -> PassState:
    """The state with its sensitivity, or with what the journal has of it."""

    def make() -> object:
        count = len(state.multipliers) - 1
        step(f"scoring {len(state.candidates)} layers x {count} multipliers")
        sizes = (settings.score_samples, settings.jobs, settings.memory_bytes)
        score = Score(*sizes, filters, enough=enough, folds=folds, kept=kept, workers=workers)
        return score(state).sensitivity

    inputs = {
        "samples": settings.score_samples,
        "filters": filters,
        "compensated": folds is not None,
        "budget": None if enough is None else settings.max_accuracy_drop,
        "memory": settings.memory_bytes,
        "kept": list(kept) if filters and enough is not None else [],
    }
    return state.replace(sensitivity=recalled(journal, "sensitivity", inputs, make))
