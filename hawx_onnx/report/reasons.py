"""Why an assignment was chosen on its target: what layers share, and what else there was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hawx_onnx.hardware import CostReport
from hawx_onnx.hardware.array_target import ArrayTarget
from hawx_onnx.hardware.fpga import lut6_of
from hawx_onnx.search import Point, Problem
from hawx_onnx.search.drop_text import drop_text, with_unit
from hawx_onnx.search.problem import TOTALS_FIELD, Choice, order_of, types_of

_FIELDS = {**TOTALS_FIELD, "multiplication_energy": "multiplication_energy_uj"}
_NOTHING = 1e-9
_LUTS = "look-up tables"


class Predictor(Protocol):
    """What predicts accuracies: the surrogate of the search."""

    def accuracies(self, picks: Sequence[tuple[int, ...]], /) -> npt.NDArray[np.float64]:
        """Returns the accuracy of each assignment, given by the multiplier of each unit."""


@dataclass(frozen=True)
class _Tried:
    """A layer that has another multiplier, all else as selected; None stands for every layer."""

    layer: int | None
    multiplier: int
    changes: Mapping[str, float]
    score_change: float
    drop: float
    adds_type: bool
    affordable: bool
    measured_drop: float | None
    allowance: float


def reasons_block(
    problem: Problem, chosen: Point, measured: Sequence[Point], surrogate: Predictor
) -> dict[str, Any]:
    """Returns why the search ended with this assignment.

    Args:
        problem: The assignment problem.
        chosen: The selected point.
        measured: All points of the search; those measured whole tell drops that are no prediction.
        surrogate: Predicts the accuracy of the assignments that were not chosen.

    Returns:
        ``shared``: sentences on what the layers share on this target, and what that costs.
        ``layers``: for each layer the alternative that says most: ``layer``, ``multiplier``,
        ``changes`` (relative, of each cost), ``adds_type``, ``predicted_accuracy_drop``,
        ``kept_by`` (``cost``, ``limit``, ``accuracy``, ``search`` or ``none``), ``text``.
        ``everywhere``: likewise one multiplier in every layer, for each; ``layer`` is null.
    """
    report = problem.report(chosen.choice)
    tried = _alternatives(problem, chosen, measured, surrogate)
    rows = []
    for index, work in enumerate(problem.workloads):
        own = [one for one in tried if one.layer == index]
        rows.append(_told(problem, work.name, own))
    return {
        "shared": _shared(problem, chosen.choice, report),
        "layers": rows,
        "everywhere": [_told(problem, None, [one]) for one in tried if one.layer is None],
    }


def _alternatives(
    problem: Problem, chosen: Point, measured: Sequence[Point], surrogate: Predictor
) -> list[_Tried]:
    """Returns every layer with every other multiplier that it may have."""
    options = [
        (layer, multiplier, choice)
        for layer in (*range(len(chosen.choice)), None)
        for multiplier in problem.allowed
        if (choice := _changed(problem, chosen.choice, layer, multiplier)) != chosen.choice
    ]
    if not options:
        return []
    choices = [chosen.choice, *(choice for _, _, choice in options)]
    totals = problem.totals(choices)
    scores = problem.scores(choices)
    accuracies = surrogate.accuracies([tuple(row) for row in problem.encode(choices).tolist()])
    affordable = problem.affordable(choices)
    points = {order_of(p.choice): p for p in measured if p.complete}
    known = {choice: point.measured_accuracy for choice, point in points.items()}
    # Predictions are corrected by the error that was seen on the selected assignment.
    now = chosen.measured_accuracy
    baseline = known.get(order_of(problem.exact_choice))
    error = (now - accuracies[0]) if now is not None else 0.0
    result = []
    for at, (layer, multiplier, _) in enumerate(options, 1):
        changes = {}
        for name, field in _FIELDS.items():
            values = getattr(totals, field)
            if values is None or not np.isfinite(values[[0, at]]).all():
                continue
            changes[name] = float(values[at] / values[0] - 1) if values[0] else 0.0
        start = baseline if baseline is not None else float(accuracies[0] + error)
        found = known.get(order_of(choices[at]))
        result.append(
            _Tried(
                layer,
                multiplier,
                changes,
                float(scores[at] / scores[0] - 1) if scores[0] else 0.0,
                float(start - accuracies[at] - error),
                not types_of(choices[at]) <= types_of(chosen.choice),
                bool(affordable[at]),
                None if found is None or baseline is None else baseline - found,
                0.0 if found is None else points[order_of(choices[at])].allowance,
            )
        )
    return result


def _changed(problem: Problem, choice: Choice, layer: int | None, multiplier: int) -> Choice:
    """Returns a choice with another multiplier in a layer, or in all; kept layers stay exact."""
    return tuple(
        multiplier if layer in (None, at) and at not in problem.kept_exact else entry
        for at, entry in enumerate(choice)
    )


def _told(problem: Problem, layer: str | None, tried: Sequence[_Tried]) -> dict[str, Any]:
    """Returns the alternative of a layer that says most about the choice."""
    cheaper = [one for one in tried if one.score_change < -_NOTHING]
    gated = [one for one in tried if one.changes["multiplication_energy"] < -_NOTHING]
    blank: dict[str, Any] = {"layer": layer, "multiplier": None, "changes": {}}
    nothing = {**blank, "adds_type": False, "predicted_accuracy_drop": None, "kept_by": "none"}
    if not tried:
        return {**nothing, "text": "it was to stay exact"}
    if cheaper:
        # What is nearest to the budget explains best why it was not taken.
        best = min(cheaper, key=lambda one: (one.drop, one.score_change))
        kept_by, text = _kept(problem, best)
    elif gated:
        best = min(gated, key=lambda one: (one.score_change, one.multiplier))
        kept_by, text = "cost", _costs_more(problem, best)
    else:
        return {**nothing, "text": "no candidate multiplies with less energy or lowers the cost"}
    return {
        "layer": layer,
        "multiplier": problem.multipliers[best.multiplier].name,
        "changes": dict(best.changes),
        "adds_type": best.adds_type,
        "predicted_accuracy_drop": best.drop,
        "kept_by": kept_by,
        "text": text,
    }


def _kept(problem: Problem, one: _Tried) -> tuple[str, str]:
    """Returns what kept a cheaper alternative out, and says so."""
    name, limit = _name(problem, one), problem.budget.max_accuracy_drop
    allowed = drop_text(problem.budget, limit, "g")
    saved = f"{name} would save {_percent(-one.score_change)} more {_objective(problem)}"
    saved += _type_cost(one)
    if not one.affordable:
        return "limit", f"{saved}, but is beyond a limit on the hardware"
    if one.measured_drop is not None and one.measured_drop + one.allowance > limit:
        verb, drop = "loses", f"{with_unit(problem.budget, one.measured_drop, '.3g')} measured"
        if one.measured_drop <= limit:
            verb = "may lose"
            perhaps = one.measured_drop + one.allowance
            drop += f", perhaps {drop_text(problem.budget, perhaps, '.3g')}"
        return "accuracy", f"{saved}, but {verb} too much: {drop}, {allowed} allowed"
    drop = f"{with_unit(problem.budget, one.drop, '.2f')} predicted, {allowed} allowed"
    if one.drop > limit:
        return "accuracy", f"{saved}, but would lose too much: {drop}"
    return "search", (
        f"{saved}; the search did not measure it whole ({drop}): evaluations ran out, or "
        "those near it lost more than predicted"
    )


def _costs_more(problem: Problem, one: _Tried) -> str:
    """Says what an alternative costs whose multiplications take less energy."""
    name = _name(problem, one)
    saved = _percent(-one.changes["multiplication_energy"])
    more = f"{_percent(one.score_change)} more {_objective(problem)}"
    if abs(one.score_change) <= _NOTHING:
        more = f"no less {_objective(problem)}"
    first = f"{name} would save {saved} of the energy of multiplications"
    return f"{first} but cost {more}{_type_cost(one)}"


def _name(problem: Problem, one: _Tried) -> str:
    where = " in every layer" if one.layer is None else ""
    return f"{problem.multipliers[one.multiplier].name}{where}"


def _type_cost(one: _Tried) -> str:
    """Says that an alternative adds a type, and what that does to area and time."""
    size = ("luts", _LUTS) if "luts" in one.changes else ("area", "area")
    parts = [
        f"{_percent(one.changes[name], signed=True)} {label}"
        for name, label in (size, ("latency", "latency"))
        if abs(one.changes[name]) > 1e-4
    ]
    if one.adds_type:
        parts.insert(0, "adds a type")
    return f" ({', '.join(parts)})" if parts else ""


def _shared(problem: Problem, choice: Choice, report: CostReport) -> list[str]:
    """Says what the layers share on this target, and what that costs."""
    area, of, sizes = _sizes(problem, report)
    held = [
        f"{name} {_percent(use.multipliers * sizes[name] / area if area else 0.0)}"
        for name, use in report.types.items()
    ]
    if isinstance(problem.target, ArrayTarget):
        return [_array(problem, report, of, held), *_slowness(problem, choice, report)]
    slowest = max(report.layers, key=lambda layer: layer.compute_cycles + layer.stall_cycles)
    interval = report.total.initiation_interval_cycles
    return [
        f"layer {slowest.name} is the bottleneck: an inference begins every {interval:,} cycles, "
        "whatever the multipliers; the other engines wait for it",
        "each layer has an engine with multipliers of its own: a further type costs no other layer "
        f"anything; multipliers take of the {of}: {', '.join(held)}",
    ]


def _sizes(problem: Problem, report: CostReport) -> tuple[float, str, dict[str, float]]:
    """Returns the accelerator's size, what it is counted in, and that of each multiplier."""
    costs = {m.name: m.cost for m in problem.multipliers if m.cost is not None}
    luts = report.total.area_lut6
    if luts is None:
        return report.total.area_um2, "area", {n: cost.area_um2 for n, cost in costs.items()}
    return luts, _LUTS, {name: lut6_of(name, cost) or 0 for name, cost in costs.items()}


def _array(problem: Problem, report: CostReport, of: str, held: Sequence[str]) -> str:
    """Says what the array is made of."""
    target = problem.target
    assert isinstance(target, ArrayTarget)
    if not target.partitioned:
        return (
            "all layers share the array, and every element holds each type in use: a type counts "
            f"once, however many layers use it; of the {of}: {', '.join(held)}"
        )
    columns = ", ".join(
        f"{name} {use.multipliers // target.shape[0]}" for name, use in report.types.items()
    )
    return (
        "all layers share the columns, each of which holds one type: a layer runs on the columns "
        f"of its types alone, the others wait; columns: {columns}"
    )


def _slowness(problem: Problem, choice: Choice, report: CostReport) -> list[str]:
    """Says how much slower than the exact design a partitioned array is."""
    before = problem.report(problem.exact_choice).total.latency_cycles
    ratio = report.total.latency_cycles / max(before, 1)
    if choice == problem.exact_choice or abs(ratio - 1) < 1e-4:
        return []
    return [f"the make-up of the columns takes {ratio:.2f} times the exact design's cycles"]


def slowness_warnings(problem: Problem, before: CostReport, after: CostReport) -> list[str]:
    """Warns where power is saved by taking longer.

    Args:
        problem: The assignment problem.
        before: The exact design.
        after: The selected one.
    """
    was, now = before.total, after.total
    ratio = now.latency_cycles / max(was.latency_cycles, 1)
    held = problem.budget.max_latency_cycles is not None
    if "power" not in problem.objectives or held or ratio < 1 + 1e-4:
        return []
    saved = 1 - now.power_mw / was.power_mw
    energy = 1 - now.energy_uj / was.energy_uj
    return [
        f"the selected design takes {ratio:.2f} times the exact one's cycles: power is energy over "
        f"time, and of it {_percent(saved)} is saved, of the energy {_percent(energy)}; "
        "--objective energy does not reward slowness, "
        f"--max-latency {was.latency_cycles} forbids it"
    ]


def _objective(problem: Problem) -> str:
    return " and ".join(_LUTS if name == "luts" else name for name in problem.objectives)


def _percent(share: float, *, signed: bool = False) -> str:
    return f"{100 * share:{'+' if signed else ''}.3g} %"
