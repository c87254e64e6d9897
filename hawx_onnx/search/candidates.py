"""Choices in play with what is known of them: costs, predictions, measurements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.search.confidence import allowance
from hawx_onnx.search.learner import Learner
from hawx_onnx.search.measurer import Measurer
from hawx_onnx.search.problem import Choice, Problem

Floats = npt.NDArray[np.float64]
Picks = npt.NDArray[np.intp]

# Choices beyond those given at first that stay in play, the most promising ones.
MOST_GROWN = 3000


class Candidates:
    """The choices that a search may measure.

    Args:
        problem: The problem.
        measurer: Runs the network.
        learner: Predicts.
        choices: The first ones, which always stay.

    Attributes:
        picks: Multiplier index of each unit [n, U].
        costs: What is minimised [n].
        affordable: Whether the hardware limits hold [n].
        measured: Rows that were measured, in that order.
        baseline: Accuracy of the exact network.
        exact_cost: Cost of the all-exact design.
    """

    def __init__(
        self, problem: Problem, measurer: Measurer, learner: Learner, choices: Sequence[Choice]
    ) -> None:
        self.problem, self._measurer, self._learner = problem, measurer, learner
        self.first = len(choices)
        self.picks = problem.encode(choices)
        self.costs, self.affordable = problem.scores(choices), problem.affordable(choices)
        self.basis = learner.basis(self.picks)
        self.prior = learner.prior(self.basis)
        self.measured: list[int] = []
        self._told: list[tuple[float, float, bool]] = []
        self._places = {row.tobytes(): place for place, row in enumerate(self.picks)}
        self.baseline, self._exact = measurer.baseline(), problem.exact_choice
        self.exact_cost = float(problem.scores([self._exact])[0])
        free = problem.allow_exact and bool(problem.affordable([self._exact])[0])
        self._at_most = self.exact_cost if free else np.inf

    def __len__(self) -> int:
        return len(self.picks)

    @property
    def unmeasured(self) -> npt.NDArray[np.bool_]:
        """Which rows are not measured [n]."""
        mask = np.ones(len(self), bool)
        mask[self.measured] = False
        return mask

    def choice(self, row: int) -> Choice:
        """The choice of a row."""
        return self.problem.decode(self.picks[row].tolist())

    def measure(self, rows: Sequence[int]) -> None:
        """Measures rows together, as far as the limits allow."""
        found = self._measurer.measure_all([self.choice(row) for row in rows])
        for row, accuracy in zip(rows, found, strict=True):
            if accuracy is not None:
                self.measured.append(row)
                self._told.append(self._drop(accuracy))

    def _drop(self, accuracy: Accuracy) -> tuple[float, float, bool]:
        """Drop on the samples that were run, its variance, and whether these are all."""
        exact = self.baseline.scores
        if accuracy.samples == len(exact):
            confidence = self.problem.budget.confidence
            more = allowance(self.baseline, accuracy, confidence)
            return self.baseline.value - accuracy.value + more, 0.0, True
        change = exact[: accuracy.samples].astype(float) - accuracy.scores
        left = 1 - accuracy.samples / len(exact)
        return float(change.mean()), left * float(change.var()) / accuracy.samples, False

    def drops(self) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """Drops of the measured rows, their variances, and whether all samples were run.

        Of a choice that was given up the drop is that on the samples that were run. With a
        confidence, drops are what they may truly be.
        """
        told = np.array(self._told, np.float64).reshape(-1, 3)
        return told[:, 0], told[:, 1], told[:, 2] > 0

    def learn(self) -> bool:
        """Learns from all that was measured; tells whether predictions of all have changed."""
        # The exact network is known without a prediction.
        known = np.array([self.choice(row) != self._exact for row in self.measured], bool)
        rows = np.array(self.measured, np.intp)[known]
        drops, noise, _ = self.drops()
        if not len(rows) or not self._learner.observe(
            self.picks[rows], self.basis[rows], drops[known], noise[known]
        ):
            return False
        self.prior = self._learner.prior(self.basis)
        return True

    def predict(self, rows: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Expected z of rows and its standard deviation [rows]."""
        return self._learner.predict(self.picks[rows], self.prior[rows])

    def best(self) -> float:
        """The least cost found within all limits, that of the exact design included, or inf."""
        drops, _, whole = self.drops()
        limit = self.problem.budget.max_accuracy_drop + 1e-6
        rows = np.array(self.measured, np.intp)
        good = rows[whole & (drops <= limit) & self.affordable[rows]] if len(rows) else rows
        return float(min([self._at_most, *self.costs[good]]))

    def add(self, picks: Picks, below: float) -> int:
        """Takes in new choices that cost less than a bound; returns how many."""
        fresh = {row.tobytes(): row for row in picks}
        new = [row for key, row in fresh.items() if key not in self._places]
        if not new:
            return 0
        rows = np.stack(new)
        costs = self.problem.scores_of(rows)
        choices = [self.problem.decode(row) for row in rows.tolist()]
        allowed = self.problem.affordable(choices)
        kept = np.flatnonzero(allowed & (costs < below))
        basis = self._learner.basis(rows[kept])
        for row in rows[kept]:
            self._places[row.tobytes()] = len(self._places)
        self.picks = np.concatenate([self.picks, rows[kept]])
        self.costs = np.concatenate([self.costs, costs[kept]])
        self.affordable = np.concatenate([self.affordable, allowed[kept]])
        self.basis = np.concatenate([self.basis, basis])
        self.prior = np.concatenate([self.prior, self._learner.prior(basis)])
        return len(kept)

    def thin(self, worth: Floats) -> None:
        """Drops grown choices of least worth [n] beyond :data:`MOST_GROWN`; not measured ones."""
        if len(self) - self.first <= MOST_GROWN:
            return
        always = np.zeros(len(self), bool)
        always[: self.first] = always[self.measured] = True
        order = np.lexsort((np.arange(len(self)), -worth, ~always))
        kept = np.sort(order[: max(self.first + MOST_GROWN, int(always.sum()))])
        place = {int(row): index for index, row in enumerate(kept)}
        self.measured = [place[row] for row in self.measured]
        self.picks, self.costs, self.basis = self.picks[kept], self.costs[kept], self.basis[kept]
        self.affordable, self.prior = self.affordable[kept], self.prior[kept]
        self._places = {row.tobytes(): index for index, row in enumerate(self.picks)}
