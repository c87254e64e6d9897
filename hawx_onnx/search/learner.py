"""What the search believes of choices: predictions of their drops, learnt as they are measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hawx_onnx.predictors import AccuracyPredictor, NoiseSurrogate, ResponseSurrogate
from hawx_onnx.predictors.accuracy import LEAST_MEASURED, OFFSET, UNKNOWN_ERROR, log_drop
from hawx_onnx.predictors.residuals import ResidualProcess
from hawx_onnx.predictors.validation import SURROGATE, AccuracyReport
from hawx_onnx.search.problem import Problem

Floats = npt.NDArray[np.float64]
Picks = npt.NDArray[np.intp]

# The predictor is fitted anew once the measured choices have grown by this factor.
GROWTH = 1.2
# Corrections come from so many measured choices, those nearest to the budget: the cost is their
# number cubed.
MOST = 300


class Learner:
    """Predicts drops of accuracy, on the scale z = log(drop + 0.01).

    A prediction of all choices, the surrogate's or that of an ``AccuracyPredictor`` fitted to the
    measured ones, is corrected by what was seen of choices that are alike. Fitting goes by the
    number of measured choices, never by the clock, so that the same seed measures the same ones.

    Args:
        problem: The problem.
        surrogate: Predicts accuracies from the scores alone.
        trees: Whether the predictor is fitted; it takes seconds, the rest milliseconds.
        seed: Of its folds and trees.

    Attributes:
        limit: z of the largest drop allowed.
        exact: Accuracy of the exact network on the scoring samples.
    """

    def __init__(
        self,
        problem: Problem,
        surrogate: ResponseSurrogate | NoiseSurrogate,
        *,
        trees: bool,
        seed: int = 0,
    ) -> None:
        self._surrogate, self._process = surrogate, ResidualProcess(surrogate.damages()["output"])
        self._predictor: AccuracyPredictor | None = None
        if trees:
            drop = problem.budget.max_accuracy_drop
            self._predictor = AccuracyPredictor(
                surrogate.sensitivity, max_accuracy_drop=drop, seed=seed
            )
        self.limit = float(log_drop(np.array([problem.budget.max_accuracy_drop + 1e-6]))[0])
        exact = problem.encode([problem.exact_choice])
        self.exact = float(surrogate.accuracies([tuple(exact[0].tolist())])[0])
        self._rows = np.zeros((0, len(problem.units)), np.intp)
        self._fitted_on = 0

    @property
    def measured(self) -> int:
        """How many measured choices it knows."""
        return len(self._rows)

    @property
    def method(self) -> str:
        """What the prediction for all choices rests on: the predictor's method."""
        return SURROGATE if self._predictor is None else self._predictor.method

    @property
    def report(self) -> AccuracyReport | None:
        """Cross-validation of the predictor as it was fitted last."""
        return None if self._predictor is None else self._predictor.report

    def basis(self, picks: Picks) -> Floats:
        """What predictions of choices are made of, once for all fits: [n, K].

        Args:
            picks: Multiplier index of each unit [n, U].
        """
        rows = [tuple(row) for row in picks.tolist()]
        if self._predictor is not None:
            return self._predictor.features.matrix(rows)
        accuracies = self._surrogate.accuracies(rows) if rows else np.zeros(0)
        return np.asarray(log_drop(self.exact - accuracies)[:, None])

    def observe(self, picks: Picks, basis: Floats, drops: Floats, noise: Floats) -> bool:
        """Learns from all measured choices but the exact one, in the order of measuring.

        Args:
            picks: [n, U].
            basis: Of :meth:`basis`, [n, K].
            drops: Measured, fractions [n].
            noise: Their variance: of choices that were not run on all samples [n].

        Returns:
            Whether the prediction for all choices has changed, not only the corrections.
        """
        targets = log_drop(drops)
        due = self._fitted_on == 0 or len(picks) >= np.ceil(GROWTH * self._fitted_on)
        due &= len(picks) > 1
        if due:
            self._fitted_on = len(picks)
            if self._predictor is not None:
                self._left_out = self._predictor.fit_logs(basis, targets)
        prior = self.prior(basis)
        if self._predictor is not None and self._fitted_on >= LEAST_MEASURED:
            # Errors of predictions that knew the answer would tell nothing.
            prior[: self._fitted_on] = self._left_out
        near = np.sort(np.argsort(np.abs(targets - self.limit), kind="stable")[:MOST])
        self._rows, prior, targets = picks[near], prior[near], targets[near]
        scaled = noise[near] / (np.maximum(drops[near], 0) + OFFSET) ** 2
        if len(near):
            distances = self._process.distances(self._rows, self._rows)
            self._process.fit(distances, prior, targets - prior, scaled, tune=due)
        return due

    def prior(self, basis: Floats) -> Floats:
        """Predicted z of choices without what those alike tell [n], of their basis [n, K]."""
        if self._predictor is None:
            return np.array(basis[:, 0])
        return np.array(self._predictor.predict_logs(basis)[0])

    def predict(self, picks: Picks, prior: Floats) -> tuple[Floats, Floats]:
        """Returns the expected z of choices and its standard deviation, [n] each.

        Args:
            picks: [n, U].
            prior: Of :meth:`prior` [n].
        """
        if not self.measured:
            return prior, np.full(len(prior), UNKNOWN_ERROR)
        return self._process.predict(self._process.distances(picks, self._rows), prior)


def drops_of(logs: Floats) -> Floats:
    """Drops of accuracy from z."""
    return np.asarray(np.exp(logs) - OFFSET)
