"""Cross-validation of accuracy predictions: which method to trust, and how far off it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.predictors.surrogate import spearman

Floats = npt.NDArray[np.float64]

SURROGATE, CALIBRATED, CATBOOST = "surrogate", "calibrated", "catboost"
METHODS = (SURROGATE, CALIBRATED, CATBOOST)
FOLDS = 5

ONE_SIGMA = 0.683
"""Share of errors that a standard error covers."""

REGION = 3.0
"""Assignments count as near the budget up to this multiple of its accuracy drop."""


@dataclass(frozen=True)
class Quality:
    """How well predictions agree with measurements, all on assignments not fitted on.

    Attributes:
        spearman: Rank correlation of predicted and measured drop, or None without spread.
        mae: Mean absolute error of accuracy, a fraction.
        budget_spearman: Rank correlation among assignments that lose at most :data:`REGION` times
            the budget.
        budget_mae: Mean absolute error among these, or None where there is none.
    """

    spearman: float | None
    mae: float
    budget_spearman: float | None
    budget_mae: float | None


@dataclass(frozen=True)
class AccuracyReport:
    """How good predictions were: in cross-validation, or each before it was measured.

    Attributes:
        method: The method that is used.
        assignments: How many measured ones predictions were judged on.
        fitted_on: How many measured ones the predictor knows in the end.
        quality: Of the predictor; in cross-validation its method for each fold is chosen by the
            other folds.
        methods: Of each method by itself.
        budget_assignments: How many of the measured ones lie near the budget.
        regret_drop: Drop beyond the budget of the cheapest assignment that was predicted to meet
            it, a fraction; None without costs.
        regret_cost: How much more it costs than the cheapest one that does meet the budget, as a
            share of that; negative where the prediction was too hopeful, None without either.
    """

    method: str
    assignments: int
    fitted_on: int
    quality: Quality
    methods: dict[str, Quality]
    budget_assignments: int
    regret_drop: float | None
    regret_cost: float | None


@dataclass(frozen=True, eq=False)
class Fold:
    """Predictions for assignments that their model was not fitted on.

    Attributes:
        rows: Which assignments.
        predictions: Their log drops by method.
    """

    rows: npt.NDArray[np.int64]
    predictions: dict[str, Floats]


def folds_of(count: int, seed: int, folds: int = FOLDS) -> list[npt.NDArray[np.int64]]:
    """Returns the rows that each fold leaves out, drawn at random."""
    order = np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, folds)]


def choose_method(folds: Sequence[Fold], targets: Floats) -> str:
    """Returns the method with the least mean absolute error; the simpler one of equals.

    Args:
        folds: Predictions by fold.
        targets: Measured log drops [assignments].
    """
    errors = [
        np.concatenate([np.abs(fold.predictions[method] - targets[fold.rows]) for fold in folds])
        for method in METHODS
    ]
    return METHODS[int(np.argmin([error.mean() for error in errors]))]


def report_of(
    folds: Sequence[Fold],
    targets: Floats,
    costs: Floats | None,
    budget: float,
    offset: float,
) -> tuple[AccuracyReport, float]:
    """Returns the report, and the standard error of the log drops.

    Args:
        folds: Predictions by fold.
        targets: Measured log drops [assignments].
        costs: Costs [assignments], or None.
        budget: Largest drop allowed.
        offset: What was added to drops before the logarithm.
    """
    logs = {method: np.zeros(len(targets)) for method in METHODS}
    nested = np.zeros(len(targets))
    for index, fold in enumerate(folds):
        # The choice of the method must not see the fold that it is judged on.
        method = choose_method([*folds[:index], *folds[index + 1 :]], targets)
        nested[fold.rows] = fold.predictions[method]
        for name in METHODS:
            logs[name][fold.rows] = fold.predictions[name]
    # A few errors are very large: they would decide the mean square alone.
    error = float(np.quantile(np.abs(nested - targets), ONE_SIGMA))
    drops, predicted = np.exp(targets) - offset, np.exp(nested) - offset
    regret_drop, regret_cost = regret_of(predicted, drops, costs, budget)
    report = AccuracyReport(
        method=choose_method(folds, targets),
        assignments=len(targets),
        fitted_on=len(targets),
        quality=quality_of(predicted, drops, budget),
        methods={m: quality_of(np.exp(z) - offset, drops, budget) for m, z in logs.items()},
        budget_assignments=int((drops <= REGION * budget).sum()),
        regret_drop=regret_drop,
        regret_cost=regret_cost,
    )
    return report, error


def quality_of(predicted: Floats, measured: Floats, budget: float) -> Quality:
    """Compares predicted with measured drops of accuracy, fractions [assignments].

    Args:
        predicted: By a model that did not see them.
        measured: The truth.
        budget: Largest drop allowed.
    """
    near = measured <= REGION * budget
    off = np.abs(predicted - measured)
    return Quality(
        spearman=spearman(predicted.tolist(), measured.tolist()),
        mae=float(off.mean()),
        budget_spearman=spearman(predicted[near].tolist(), measured[near].tolist()),
        budget_mae=float(off[near].mean()) if near.any() else None,
    )


def regret_of(
    predicted: Floats, measured: Floats, costs: Floats | None, budget: float
) -> tuple[float | None, float | None]:
    """Drop beyond the budget, and extra cost, of the cheapest one predicted to meet it.

    Args:
        predicted: Drops, fractions [assignments].
        measured: Measured ones.
        costs: Costs [assignments]; without them both are None.
        budget: Largest drop allowed.
    """
    if costs is None:
        return None, None
    hopeful, good = np.flatnonzero(predicted <= budget), np.flatnonzero(measured <= budget)
    if not hopeful.size:
        return None, None
    pick = hopeful[np.argmin(costs[hopeful])]
    excess = max(0.0, float(measured[pick] - budget))
    if not good.size:
        return excess, None
    least = float(costs[good].min())
    return excess, float(costs[pick] / least - 1) if least else None
