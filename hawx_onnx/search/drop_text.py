"""Drops as people read them."""

from __future__ import annotations

from hawx_onnx.search.problem import Budget


def drop_text(budget: Budget, drop: float, form: str = ".4g") -> str:
    """A drop without its unit: in points, percent, or the unit of a metric of its own."""
    return format(drop if budget.drop_unit is None else 100 * drop, form)


def with_unit(budget: Budget, drop: float, form: str = ".4g") -> str:
    """The same with its unit."""
    return f"{drop_text(budget, drop, form)} {budget.drop_unit or ''}".rstrip()
