"""From a model file to a scored int8 graph: what every command that searches does first."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier
from hawx_onnx.errors import ConfigError
from hawx_onnx.exclusion import excluded
from hawx_onnx.frontend.data import Dataset, Preprocessing, Split, load_dataset
from hawx_onnx.frontend.graph_checks import check_output_depends
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.frontend.model_checks import check_weights
from hawx_onnx.frontend.outputs import are_class_scores, model_output, with_output
from hawx_onnx.hardware import LayerWorkload, Target, load_target
from hawx_onnx.journal import Journal, origin_of, recalled
from hawx_onnx.model_notes import notes_on
from hawx_onnx.operand_power import with_operand_energies
from hawx_onnx.passes import (
    Calibrate,
    Canonicalize,
    FindCandidates,
    LowerQdq,
    MatchCodes,
    OpenBatch,
    PassState,
    Quantize,
    Score,
    StaticForm,
)
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.graph import metadata
from hawx_onnx.passes.shared_folds import SharedFolds, shared_folds
from hawx_onnx.predictors.enough_samples import EnoughSamples
from hawx_onnx.predictors.hardware_cost import prediction_warning, with_predicted_costs
from hawx_onnx.rewritten import reopened
from hawx_onnx.runtime.evaluate import classes
from hawx_onnx.runtime.output_checks import check_classes, check_output
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.settings import Settings

log = logging.getLogger(__name__)

Step = Callable[[str], None]
# One product: enough to see whether the multipliers' costs fit the target and each other.
_PROBE = LayerWorkload("probe", "MatMul", 1, 1, 1)
REFERENCE_KEY = "hawx.reference"
_LIBRARY_LIST = "`hawx-onnx library list` shows all of them"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model ready for search.

    Attributes:
        path: The user's file.
        source: The user's model.
        state: Int8 graph, candidates, histograms, sensitivity.
        dataset: Splits whose labels are the true classes or, where the data has none, the
            classes that the float model gives.
        labelled: Whether the labels are true classes.
        target: The accelerator.
        warnings: What the user should know before trusting figures.
        folds: Folds the biases that assignments are scored and measured with; None where they
            are not compensated.
        held: The assignment that the user's model was rewritten by; None where it was not.
    """

    path: Path
    source: onnx.ModelProto
    state: PassState
    dataset: Dataset
    labelled: bool
    target: Target
    warnings: tuple[str, ...]
    folds: SharedFolds | None = None
    held: Assignment | None = None

    @property
    def compensation(self) -> str | None:
        """The compensation that assignments are scored and measured with, if any."""
        return None if self.folds is None else FoldBias.name

    @property
    def metric(self) -> str:
        """``accuracy``, or ``agreement`` with the float model."""
        return "accuracy" if self.labelled else "agreement"


def choose_multipliers(settings: Settings) -> tuple[Multiplier, ...]:
    """The exact multiplier, then the candidates.

    Raises:
        ConfigError: A name is not known, no name is given, or codes are mixed.
    """
    shelf = ("builtin", *settings.library)
    names = [name.strip() for text in settings.candidates for name in text.split(",")]
    names = [name for name in names if name]
    if settings.candidates and not names:
        raise ConfigError("names no multiplier", where="--candidates", mend=_LIBRARY_LIST)
    if names:
        chosen = components.resolve(names, shelf)
    elif settings.library:
        chosen = _whole_library(settings.library)
    else:
        smallest = settings.objective[0] == "area" or settings.max_area is not None
        chosen = components.default_candidates(cost="area_um2" if smallest else "energy_fj")
    chosen = tuple(components.with_known_cost(multiplier) for multiplier in chosen)
    if settings.predict_costs:
        chosen = with_predicted_costs(chosen)
    signed = {m.encoding.codes_signed for m in chosen}
    if len(signed) > 1:
        first = next(m.name for m in chosen if m.encoding.codes_signed)
        second = next(m.name for m in chosen if not m.encoding.codes_signed)
        raise ConfigError(
            f"{first} takes int8 codes and {second} takes uint8 codes: one network has one kind",
            where="--candidates",
            mend="choose mul8s_* and mul8sm_*, or mul8u_* alone; `hawx-onnx library import "
            "--sign-logic` makes int8 multipliers of unsigned ones",
        )
    exact = components.exact_for(chosen, settings.library)
    return (exact, *(m for m in chosen if m.name != exact.name))


def _whole_library(paths: tuple[str, ...]) -> tuple[Multiplier, ...]:
    """All multipliers of the libraries; those of int8 codes where there are both kinds."""
    found = [m for path in paths for m in components.load_library(path)]
    signed = [m for m in found if m.encoding.codes_signed]
    left = [m.name for m in found if not m.encoding.codes_signed]
    if signed and left:
        log.warning(
            "left out, they take uint8 codes and others of the library int8: %s; "
            "--candidates chooses, `hawx-onnx library import --sign-logic` makes them take int8",
            ", ".join(left),
        )
    return tuple(signed or found)


def load_data(model: onnx.ModelProto, settings: Settings) -> Dataset:
    """The data set of a run: what ``--data`` names, or the reference network's own, or synthetic.

    The validation split is cut to ``validation_samples``.
    """
    given = None if settings.preprocess is None else Preprocessing.from_yaml(settings.preprocess)
    dataset = load_dataset(
        settings.data,
        model_input(model),
        reference=metadata(model).get(REFERENCE_KEY),
        preprocessing=given,
        seed=settings.seed,
    )
    return replace(dataset, validation=_head(dataset.validation, settings.validation_samples))


def _head(split: Split, count: int) -> Split:
    """The first samples of a split."""
    y = None if split.y is None else split.y[:count]
    return Split(split.name, split.x[:count], y)


def with_labels(dataset: Dataset, model: onnx.ModelProto, threads: int) -> Dataset:
    """Fills in the float model's classes where the data has no labels; checks given labels.

    Raises:
        DataError: A label is no class of the model.
    """
    runner = Runner(model, threads=threads)
    if dataset.labelled:
        outputs = runner.run(dataset.test.x[:1])
        for split in dataset.splits:
            check_classes(split, outputs)
        return dataset
    calibration, validation, test = (
        Split(split.name, split.x, classes(runner.run(split.x)).astype(np.int64))
        for split in dataset.splits
    )
    return replace(dataset, calibration=calibration, validation=validation, test=test)


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
    quantize = Quantize(encoding, memory_limit, options.calibration, options.keep_float)
    for text, one in (
        ("looking for dynamic quantisation", StaticForm()),
        ("canonicalising", Canonicalize()),
        ("quantising", quantize),
        ("lowering to integer operators", LowerQdq()),
        ("matching codes", MatchCodes(encoding)),
        ("opening the batch", OpenBatch()),
        ("finding candidates", FindCandidates()),
    ):
        step(text)
        state = one(state)
    return state


def prepare(
    path: str | Path,
    settings: Settings,
    step: Step = lambda text: None,
    *,
    costs: bool = True,
    filters: bool = False,
    compensated: bool = False,
    journal: Journal | None = None,
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

    Raises:
        HawxError: Whatever the user can mend.
    """
    target = load_target(settings.target)
    multipliers = choose_multipliers(settings)
    if all(multiplier.is_exact for multiplier in multipliers):
        raise ConfigError(
            "names no approximate multiplier", where="--candidates", mend=_LIBRARY_LIST
        )
    given, held, notes = reopened(load_model(path), settings.force)
    source, told = with_output(given, settings.output_name)
    check_weights(source)
    check_output_depends(source, {model_input(source).name}, model_output(source))
    dataset = load_data(source, settings)
    if costs:
        for multiplier in multipliers:
            target.cost((_PROBE,), {_PROBE.name: multiplier}, multipliers[0])
    if journal is not None:
        journal.begin(origin_of(source, multipliers, dataset, settings))
    step("running the float model")
    outputs = check_output(source, dataset, settings.jobs)
    limit = settings.memory_bytes
    warnings = (
        *notes,
        *notes_on(source),
        *([told] if told else ()),
        *_warnings(dataset, costs, outputs),
    )
    warnings += prediction_warning(multipliers)
    labelled = dataset.labelled
    if costs:
        dataset = with_labels(dataset, source, settings.jobs)
    elif labelled and are_class_scores(outputs):
        for split in dataset.splits:
            check_classes(split, outputs)
    start = PassState(source, dataset, multipliers)
    state = _quantized(start, journal, settings, step)
    excluded([candidate.name for candidate in state.candidates], settings.exclude)
    if costs:
        layers = [candidate.workload for candidate in state.candidates]
        target = target.for_network(layers, multipliers[0])
    step("calibrating")
    state = Calibrate(settings.jobs, limit)(state)
    folds = shared_folds(state, settings.jobs, limit) if compensated else None
    # A search can do with fewer; `analyze` is asked for the scores themselves.
    enough = EnoughSamples(settings.max_accuracy_drop) if costs else None
    state = _scored(state, journal, settings, filters, enough, folds, step)
    if settings.operand_aware_power:
        step("costing multiplications under the layers' own operands")
        state, notes = with_operand_energies(state, target)
        warnings += notes if costs else ()
    return Prepared(Path(path), source, state, dataset, labelled, target, warnings, folds, held)


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
        found = {"candidates": state.candidates, "left_exact": state.left_exact}
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
    step: Step,
) -> PassState:
    """The state with its sensitivity, or with what the journal has of it."""

    def make() -> object:
        count = len(state.multipliers) - 1
        step(f"scoring {len(state.candidates)} layers x {count} multipliers")
        limit = settings.memory_bytes
        score = Score(
            settings.score_samples,
            settings.jobs,
            limit,
            filters=filters,
            enough=enough,
            folds=folds,
        )
        return score(state).sensitivity

    inputs = {
        "samples": settings.score_samples,
        "filters": filters,
        "compensated": folds is not None,
        "budget": None if enough is None else settings.max_accuracy_drop,
        "memory": settings.memory_bytes,
    }
    return state.replace(sensitivity=recalled(journal, "sensitivity", inputs, make))


def _warnings(dataset: Dataset, search: bool, outputs: np.ndarray) -> tuple[str, ...]:
    """What to know of the score; the reference of agreement is the float model in a search."""
    whom = "the float model" if search else "the exact int8 model"
    if dataset.name == "synthetic":
        return (
            f"no data was given: inputs are synthetic and the score is agreement with {whom}, "
            "a proxy that says little about real accuracy; give --data",
        )
    if dataset.labelled and not are_class_scores(outputs):
        return (
            f"the output holds {list(outputs.shape[1:])} for each sample, no class scores: labels "
            f"are not used, the score is agreement with {whom}",
        )
    if not dataset.labelled:
        return (f"the data has no labels: the score is agreement with {whom}",)
    return ()
