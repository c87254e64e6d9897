"""Which multipliers are worth considering: the non-dominated ones, and a default choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from hawx_onnx.components.builtin import builtin, builtin_names, exact
from hawx_onnx.components.multiplier import ComponentCost, Multiplier
from hawx_onnx.components.network_operands import network_operands
from hawx_onnx.components.statistics import ErrorStatistics, error_moments
from hawx_onnx.components.synthesis import shipped
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names
from hawx_onnx.technology_names import budget_technology

Measure = Callable[[Multiplier], float]

# Below this saving a candidate costs search time and gains next to nothing.
LEAST_SAVING = 0.05


def pareto(
    multipliers: Iterable[Multiplier],
    cost: str = "energy_fj",
    error: str | Measure = "mae",
) -> tuple[Multiplier, ...]:
    """Returns the multipliers that no other one beats in cost and error at once.

    Args:
        multipliers: All with costs of one technology.
        cost: A figure of :class:`ComponentCost`.
        error: A figure of :class:`ErrorStatistics`, whose absolute value counts, or a function.

    Returns:
        By rising cost, and so by falling error. Of several with equal cost and error the first
        one stays.

    Raises:
        ConfigError: A figure does not exist, a multiplier has no cost, or technologies differ.
    """
    candidates = list(multipliers)
    costs = _costs(candidates, cost)
    measure = error if callable(error) else _statistic(error)
    errors = [measure(multiplier) for multiplier in candidates]
    front, least = [], math.inf
    for index in sorted(range(len(candidates)), key=lambda i: (costs[i], errors[i])):
        if errors[index] < least:
            front.append(candidates[index])
            least = errors[index]
    return tuple(front)


def network_error(multiplier: Multiplier) -> float:
    """Returns the RMS error of a product under :func:`network_operands`.

    Small operands are frequent, so that errors in their products count more than in the
    statistics over uniform operands.
    """
    operands = network_operands(multiplier.encoding)
    _, square = error_moments(multiplier.error_table, operands.activation)
    return float(np.sqrt(square @ operands.weight))


def default_candidates(
    codes_signed: bool = True, limit: int = 8, cost: str = "energy_fj"
) -> tuple[Multiplier, ...]:
    """Returns approximate built-in multipliers that span the front of energy and error.

    The front is the one of cost and :func:`network_error`; the energy is that under the same
    operands too. Only multipliers count that save at least 5 % of the cost of the exact one with
    the same codes.

    Args:
        codes_signed: Multipliers of int8 codes (signed or sign-magnitude), else of uint8 codes.
        limit: How many at most; from a longer front those are kept that lie furthest apart in
            cost, its two ends first.
        cost: The figure of :class:`ComponentCost` that is to be saved.

    Returns:
        By rising cost.
    """
    reference = exact(Encoding.SIGNED if codes_signed else Encoding.UNSIGNED)
    reference = _in_network(reference)
    most = (1 - LEAST_SAVING) * _costs([reference], cost)[0]
    pool = [_in_network(builtin(name)) for name in builtin_names()]
    pool = [
        multiplier
        for multiplier in pool
        if multiplier.encoding.codes_signed == codes_signed and not multiplier.is_exact
    ]
    costs = _costs(pool, cost)
    cheap = [one for one, each in zip(pool, costs, strict=True) if each <= most]
    front = pareto(cheap, cost, network_error)
    picked = (front[index] for index in _spread(_costs(front, cost), limit))
    return tuple(builtin(multiplier.name) for multiplier in picked)


def _in_network(multiplier: Multiplier) -> Multiplier:
    """Returns a built-in multiplier with its energy under operands as networks have them."""
    energy = shipped.network_energy(multiplier.name)
    if multiplier.cost is None or energy is None:
        return multiplier
    return replace(multiplier, cost=replace(multiplier.cost, energy_fj=energy))


def _spread(values: Sequence[float], limit: int) -> list[int]:
    """Picks positions whose values lie far apart, the first and the last one first."""
    if len(values) <= limit:
        return list(range(len(values)))
    picked = [0, len(values) - 1][:limit]
    while len(picked) < limit:
        gaps = [min(abs(value - values[one]) for one in picked) for value in values]
        picked.append(int(np.argmax(gaps)))
    return sorted(picked)


def _costs(multipliers: Sequence[Multiplier], figure: str) -> list[float]:
    """Returns one cost figure of each multiplier, all of one technology."""
    known = [key for key, kind in ComponentCost.__annotations__.items() if kind == "float"]
    if figure not in known:
        raise ConfigError(f"there is no cost {figure!r}", mend=close_names(figure, known))
    values, technologies = [], set()
    for multiplier in multipliers:
        if multiplier.cost is None:
            raise ConfigError(
                "the multiplier has no cost",
                where=multiplier.name,
                mend="characterise it, or leave it out",
            )
        technologies.add(budget_technology(multiplier.cost.technology))
        values.append(float(getattr(multiplier.cost, figure)))
    if len(technologies) > 1:
        raise ConfigError(
            f"the costs come from several technologies: {', '.join(sorted(technologies))}",
            mend="compare multipliers of one technology",
        )
    return values


def _statistic(figure: str) -> Measure:
    known = list(ErrorStatistics.__annotations__)
    if figure not in known:
        raise ConfigError(f"there is no error figure {figure!r}", mend=close_names(figure, known))
    return lambda multiplier: abs(float(getattr(multiplier.statistics, figure)))
