"""Area budgets of spatial accelerators: the fewest cycles per inference whose engines fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware.folding import divisors
from hawx_onnx.hardware.technology import CostedMultiplier
from hawx_onnx.hardware.workload import LayerWorkload

if TYPE_CHECKING:
    from hawx_onnx.hardware.spatial import SpatialTarget

_DESIGNS_BELOW = 64
BUDGETS = ("multiplier_budget", "area_budget_um2", "lut_budget")


def check_budgets(target: SpatialTarget) -> None:
    """Refuses several budgets, and those of another fabric.

    Raises:
        ConfigError: The message names the keys.
    """
    given = [key for key in BUDGETS if getattr(target, key)]
    if len(given) > 1:
        raise ConfigError(
            f"{' and '.join(given)} are both budgets",
            where=f"target {target.name}",
            mend="keep one of them",
        )
    if target.area_budget_um2 and target.fabric == "fpga":
        raise ConfigError(
            "an FPGA has no area in um2 to budget",
            where=f"target {target.name}: key area_budget_um2",
            mend="set lut_budget, or fabric to asic",
        )
    if target.lut_budget and target.fabric == "asic":
        raise ConfigError(
            "an ASIC has no look-up tables to budget",
            where=f"target {target.name}: key lut_budget",
            mend="set area_budget_um2, or fabric to fpga",
        )


def sized(
    target: SpatialTarget, workloads: tuple[LayerWorkload, ...], exact: CostedMultiplier
) -> SpatialTarget:
    """Returns the target folded for the fewest cycles whose exact design fits its area budget.

    Args:
        target: The target; returned as it is where it has no such budget.
        workloads: The layers.
        exact: The exact multiplier.

    Raises:
        ConfigError: If the smallest design takes more, or look-up tables are not known.
    """
    key = next((key for key in BUDGETS[1:] if getattr(target, key)), None)
    if key is None:
        return target
    free = replace(target, area_budget_um2=0.0, lut_budget=0, when_unmet="relax")

    def area_of(cycles: int) -> float:
        report = replace(free, target_cycles=cycles).cost(workloads, {}, exact)
        if key == "area_budget_um2":
            return report.total.area_um2
        if report.fpga is None or report.fpga.area_lut6 is None:
            raise ConfigError(
                f"no LUT6 count of {exact.name}",
                where=f"target {target.name}: key lut_budget",
                mend="take built-in multipliers, or set multiplier_budget",
            )
        return report.fpga.area_lut6

    budget, unit = getattr(target, key), "um2" if key == "area_budget_um2" else "LUT6"
    cycles = cycles_in_area(workloads, area_of, budget, unit, key, target.name)
    told = f"{target.description}; {cycles} cycles: the fewest within {key} {budget:g}"
    return replace(free, target_cycles=cycles, description=told.removeprefix("; "))


def cycles_in_area(
    workloads: Sequence[LayerWorkload],
    area_of: Callable[[int], float],
    budget: float,
    unit: str,
    key: str,
    target: str,
) -> int:
    """Returns the fewest cycles that fit, found by halving, then among the next smaller designs.

    Area mostly falls as cycles grow. Not always: the engine with the fewest multipliers may have
    more elements, and FIFOs follow the engines' relative speed. So the 64 designs below what
    halving finds are tried too.

    Args:
        workloads: The layers.
        area_of: Returns the area of the design that is folded for so many cycles.
        budget: The area that it may have.
        unit: The unit of both, for messages.
        key: The target's key that holds the budget, for messages.
        target: The target's name, for messages.

    Raises:
        ConfigError: If one multiplier for each layer takes more.
    """
    low = max(work.output_positions for work in workloads)
    high = max(work.macs for work in workloads)
    least = area_of(high)
    if least > budget:
        raise ConfigError(
            f"one multiplier for each layer takes {least:.6g} {unit}, {key} is {budget:.6g}, "
            f"{least - budget:.6g} too few",
            where=f"target {target}: key {key}",
            mend=f"raise {key} to {least:.6g} or more, or weight_memory_kb to stream weights",
        )
    while low < high:
        middle = (low + high) // 2
        if area_of(middle) <= budget:
            high = middle
        else:
            low = middle + 1
    # An engine changes only where a layer's own cycles are met.
    steps = {work.macs // (pe * simd) for work in workloads for pe, simd in _sizes(work)}
    smallest = max(work.output_positions for work in workloads)
    below = sorted((step for step in steps if smallest <= step < low), reverse=True)
    return min([low, *(step for step in below[:_DESIGNS_BELOW] if area_of(step) <= budget)])


def _sizes(work: LayerWorkload) -> Iterator[tuple[int, int]]:
    """Yields the elements and lanes that the engine of a layer may have."""
    lanes = divisors(work.window)
    return ((pe, simd) for pe in divisors(work.filters) for simd in lanes)
