"""Active choice: measure what promises most, learn from it, look for more of its kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hawx_onnx.predictors.validation import (
    REGION,
    SURROGATE,
    AccuracyReport,
    quality_of,
    regret_of,
)
from hawx_onnx.search.acquisition import front_gain, probability
from hawx_onnx.search.candidates import Candidates
from hawx_onnx.search.growth import learnt_fronts, neighbours, unit_weights
from hawx_onnx.search.learner import Learner, drops_of
from hawx_onnx.search.measurer import Measurer
from hawx_onnx.search.pareto import non_dominated
from hawx_onnx.search.problem import Choice, Problem
from hawx_onnx.search.result import REFERENCE_COST

Floats = npt.NDArray[np.float64]

# A choice less likely than this to meet the budget is not measured for its saving.
LEAST_PROBABILITY = 0.02
# While nothing within the budget is known, less will do.
LEAST_HOPE = 1e-3
# Nor is one measured for the front that is expected to add less than this share of the whole.
LEAST_GAIN = 2e-4
# Every so many measurements one goes to where the prediction is least sure.
EXPLORE = 5
# So many choices are measured first, taken from the predicted front down to so many times the
# budget, for the surrogate overrates damage.
FIRST, FIRST_REACH = 6, 15.0
# New choices are looked for around so many.
BASES = 6


class ActiveSearch:
    """Chooses what to measure, one after the other.

    Args:
        candidates: Choices in play.
        learner: Predicts them.
        measurer: Runs the network.
        damages: Name -> damage of each unit [U, M].
        grows: Whether the pool may miss good choices, so that more of them are looked for.
    """

    def __init__(
        self,
        candidates: Candidates,
        learner: Learner,
        measurer: Measurer,
        damages: Mapping[str, Floats],
        *,
        grows: bool,
    ) -> None:
        self.candidates, self.learner, self.measurer = candidates, learner, measurer
        self.problem: Problem = candidates.problem
        self._damages, self._grows = damages, grows
        self._foreseen: dict[int, float] = {}

    def run(self, evaluations: int) -> None:
        """Measures until so many are measured, a limit ends it, or nothing promises enough."""
        self.candidates.measure(self.first_rows()[:evaluations])
        while len(self.candidates.measured) < evaluations and not self.measurer.exhausted:
            if self.candidates.learn():
                self.grow()
            row = self.next_row()
            if row is None and self.grow():
                row = self.next_row()
            row = self.next_of_front() if row is None else row
            if row is None:
                return
            self._measure(row)

    def _measure(self, row: int) -> None:
        """Measures a row, and keeps what was predicted of it."""
        mean, _ = self.candidates.predict(np.array([row]))
        self._foreseen[len(self.candidates.measured)] = float(drops_of(mean)[0])
        self.candidates.measure([row])

    def report(self, surrogate: Mapping[Choice, float]) -> AccuracyReport | None:
        """How good predictions were, each as it stood before its choice was measured.

        None where there are none. Choices that were given up early do not count.

        Args:
            surrogate: Drops as the surrogate alone predicts them, by choice.
        """
        every = self.candidates
        drops, _, whole = every.drops()
        places = [p for p in self._foreseen if p < len(drops) and whole[p]]
        if not places:
            return None
        rows = [every.measured[place] for place in places]
        told, measured = np.array([self._foreseen[p] for p in places]), drops[places]
        alone = np.array([surrogate[every.choice(row)] for row in rows])
        budget = self.problem.budget.max_accuracy_drop
        regret_drop, regret_cost = regret_of(told, measured, every.costs[rows], budget + 1e-6)
        return AccuracyReport(
            method=self.learner.method,
            assignments=len(places),
            quality=quality_of(told, measured, budget),
            methods={SURROGATE: quality_of(alone, measured, budget)},
            budget_assignments=int((measured <= REGION * budget).sum()),
            regret_drop=regret_drop,
            regret_cost=regret_cost,
            fitted_on=self.learner.measured,
        )

    def predicted_front(self) -> list[int]:
        """Rows of the front as first predicted, within the hardware limits, cheapest first."""
        every = self.candidates
        rows = np.flatnonzero(every.affordable[: every.first])
        drops = drops_of(every.prior[rows])
        rows = rows[non_dominated(np.stack([every.costs[rows], drops], axis=1))]
        return [int(row) for row in rows[np.argsort(every.costs[rows], kind="stable")]]

    def first_rows(self) -> list[int]:
        """Rows to measure first, spread over the predicted front, those of its middle first.

        They do not depend on the evaluations to come: with more of these the search goes on where
        it would have ended, and never finds worse.
        """
        every = self.candidates
        drops = drops_of(every.prior)
        reach = FIRST_REACH * max(self.problem.budget.max_accuracy_drop, 0.002)
        exact = self.problem.encode([self.problem.exact_choice])[0]
        whole = [row for row in self.predicted_front() if (every.picks[row] != exact).any()]
        front = [row for row in whole if drops[row] <= reach]
        front = front or sorted(whole, key=lambda row: drops[row])[:FIRST]
        places = np.unique(np.round(np.linspace(0, len(front) - 1, FIRST)).astype(int))
        middle = (len(front) - 1) / 2
        return [front[p] for p in sorted(places, key=lambda p: abs(p - middle))] if front else []

    def _open(self) -> tuple[npt.NDArray[np.intp], float]:
        every = self.candidates
        best = every.best()
        # Costs are sums: what differs by rounding alone saves nothing.
        below = every.costs < best * (1 - 1e-9)
        return np.flatnonzero(every.unmeasured & every.affordable & below), best

    def next_row(self) -> int | None:
        """The row of greatest expected saving; now and then the least sure one near the budget."""
        rows, best = self._open()
        if not len(rows):
            return None
        mean, deviation = self.candidates.predict(rows)
        chance = probability(mean, deviation, self.learner.limit)
        if np.isinf(best):
            # Nothing is within the budget so far: anything that may be will do.
            return int(rows[_first_of(chance)]) if chance.max() >= LEAST_HOPE else None
        worth = chance * (best - self.candidates.costs[rows]) * (chance >= LEAST_PROBABILITY)
        if worth.max() <= 0:
            return None
        if len(self.candidates.measured) % EXPLORE == EXPLORE - 1:
            unsure = deviation - np.abs(mean - self.learner.limit) / 2
            worth = np.where(worth >= worth.max() / 4, unsure - unsure.min() + 1, 0.0)
        return int(rows[_first_of(worth)])

    def next_of_front(self) -> int | None:
        """The row that is expected to add most to the measured front."""
        every = self.candidates
        rows = np.flatnonzero(every.unmeasured & every.affordable)
        drops, _, whole = every.drops()
        known = np.array(every.measured, np.intp)[whole]
        points = np.stack([every.costs[known], drops[whole]], axis=1)
        points = np.concatenate([points, [[every.exact_cost, 0.0]]])
        if not len(rows) or not len(every.measured):
            return None
        mean, deviation = every.predict(rows)
        reach = REFERENCE_COST * every.exact_cost
        gain = np.mean(
            [
                front_gain(every.costs[rows], drops_of(mean + step * deviation), points, reach)
                for step in (-1.0, 0.0, 1.0)
            ],
            axis=0,
        )
        best = _first_of(gain)
        return int(rows[best]) if gain[best] >= LEAST_GAIN else None

    def grow(self) -> int:
        """Takes neighbours of the most promising choices in, and fronts under learnt damages."""
        if not self._grows or not self.candidates.measured:
            return 0
        every = self.candidates
        rows, best = self._open()
        drops, _, _ = every.drops()
        picks = every.picks[every.measured]
        found = list(learnt_fronts(self.problem, self._damages, picks, drops))
        damage = self._damages["output"]
        units = np.arange(picks.shape[1])
        weights = unit_weights(damage[units, picks], drops, self.problem.budget.max_accuracy_drop)
        learnt = damage * weights[:, None]
        bases = every.picks[self._bases(rows, best)]
        found += [neighbours(self.problem, base, learnt) for base in bases]
        grown = every.add(np.concatenate(found), best)
        self._thin(best)
        return grown

    def _bases(self, rows: npt.NDArray[np.intp], best: float) -> list[int]:
        """The cheapest measured within the budget, and the most promising of the others."""
        every = self.candidates
        bases = [row for row in every.measured if every.costs[row] == best][:1]
        if len(rows):
            chance = probability(*every.predict(rows), self.learner.limit)
            order = np.argsort(-chance * self._saving(best)[rows], kind="stable")
            bases += [int(row) for row in rows[order[: BASES - len(bases)]]]
        return bases

    def _thin(self, best: float) -> None:
        every = self.candidates
        chance = probability(*every.predict(np.arange(len(every))), self.learner.limit)
        every.thin(chance * self._saving(best))

    def _saving(self, best: float) -> Floats:
        """What each choice saves over the best cost found [n]."""
        costs = self.candidates.costs
        return np.maximum((best if np.isfinite(best) else costs.max() + 1.0) - costs, 0.0)


def _first_of(worth: Floats) -> int:
    """The first of the greatest, to six digits: how sums were rounded shall not matter."""
    most = float(worth.max())
    return int(np.argmax(worth >= most - 1e-6 * abs(most)))
