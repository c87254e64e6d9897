"""Target: an accelerator that tells what an assignment of multipliers costs on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.assignment import (
    Choice,
    Usage,
    checked_channels,
    checked_figures,
    count_usage,
)
from hawx_onnx.hardware.fpga import Fabric, check_luts, fpga_area
from hawx_onnx.hardware.memory import DRAM_PJ_PER_BYTE
from hawx_onnx.hardware.report import CostReport, objective_field
from hawx_onnx.hardware.schema import check_value, integer, key_fields, number, word
from hawx_onnx.hardware.technology import (
    PERIPHERY_MODES,
    ComponentFigures,
    CostedMultiplier,
    figures_of,
)
from hawx_onnx.hardware.terms import CostTerms, ManyTotals, one_changed
from hawx_onnx.hardware.workload import LayerWorkload
from hawx_onnx.names import close_names


@dataclass(frozen=True, kw_only=True)
class Target(ABC):
    """An accelerator and its cost model.

    Args:
        name: The target's name in reports.
        description: One line for people.
        frequency_mhz: Clock in megahertz.
        accumulator_bits: Width of the accumulators in bits.
        periphery: Whether adders and registers count: ``auto`` where the multipliers' technology
            has them, ``required`` refuses a technology without, ``none`` multipliers alone.
        memories: Whether memories count, likewise; ``auto`` where the technology's feature size
            is known.
        memory_feature_nm: Feature size in nanometres that memories are scaled to; 0 takes that
            of the multipliers' technology.
        dram_pj_per_byte: Energy of a byte read from or written to DRAM, in picojoules.
        fabric: ``asic``, or ``fpga``, which adds look-up tables, flip-flops and block RAMs.

    Raises:
        ConfigError: If a value is out of its bounds.
    """

    kind: ClassVar[str]

    name: str = field(metadata=word())
    description: str = field(default="", metadata=word())
    frequency_mhz: float = field(metadata=number(0.001, 100_000, "MHz"))
    accumulator_bits: int = field(default=32, metadata=integer(16, 64, "bits"))
    periphery: str = field(default="auto", metadata=word(*PERIPHERY_MODES))
    memories: str = field(default="auto", metadata=word(*PERIPHERY_MODES))
    memory_feature_nm: float = field(default=0.0, metadata=number(0, 1000, "nm, 0: technology's"))
    dram_pj_per_byte: float = field(
        default=DRAM_PJ_PER_BYTE, metadata=number(0, 10_000, "pJ per byte")
    )
    fabric: str = field(default="asic", metadata=word("asic", "fpga"))

    def __post_init__(self) -> None:
        for name, item in key_fields(type(self)).items():
            check_value(item, getattr(self, name), f"target {self.name}")

    @property
    def stays(self) -> str:
        """What an element keeps while operands change: one of ``components`` ``STAYS``."""
        return "output"

    def lanes(self, workloads: tuple[LayerWorkload, ...]) -> tuple[int, ...]:
        """Returns how many products of a window an element takes at once, for each layer."""
        return (1,) * len(workloads)

    def override(self, **values: int | float | str) -> Target:
        """Returns the same target with some keys changed, checked like a file.

        Args:
            **values: Key -> new value, for example ``dataflow="weight-stationary"``.

        Raises:
            ConfigError: If this kind of target has no such key, or the value is not allowed.
        """
        for name in values:
            if name not in key_fields(type(self)):
                raise ConfigError(
                    f"a {self.kind} target has no key {name!r}",
                    where=f"target {self.name}",
                    mend=close_names(name, key_fields(type(self))),
                )
        return replace(self, **values)  # type: ignore[arg-type]

    def cost(
        self,
        workloads: Sequence[LayerWorkload],
        assignment: Mapping[str, Choice],
        exact: CostedMultiplier,
    ) -> CostReport:
        """Costs an assignment.

        Args:
            workloads: The network's layers; a tuple saves repeated planning.
            assignment: Layer name -> multiplier, or one multiplier for each output channel.
                Layers left out are exact.
            exact: The exact multiplier, of the candidates' technology.

        Returns:
            The cost per layer and in total, units in the names.

        Raises:
            ConfigError: If the assignment does not fit the layers, a multiplier has no figures,
                or technologies are mixed.
            ModelError: If there is no layer, or two have the same name.
        """
        usage = count_usage(workloads, assignment, exact)
        return self.for_network(workloads, exact)._costed(tuple(workloads), usage)

    def _costed(self, workloads: tuple[LayerWorkload, ...], usage: Usage) -> CostReport:
        """Costs a counted assignment, on an FPGA with what it takes of it."""
        report = self._report(workloads, usage)
        if self.fabric == "asic":
            return report
        fabric = self._fabric(workloads, report, usage)
        area, notes = fpga_area(fabric, report.types, usage.figures)
        total = replace(report.total, area_lut6=area.area_lut6)
        return replace(report, total=total, fpga=area, notes=report.notes + notes)

    def cost_terms(
        self,
        workloads: Sequence[LayerWorkload],
        candidates: Sequence[CostedMultiplier],
        objective: str,
    ) -> CostTerms:
        """Takes an objective apart, exactly, for assignments with one multiplier per layer.

        objective(choice) = constant + sum over layers of per_layer[l, choice[l]]
        + sum over the multipliers used anywhere of per_type[m].

        Args:
            workloads: The network's layers (L).
            candidates: The multipliers to choose from (M), the exact one too where it is allowed.
            objective: ``power``, ``area``, ``energy``, ``latency`` or ``luts``.

        Raises:
            ConfigError: If the objective is unknown or counts look-up tables where there are none,
                candidates repeat, lack figures or mix technologies.
            ModelError: If there is no layer, or two have the same name.
        """
        objective_field(objective)
        figures = checked_figures(workloads, candidates)
        if objective == "luts":
            check_luts(self.name, self.fabric, figures)
        return self._terms(tuple(workloads), figures, objective)

    def cost_many(
        self,
        workloads: Sequence[LayerWorkload],
        candidates: Sequence[CostedMultiplier],
        channels: npt.ArrayLike,
    ) -> ManyTotals:
        """Costs many assignments at once, each as `cost` would.

        Args:
            workloads: The network's layers (L); a tuple saves repeated planning.
            candidates: The multipliers (M).
            channels: Int array [A, L, M]: how many output channels of each layer have each
                multiplier.

        Returns:
            The totals of all A assignments.

        Raises:
            ConfigError: If the counts do not add up to the layers' filters, and as `cost_terms`.
            ModelError: As `cost_terms`.
        """
        figures = checked_figures(workloads, candidates)
        counts = checked_channels(workloads, len(figures), channels)
        return self._many(tuple(workloads), figures, counts)

    def marginal_costs(
        self,
        workloads: Sequence[LayerWorkload],
        candidates: Sequence[CostedMultiplier],
        exact: CostedMultiplier,
        objective: str,
    ) -> npt.NDArray[np.float64]:
        """Returns what changing one layer alone does to the cost of the all-exact network.

        Where `separable` holds, the cost of any assignment is the all-exact cost plus the sum of
        its entries. Where it does not, the sum counts a multiplier that several layers share
        once for each of them; `cost_terms` keeps the two parts apart.

        Args:
            workloads: The network's layers (L).
            candidates: The multipliers to choose from (M).
            exact: The exact multiplier.
            objective: ``power``, ``area``, ``energy``, ``latency`` or ``luts``.

        Returns:
            Float array [L, M] in the objective's unit; negative where the candidate saves.

        Raises:
            ConfigError: As `cost_terms`.
            ModelError: As `cost_terms`.
        """
        figures_of([exact, *candidates])
        others = [candidate for candidate in candidates if candidate.name != exact.name]
        terms = self.cost_terms(workloads, [exact, *others], objective)
        column = {other.name: index for index, other in enumerate([exact, *others])}
        wanted = [column[candidate.name] for candidate in candidates]
        if terms.evaluator is not None:
            return one_changed(terms, len(workloads), len(column))[:, wanted]
        change = terms.per_layer - terms.per_layer[:, :1]
        change[:, 1:] += terms.per_type[1:]
        if len(workloads) == 1:
            change[:, 1:] -= terms.per_type[0]
        return change[:, wanted]

    def for_network(self, workloads: Sequence[LayerWorkload], exact: CostedMultiplier) -> Target:
        """Returns the target as it is built for a network: budgets turned into sizes.

        `cost` does so itself; `cost_many` and `cost_terms` want the result.

        Args:
            workloads: The network's layers.
            exact: The exact multiplier, which budgets are told for.

        Raises:
            ConfigError: If the network does not fit a budget.
        """
        return self

    def channels_together(self, workloads: Sequence[LayerWorkload]) -> tuple[int, ...]:
        """Returns how many output channels of each layer share a multiplier at no further cost.

        One, unless the hardware computes several channels on one processing element.

        Args:
            workloads: The network's layers (L).
        """
        return (1,) * len(workloads)

    @abstractmethod
    def separable(self, objective: str) -> bool:
        """Returns whether an objective is a sum over layers of that layer's multiplier alone.

        Args:
            objective: ``power``, ``area``, ``energy``, ``latency`` or ``luts``.

        Raises:
            ConfigError: If there is no such objective.
        """

    @abstractmethod
    def _report(self, workloads: tuple[LayerWorkload, ...], usage: Usage) -> CostReport:
        """Costs a counted assignment."""

    @abstractmethod
    def _fabric(
        self, workloads: tuple[LayerWorkload, ...], report: CostReport, usage: Usage
    ) -> Fabric:
        """Returns what the accelerator is built of beside multipliers."""

    @abstractmethod
    def _many(
        self,
        workloads: tuple[LayerWorkload, ...],
        figures: Mapping[str, ComponentFigures],
        channels: npt.NDArray[np.int64],
    ) -> ManyTotals:
        """Costs many counted assignments: channels is [A, L, M]."""

    @abstractmethod
    def _terms(
        self,
        workloads: tuple[LayerWorkload, ...],
        figures: Mapping[str, ComponentFigures],
        objective: str,
    ) -> CostTerms:
        """Takes an objective apart for checked candidates, given by name."""
