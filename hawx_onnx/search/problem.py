"""The assignment problem: layers, candidates, costs, budget, and how a choice is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import CostReport, CostTerms, CostTotals, LayerWorkload, Target
from hawx_onnx.runtime.evaluate import Accuracy

Choice = tuple[int, ...]

# What a constraint or an objective reads from the totals.
TOTALS_FIELD = {
    "power": "power_mw",
    "area": "area_um2",
    "energy": "energy_uj",
    "latency": "latency_cycles",
}


@dataclass(frozen=True)
class Budget:
    """Limits on an assignment.

    Attributes:
        max_accuracy_drop: Largest drop against the exact int8 model, a fraction.
        max_power_mw: Largest power, or None.
        max_area_um2: Largest area, or None.
    """

    max_accuracy_drop: float = 0.01
    max_power_mw: float | None = None
    max_area_um2: float | None = None

    def limits(self) -> dict[str, float]:
        """The hardware limits by the objective that they bound."""
        given = {"power": self.max_power_mw, "area": self.max_area_um2}
        return {name: limit for name, limit in given.items() if limit is not None}

    def allows_cost(self, totals: CostTotals) -> bool:
        """Whether the hardware limits hold."""
        return all(
            getattr(totals, TOTALS_FIELD[name]) <= limit for name, limit in self.limits().items()
        )


@dataclass(frozen=True, eq=False)
class Problem:
    """One multiplier for each layer.

    Attributes:
        workloads: The layers (L).
        multipliers: The candidates (M); index 0 is the exact one.
        target: The accelerator.
        objective: ``power``, ``area``, ``energy`` or ``latency``.
        budget: Limits.
        allow_exact: Whether a layer may stay exact.
    """

    workloads: tuple[LayerWorkload, ...]
    multipliers: tuple[Multiplier, ...]
    target: Target
    objective: str = "power"
    budget: Budget = field(default_factory=Budget)
    allow_exact: bool = True

    def __post_init__(self) -> None:
        if len(self.allowed) == 0:
            raise ConfigError(
                "there is no candidate multiplier to choose from",
                where="--candidates",
                mend="name at least one approximate multiplier (`hawx-onnx library list`)",
            )

    @property
    def allowed(self) -> range:
        """Indices of the multipliers that a layer may get."""
        return range(0 if self.allow_exact else 1, len(self.multipliers))

    @property
    def exact_choice(self) -> Choice:
        """Every layer exact: the baseline."""
        return (0,) * len(self.workloads)

    @property
    def space_size(self) -> int:
        """Number of assignments."""
        return int(len(self.allowed) ** len(self.workloads))

    @cached_property
    def terms(self) -> CostTerms:
        """The objective taken apart, for fast costs of many choices."""
        return self.target.cost_terms(self.workloads, self.multipliers, self.objective)

    @cached_property
    def limit_terms(self) -> dict[str, CostTerms]:
        """The same for each quantity that the budget limits."""
        return {
            name: self.target.cost_terms(self.workloads, self.multipliers, name)
            for name in self.budget.limits()
        }

    def affordable(self, choices: Sequence[Choice]) -> npt.NDArray[np.bool_]:
        """Which choices keep the hardware limits: bool [choices]."""
        mask = np.ones(len(choices), dtype=bool)
        for name, limit in self.budget.limits().items():
            mask &= self.limit_terms[name].evaluate(choices) <= limit
        return mask

    def assignment(self, choice: Choice) -> Assignment:
        """The choice by names, exact layers included."""
        names = [self.multipliers[index].name for index in choice]
        layers = [workload.name for workload in self.workloads]
        return Assignment.of(dict(zip(layers, names, strict=True)))

    def report(self, choice: Choice) -> CostReport:
        """The full cost of a choice."""
        chosen = {
            workload.name: self.multipliers[index]
            for workload, index in zip(self.workloads, choice, strict=True)
        }
        return self.target.cost(self.workloads, chosen, self.multipliers[0])

    def objective_of(self, totals: CostTotals) -> float:
        """The objective's value in its own unit."""
        return float(getattr(totals, TOTALS_FIELD[self.objective]))


class Measurer:
    """Measures the accuracy of choices on the validation split, each at most once.

    Args:
        outputs: Runs the network under an assignment: [samples, values].
        problem: Gives choices their names.
        labels: True classes, int [samples].
        limit: Most evaluations; None for no limit.
    """

    def __init__(
        self,
        outputs: Callable[[Assignment], np.ndarray],
        problem: Problem,
        labels: np.ndarray,
        limit: int | None = None,
        progress: Callable[[], None] | None = None,
    ) -> None:
        self._outputs, self._problem, self._labels = outputs, problem, labels
        self._limit, self._progress = limit, progress
        self._known: dict[Choice, Accuracy] = {}
        self.seconds = 0.0

    @property
    def evaluations(self) -> int:
        """How many choices were measured."""
        return len(self._known)

    @property
    def exhausted(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and self.evaluations >= self._limit

    def known(self, choice: Choice) -> Accuracy | None:
        """The accuracy of a choice, if it was measured."""
        return self._known.get(choice)

    def measure(self, choice: Choice) -> Accuracy:
        """Runs the network under a choice over all validation samples."""
        if choice not in self._known:
            start = time.perf_counter()
            outputs = self._outputs(self._problem.assignment(choice))
            self._known[choice] = Accuracy(outputs.argmax(axis=1) == self._labels)
            self.seconds += time.perf_counter() - start
            if self._progress is not None:
                self._progress()
        return self._known[choice]

    def measured(self) -> Sequence[tuple[Choice, Accuracy]]:
        """All measurements so far, in order."""
        return tuple(self._known.items())
