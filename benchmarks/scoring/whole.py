"""Model level against assignments that are really run, on images of the test file alone."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier
from hawx_onnx.frontend.data import Dataset, Preprocessing, Split
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.passes import Calibrate, PassState, Score
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.predictors import predict, spearman
from hawx_onnx.sensitivity import Sensitivity
from scoring.subjects import Subject, state_of

SAMPLES = 256
MOST = 3**6
RANDOM = 200
SEED = 1
OUTPUT_RANKS = 0.95


def files_apart(subject: Subject, images: int | None) -> Dataset:
    """The file of training images for scoring, that of test images held out.

    Args:
        subject: A network with two files of data.
        images: Test images to take; all if None.
    """
    prepare = Preprocessing.from_dict(subject.preprocessing)
    spec = model_input(load_model(subject.path))
    parts = []
    for name, path in zip(("calibration", "validation"), subject.data, strict=True):
        with np.load(path) as stored:
            parts.append(Split(name, prepare.apply(stored["x"], spec), stored["y"]))
    scoring, held_out = parts
    order = np.random.default_rng(0).permutation(len(scoring.x))
    scoring = Split("calibration", scoring.x[order], scoring.y[order])  # type: ignore[index]
    assert held_out.y is not None
    held_out = Split("validation", held_out.x[:images], held_out.y[:images])
    return Dataset(subject.name, scoring, held_out, held_out, "")


def model_row(
    subject: Subject, chosen: tuple[Multiplier, ...], images: int | None
) -> dict[str, Any]:
    """Rank correlations over all assignments, or over random ones where there are too many."""
    data = files_apart(subject, images)
    state = state_of(subject, data, chosen)
    sensitivity = scored(state)
    assignments = _assignments(state)
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    x, labels = data.validation.x, data.validation.y
    exact = probe.outputs(Assignment(()), x).astype(np.float64)
    measured, predicted = [], []
    for assignment in assignments:
        outputs = probe.outputs(assignment, x)
        accuracy = float((outputs.argmax(axis=1) == labels).mean())
        measured.append((accuracy, float(((outputs - exact) ** 2).mean())))
        found = predict(sensitivity, assignment)
        assert found.accuracy is not None
        predicted.append((found.accuracy, found.output_mse))
    truth, guess = np.array(measured), np.array(predicted)
    return {
        "network": subject.name,
        "candidates": len(chosen) - 1,
        "assignments": len(assignments),
        "samples": [SAMPLES, len(x)],
        "accuracy_range": [float(truth[:, 0].min()), float(truth[:, 0].max())],
        "accuracy_spearman": spearman(guess[:, 0], truth[:, 0]),
        "output_spearman": spearman(guess[:, 1], truth[:, 1]),
        "accuracy_mae": float(np.abs(guess[:, 0] - truth[:, 0]).mean()),
    }


def scored(state: PassState) -> Sensitivity:
    """The layer level on scoring samples that quantisation and calibration did not see."""
    data = state.dataset
    assert data is not None
    assert data.calibration.y is not None
    own = slice(len(data.calibration.x) - SAMPLES, None)
    samples = Split("validation", data.calibration.x[own], data.calibration.y[own])
    few = Split("calibration", data.calibration.x[:SAMPLES], None)
    state = state.replace(dataset=replace(data, calibration=few, validation=samples))
    found = Score(SAMPLES, 1, filters=False)(Calibrate(1)(state)).sensitivity
    assert found is not None
    return found


def _assignments(state: PassState) -> list[Assignment]:
    """Every assignment; or random ones, between none and all of whose layers are approximate."""
    layers = [candidate.name for candidate in state.candidates]
    names = [multiplier.name for multiplier in state.multipliers]
    if len(names) ** len(layers) <= MOST:
        choices = itertools.product(names, repeat=len(layers))
        return [Assignment.of(dict(zip(layers, choice, strict=True))) for choice in choices]
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(RANDOM):
        approximate = rng.random(len(layers)) < rng.random()
        rows = np.where(approximate, rng.integers(1, len(names), len(layers)), 0)
        choice = {layer: names[row] for layer, row in zip(layers, rows, strict=True)}
        found.append(Assignment.of(choice))
    return found
