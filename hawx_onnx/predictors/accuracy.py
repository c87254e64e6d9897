"""Accuracy of assignments, learnt from the ones measured so far.

The response surrogate ranks assignments well but misjudges the damage of many layers at
once. Two steps correct it, on z = log(drop + 0.01), in which an error of a tenth counts alike at a
drop of 5 points and of 50:

1. calibration: z as a sum of the logarithms of the surrogate's figures, none with a negative
   weight, so that more damage never predicts more accuracy (least squares with a small ridge);
2. CatBoost on what is left: shallow trees over the features of
   :mod:`hawx_onnx.predictors.assignment_features`.

Each step is kept only if it gains in cross-validation, else the surrogate stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors.assignment_features import DAMAGES, SURROGATE_DROP, AssignmentFeatures
from hawx_onnx.predictors.validation import (
    CATBOOST,
    METHODS,
    SURROGATE,
    AccuracyReport,
    Fold,
    choose_method,
    folds_of,
    report_of,
)
from hawx_onnx.sensitivity import Sensitivity

Choice = tuple[int, ...]
Floats = npt.NDArray[np.float64]

OFFSET = 0.01
"""What is added to a drop of accuracy before its logarithm is taken."""

LEAST_MEASURED = 10
"""With fewer measured assignments the surrogate stands alone."""

_LEAST_DROP = -0.009
_RIDGE = 1.0
UNKNOWN_ERROR = 0.5
"""Standard error of z by the surrogate before anything is known of it: a factor of about 1.6."""


@dataclass(frozen=True)
class Boosting:
    """How CatBoost learns.

    Attributes:
        iterations: Trees.
        depth: Of each.
        learning_rate: Step.
        feature_share: Features that each split is chosen among.
    """

    iterations: int = 200
    depth: int = 3
    learning_rate: float = 0.05
    feature_share: float = 0.5


class AccuracyPredictor:
    """Predicts the accuracy of assignments on the samples that measurements are made on.

    Args:
        sensitivity: Scores of single layers.
        max_accuracy_drop: The budget, a fraction; :attr:`report` looks at its neighbourhood.
        seed: Of folds and trees; the same seed gives the same predictions.
        boosting: How CatBoost learns.

    Attributes:
        features: What predictions are made of.
    """

    def __init__(
        self,
        sensitivity: Sensitivity,
        *,
        max_accuracy_drop: float = 0.01,
        seed: int = 0,
        boosting: Boosting | None = None,
    ) -> None:
        self.features = AssignmentFeatures(sensitivity)
        self._budget, self._seed = max_accuracy_drop, seed
        self._boosting = boosting or Boosting()
        hits = sensitivity.baseline.argmax(axis=1) == sensitivity.labels
        self._baseline = float(np.mean(hits))
        self._folds: tuple[_FoldModel, ...] = ()
        self._method, self._error = SURROGATE, UNKNOWN_ERROR
        self._report: AccuracyReport | None = None

    @property
    def method(self) -> str:
        """``surrogate``, ``calibrated`` or ``catboost``: what predictions rest on."""
        return self._method

    @property
    def report(self) -> AccuracyReport | None:
        """How good predictions were on assignments not fitted on; None with too few measured."""
        return self._report

    def fit(
        self,
        choices: Sequence[Choice],
        accuracies: Sequence[float],
        *,
        baseline: float | None = None,
        costs: Sequence[float] | None = None,
    ) -> AccuracyPredictor:
        """Learns from all assignments measured so far; earlier fits are forgotten.

        Args:
            choices: The assignments, one multiplier index for each layer.
            accuracies: Their measured accuracies, fractions.
            baseline: Accuracy of the exact network on the same samples; by default that of the
                all-exact assignment among ``choices``, else the one of the scoring samples.
            costs: What the assignments cost, in any unit, for the regret in :attr:`report`.

        Returns:
            Itself.

        Raises:
            ConfigError: The lengths differ, or an accuracy is not a fraction.
        """
        measured = _checked(choices, accuracies, costs)
        exact = [a for c, a in zip(choices, measured, strict=True) if not any(c)]
        self._baseline = baseline if baseline is not None else (exact or [self._baseline])[0]
        drops = self._baseline - measured
        # The exact network is known without a prediction.
        kept = np.array([any(choice) for choice in choices], bool)
        features = self.features.matrix([c for c, keep in zip(choices, kept, strict=True) if keep])
        paid = None if costs is None else np.asarray(costs, np.float64)[kept]
        self.fit_logs(features, log_drop(drops[kept]), paid)
        return self

    def fit_logs(self, features: Floats, targets: Floats, costs: Floats | None = None) -> Floats:
        """Learns z from features that are at hand; the exact assignment is none of the rows.

        Args:
            features: Of the measured assignments, [n, K] as ``features.matrix`` gives them.
            targets: Their z [n].
            costs: What they cost [n], for the regret in :attr:`report`.

        Returns:
            What is predicted for each by a model that was not fitted on it: z [n].
        """
        self._folds, self._method, self._error = (), SURROGATE, UNKNOWN_ERROR
        self._report = None
        surrogate = log_drop(features[:, self._column(SURROGATE_DROP)])
        if len(targets) >= LEAST_MEASURED and np.ptp(targets) > 0:
            return self._cross_validate(features, targets, costs)
        if len(targets) > 1:
            self._error = float(np.sqrt(np.mean((targets - surrogate) ** 2)))
        return surrogate

    def predict(self, choices: Sequence[Choice]) -> tuple[Floats, Floats]:
        """Returns predicted accuracies and their standard errors, both [assignments].

        The error combines how far the models of the folds disagree with how far they were off on
        assignments left out, so that it covers about two thirds of the measurements; it grows with
        the drop. The all-exact assignment has none.

        Args:
            choices: One multiplier index for each layer.
        """
        features = self.features.matrix(choices)
        logs, spread = self.predict_logs(features)
        drops = np.exp(logs) - OFFSET
        errors = (drops + OFFSET) * np.sqrt(spread**2 + self._error**2)
        exact = np.array([not any(choice) for choice in choices], bool)
        drops[exact] = errors[exact] = 0.0
        return np.clip(self._baseline - drops, 0.0, 1.0), errors

    def predict_logs(self, features: Floats) -> tuple[Floats, Floats]:
        """Mean and spread of z over the folds' models, [n] each, of features [n, K]."""
        if not self._folds:
            logs = log_drop(features[:, self._column(SURROGATE_DROP)])
            return logs, np.zeros(len(logs))
        if not len(features):  # CatBoost would print that there is nothing
            return np.zeros(0), np.zeros(0)
        each = np.stack([fold.predict(features, self._method) for fold in self._folds])
        return each.mean(axis=0), each.std(axis=0)

    def _column(self, name: str) -> int:
        return self.features.names.index(name)

    def _cross_validate(self, features: Floats, targets: Floats, costs: Floats | None) -> Floats:
        """Fits a model to each fold's other assignments, chooses the method; z left out [n]."""
        damages = [self._column(name) for name in DAMAGES]
        models, folds = [], []
        for out in folds_of(len(targets), self._seed):
            inside = np.setdiff1d(np.arange(len(targets)), out)
            model = _FoldModel(damages, self._column(SURROGATE_DROP), self._boosting, self._seed)
            model.fit(features[inside], targets[inside])
            models.append(model)
            folds.append(Fold(out, model.predict_all(features[out])))
        self._method = choose_method(folds, targets)
        self._folds = () if self._method == SURROGATE else tuple(models)
        self._report, self._error = report_of(folds, targets, costs, self._budget, OFFSET)
        left_out = np.zeros(len(targets))
        for fold in folds:
            left_out[fold.rows] = fold.predictions[self._method]
        return left_out


class _FoldModel:
    """Surrogate, calibration and CatBoost on the assignments of all folds but one."""

    def __init__(self, damages: list[int], surrogate: int, boosting: Boosting, seed: int) -> None:
        self._damages, self._surrogate = damages, surrogate
        self._boosting, self._seed = boosting, seed

    def fit(self, features: Floats, targets: Floats) -> None:
        """Learns z [assignments] from features [assignments, K]."""
        from catboost import CatBoostRegressor
        from scipy.optimize import nnls

        logs = _log_damages(features[:, self._damages])
        self._mean, self._scale = logs.mean(axis=0), logs.std(axis=0) + 1e-9
        standard = (logs - self._mean) / self._scale
        self._level = float(targets.mean())
        count = standard.shape[1]
        ridge = np.sqrt(_RIDGE) * np.eye(count)
        wanted = np.concatenate([targets - self._level, np.zeros(count)])
        self._weights, _ = nnls(np.concatenate([standard, ridge]), wanted)
        rest = targets - self._calibrated(features)
        self._trees = None
        if np.ptp(rest) > 0 and np.ptp(features, axis=0).any():
            how = self._boosting
            self._trees = CatBoostRegressor(
                iterations=how.iterations,
                depth=how.depth,
                learning_rate=how.learning_rate,
                rsm=how.feature_share,
                boosting_type="Plain",
                bootstrap_type="Bernoulli",
                subsample=0.8,
                random_seed=self._seed,
                thread_count=1,
                allow_writing_files=False,
                logging_level="Silent",
            )
            self._trees.fit(features, rest)

    def predict(self, features: Floats, method: str) -> Floats:
        """Returns z by one method: [assignments]."""
        if method == SURROGATE:
            return log_drop(features[:, self._surrogate])
        calibrated = self._calibrated(features)
        if method != CATBOOST or self._trees is None:
            return calibrated
        return np.asarray(calibrated + self._trees.predict(features, thread_count=1))

    def predict_all(self, features: Floats) -> dict[str, Floats]:
        """Returns z by every method."""
        return {method: self.predict(features, method) for method in METHODS}

    def _calibrated(self, features: Floats) -> Floats:
        standard = (_log_damages(features[:, self._damages]) - self._mean) / self._scale
        return np.asarray(self._level + standard @ self._weights)


def _checked(
    choices: Sequence[Choice], accuracies: Sequence[float], costs: Sequence[float] | None
) -> Floats:
    """Returns the accuracies as an array."""
    values = np.asarray(accuracies, np.float64)
    if values.shape != (len(choices),) or (costs is not None and len(costs) != len(choices)):
        raise ConfigError(
            f"{len(choices)} assignments need as many accuracies and costs",
            where="accuracy predictor",
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise ConfigError("accuracies are fractions from 0 to 1", where="accuracy predictor")
    return values


def log_drop(drops: Floats) -> Floats:
    """Returns z = log(drop + 0.01) of drops of accuracy, fractions."""
    return np.log(np.maximum(drops, _LEAST_DROP) + OFFSET)


def _log_damages(values: Floats) -> Floats:
    return np.log(np.maximum(values, 0) + 1e-4)
