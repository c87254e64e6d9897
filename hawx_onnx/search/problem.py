"""The assignment problem: layers, candidates, costs, budget, and how a choice is measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Multiplier
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import CostReport, CostTerms, CostTotals, LayerWorkload, Target
from hawx_onnx.hardware.fpga import check_luts
from hawx_onnx.hardware.technology import figures_of
from hawx_onnx.hardware.terms import ManyTotals
from hawx_onnx.search.units import (
    Choice,
    Unit,
    channel_counts,
    decode,
    encode,
    layer_units,
    unit_terms,
)

__all__ = ["Budget", "Choice", "Problem", "order_of", "size_text", "types_of"]


def order_of(choice: Choice) -> tuple[tuple[int, ...], ...]:
    """Sorts choices layer by layer, whether entries are numbers or one for each channel."""
    return tuple((entry,) if isinstance(entry, int) else entry for entry in choice)


def types_of(choice: Choice) -> set[int]:
    """The multipliers that a choice uses anywhere."""
    return {index for entry in order_of(choice) for index in entry}


def size_text(size: int) -> str:
    """The size of a space for people: in full, or its order of magnitude."""
    return f"{size:,}" if size < 10**15 else f"about 10^{len(str(size)) - 1}"


# What a constraint or an objective reads from the totals.
TOTALS_FIELD = {
    "power": "power_mw",
    "area": "area_um2",
    "energy": "energy_uj",
    "latency": "latency_cycles",
    "luts": "area_lut6",
}


@dataclass(frozen=True)
class Budget:
    """Limits on an assignment.

    Attributes:
        max_accuracy_drop: Largest drop against the exact int8 model, a fraction.
        max_power_mw: Largest power, or None.
        max_area_um2: Largest area, or None.
        max_energy_uj: Largest energy per inference, or None.
        max_latency_cycles: Largest latency, or None.
        max_multipliers: Most different multipliers in the accelerator, the exact one counted
            where it is used; or None.
        max_area_lut6: Most look-up tables of six inputs, on an FPGA; or None.
        confidence: Probability that a choice's true drop keeps the limit; None: the measured one.
        drop_unit: What hundredths of a drop are called; None where drops have another unit.
    """

    max_accuracy_drop: float = 0.01
    max_power_mw: float | None = None
    max_area_um2: float | None = None
    max_energy_uj: float | None = None
    max_latency_cycles: float | None = None
    max_multipliers: int | None = None
    max_area_lut6: int | None = None
    confidence: float | None = None
    drop_unit: str | None = "points"

    def limits(self) -> dict[str, float]:
        """The limits on hardware costs by the objective that they bound."""
        given = {name: getattr(self, f"max_{field}") for name, field in TOTALS_FIELD.items()}
        return {name: limit for name, limit in given.items() if limit is not None}

    def allows_cost(self, totals: CostTotals) -> bool:
        """Whether the limits on hardware costs hold."""
        return all(
            getattr(totals, TOTALS_FIELD[name]) <= limit for name, limit in self.limits().items()
        )


@dataclass(frozen=True, eq=False)
class Problem:
    """One multiplier for each unit: for each layer, or each group of channels.

    Attributes:
        workloads: The layers (L).
        multipliers: The candidates (M); index 0 is the exact one.
        target: The accelerator.
        objective: ``power``, ``area``, ``energy``, ``latency`` or ``luts``.
        budget: Limits.
        allow_exact: Whether a layer may stay exact.
        further_objectives: More of them. Costs are then summed up, each relative to the all-exact
            design's, where a single number is needed.
        kept_exact: Layers (indices) that stay exact.
        units: What gets one multiplier (U); the layers if empty.
    """

    workloads: tuple[LayerWorkload, ...]
    multipliers: tuple[Multiplier, ...]
    target: Target
    objective: str = "power"
    budget: Budget = field(default_factory=Budget)
    allow_exact: bool = True
    further_objectives: tuple[str, ...] = ()
    kept_exact: frozenset[int] = frozenset()
    units: tuple[Unit, ...] = ()

    def __post_init__(self) -> None:
        if "luts" in (*self.objectives, *self.budget.limits()):
            figures = figures_of(self.multipliers)
            check_luts(self.target.name, self.target.fabric, figures)
        if not self.units:
            object.__setattr__(self, "units", layer_units(len(self.workloads)))
        if len(self.kept_exact) == len(self.workloads):
            raise ConfigError(
                "no layer is left to approximate", where="--exclude", mend="name fewer layers"
            )
        if len(self.allowed) == 0:
            raise ConfigError(
                "there is no candidate multiplier to choose from",
                where="--candidates",
                mend="name at least one approximate multiplier (`hawx-onnx library list`)",
            )

    @property
    def allowed(self) -> range:
        """Indices of the multipliers that a layer may get, unless it is kept exact."""
        return range(0 if self.allow_exact else 1, len(self.multipliers))

    @property
    def options(self) -> tuple[range, ...]:
        """The same for each unit."""
        return tuple(
            range(1) if unit.layer in self.kept_exact else self.allowed for unit in self.units
        )

    @cached_property
    def _filters(self) -> tuple[int, ...]:
        return tuple(workload.filters for workload in self.workloads)

    def decode(self, picks: Sequence[int]) -> Choice:
        """The choice that one multiplier index for each unit makes."""
        return decode(picks, self.units, self._filters)

    def encode(self, choices: Sequence[Choice]) -> npt.NDArray[np.intp]:
        """The multiplier index of each unit: [choices, units]."""
        return encode(choices, self.units)

    @property
    def exact_choice(self) -> Choice:
        """Every layer exact: the baseline."""
        return (0,) * len(self.workloads)

    @property
    def space_size(self) -> int:
        """Number of assignments."""
        return math.prod(len(options) for options in self.options)

    @property
    def objectives(self) -> tuple[str, ...]:
        """All objectives, each once."""
        return tuple(dict.fromkeys((self.objective, *self.further_objectives)))

    @cached_property
    def all_terms(self) -> Mapping[str, CostTerms]:
        """Every objective and every limited cost taken apart by units, for a knapsack.

        An estimate where costs are no such sums, as on partitioned arrays.
        """
        return {
            name: unit_terms(
                self.target.cost_terms(self.workloads, self.multipliers, name),
                self.units,
                self._filters,
            )
            for name in dict.fromkeys((*self.objectives, *self.budget.limits()))
        }

    @cached_property
    def terms(self) -> CostTerms:
        """The objective taken apart; the sum of several, each relative to the exact design's."""
        if len(self.objectives) == 1:
            return self.all_terms[self.objective]
        scaled = [(self.all_terms[name], self.exact_costs[name]) for name in self.objectives]
        return CostTerms(
            "+".join(self.objectives),
            float(sum(terms.constant / scale for terms, scale in scaled)),
            np.sum([terms.per_layer / scale for terms, scale in scaled], axis=0),
            np.sum([terms.per_type / scale for terms, scale in scaled], axis=0),
        )

    @cached_property
    def exact_costs(self) -> Mapping[str, float]:
        """The all-exact design's cost in each objective; 1 where it costs nothing."""
        totals = self.report(self.exact_choice).total
        return {name: float(getattr(totals, TOTALS_FIELD[name])) or 1.0 for name in self.objectives}

    @property
    def limit_terms(self) -> dict[str, CostTerms]:
        """The terms of each cost that the budget limits."""
        return {name: self.all_terms[name] for name in self.budget.limits()}

    def affordable(self, choices: Sequence[Choice]) -> npt.NDArray[np.bool_]:
        """Which choices keep the hardware limits: bool [choices]."""
        mask = np.ones(len(choices), dtype=bool)
        limits = self.budget.limits()
        if limits:
            totals = self.totals(choices)
            for name, limit in limits.items():
                mask &= getattr(totals, TOTALS_FIELD[name]) <= limit
        most = self.budget.max_multipliers
        if most is not None:
            mask &= np.array([len(types_of(choice)) <= most for choice in choices], bool)
        return mask

    def allows(self, choice: Choice, totals: CostTotals) -> bool:
        """Whether a choice with its costs keeps the hardware limits."""
        most = self.budget.max_multipliers
        few = most is None or len(types_of(choice)) <= most
        return few and self.budget.allows_cost(totals)

    def costs(self, choices: Sequence[Choice]) -> npt.NDArray[np.float64]:
        """Every objective of many choices: [choices, objectives]."""
        if not choices:
            return np.zeros((0, len(self.objectives)))
        return self._columns(self.totals(choices))

    def scores(self, choices: Sequence[Choice]) -> npt.NDArray[np.float64]:
        """What is minimised, of many choices: [choices], as ``objective_of``."""
        return self.scores_of(self.encode(choices)) if choices else np.zeros(0)

    def scores_of(self, picks: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """The same by the multiplier index of each unit, [choices, units]."""
        costs = self._columns(self._totals_of(picks))
        if len(self.objectives) == 1:
            return costs[:, 0]
        scales = np.array([self.exact_costs[name] for name in self.objectives])
        return np.asarray((costs / scales).sum(axis=1))

    def _columns(self, totals: ManyTotals) -> npt.NDArray[np.float64]:
        columns = [getattr(totals, TOTALS_FIELD[name]) for name in self.objectives]
        return np.stack(columns, axis=1)

    def totals(self, choices: Sequence[Choice]) -> ManyTotals:
        """All costs of many choices."""
        return self._totals_of(self.encode(choices))

    def _totals_of(self, picks: npt.NDArray[np.intp]) -> ManyTotals:
        counts = channel_counts(picks, self.units, self._filters, len(self.multipliers))
        return self.target.cost_many(self.workloads, self.multipliers, counts)

    def assignment(self, choice: Choice) -> Assignment:
        """The choice by names, exact layers included."""
        names = [multiplier.name for multiplier in self.multipliers]
        pairs = zip(self.workloads, choice, strict=True)
        return Assignment.of(
            {
                work.name: names[entry] if isinstance(entry, int) else [names[i] for i in entry]
                for work, entry in pairs
            }
        )

    def report(self, choice: Choice) -> CostReport:
        """The full cost of a choice."""
        every = self.multipliers
        pairs = zip(self.workloads, choice, strict=True)
        chosen = {
            work.name: every[entry] if isinstance(entry, int) else [every[i] for i in entry]
            for work, entry in pairs
        }
        return self.target.cost(self.workloads, chosen, self.multipliers[0])

    def costs_of(self, totals: CostTotals) -> tuple[float, ...]:
        """Every objective's value in its own unit."""
        return tuple(float(getattr(totals, TOTALS_FIELD[name])) for name in self.objectives)

    def objective_of(self, totals: CostTotals) -> float:
        """What is minimised: the objective in its own unit, or the relative sum of several."""
        values = self.costs_of(totals)
        if len(values) == 1:
            return values[0]
        scales = (self.exact_costs[name] for name in self.objectives)
        return float(sum(value / scale for value, scale in zip(values, scales, strict=True)))
