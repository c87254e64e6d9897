"""Pareto fronts: dominance, hypervolume and regret. Every objective is minimised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def non_dominated(points: npt.ArrayLike) -> BoolArray:
    """Marks the points that no other point dominates.

    A point dominates another if it is no worse in every objective and better in one. Of equal
    points the first is kept. A point with a NaN is never kept and dominates nothing.

    Args:
        points: Float array [n, d], one row per point, all objectives minimised.

    Returns:
        Bool array [n].

    Raises:
        ValueError: If the array is not two-dimensional.
    """
    values = _as_points(points)
    keep = np.zeros(len(values), dtype=bool)
    rows = np.flatnonzero(~np.isnan(values).any(axis=1))
    if rows.size == 0 or values.shape[1] == 0:
        return keep
    # In lexicographic order a point can only be dominated by one before it; the sort is stable,
    # so the first of equal points comes first.
    rows = rows[np.lexsort(values[rows].T[::-1])]
    if values.shape[1] <= 2:
        keep[rows[_descends(values[rows, -1])]] = True
        return keep
    front = np.empty_like(values)
    size = 0
    for row in rows:
        if not (front[:size] <= values[row]).all(axis=1).any():
            front[size] = values[row]
            size += 1
            keep[row] = True
    return keep


def hypervolume_2d(points: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Returns the area that points dominate, up to a reference point.

    Args:
        points: Float array [n, 2], both objectives minimised; dominated points and points beyond
            the reference are allowed and add nothing.
        reference: The two worst values, float array [2].

    Raises:
        ValueError: If the shapes are not [n, 2] and [2].
    """
    values = _as_points(points)
    corner = np.asarray(reference, dtype=np.float64)
    if values.shape[1] != 2 or corner.shape != (2,):
        raise ValueError(
            f"points are {values.shape}, reference is {corner.shape}: need [n, 2], [2]"
        )
    inside = values[(values < corner).all(axis=1)]
    front = inside[non_dominated(inside)]
    front = front[np.argsort(front[:, 0])]
    rights = np.append(front[1:, 0], corner[0])
    return float(((rights - front[:, 0]) * (corner[1] - front[:, 1])).sum())


def cheapest_within(points: npt.ArrayLike, budget: float) -> int | None:
    """Returns the index of the cheapest point within a budget, or None if there is none.

    Of equally cheap points the one with the smaller drop is taken, then the first.

    Args:
        points: Float array [n, 2] of (drop, cost).
        budget: The largest drop allowed.
    """
    values = _as_points(points)
    rows = np.flatnonzero((values[:, 0] <= budget) & ~np.isnan(values[:, 1]))
    if rows.size == 0:
        return None
    return int(rows[np.lexsort((values[rows, 0], values[rows, 1]))[0]])


def regret(front_points: npt.ArrayLike, reference_front: npt.ArrayLike, budget: float) -> float:
    """Returns how much dearer a front's choice is than a reference's at the same budget.

    Args:
        front_points: Float array [n, 2] of (drop, cost).
        reference_front: Float array [m, 2] of (drop, cost), for example measured exhaustively.
        budget: The largest drop allowed.

    Returns:
        Cheapest cost within the budget minus the reference's: 0 where both are equally good,
        negative where the front is better, NaN where either has no point within the budget.
    """
    ours, theirs = _as_points(front_points), _as_points(reference_front)
    mine, best = cheapest_within(ours, budget), cheapest_within(theirs, budget)
    if mine is None or best is None:
        return float("nan")
    return float(ours[mine, 1] - theirs[best, 1])


def relative_regret(
    front_points: npt.ArrayLike, reference_front: npt.ArrayLike, budget: float
) -> float:
    """Returns `regret` as a share of the reference's cheapest cost within the budget.

    Args:
        front_points: Float array [n, 2] of (drop, cost).
        reference_front: Float array [m, 2] of (drop, cost).
        budget: The largest drop allowed.

    Returns:
        The share; NaN where `regret` is, or where the reference costs nothing.
    """
    theirs = _as_points(reference_front)
    best = cheapest_within(theirs, budget)
    if best is None or theirs[best, 1] == 0:
        return float("nan")
    return regret(front_points, theirs, budget) / float(theirs[best, 1])


def _as_points(points: npt.ArrayLike) -> FloatArray:
    """Returns a float array of rows; an empty list counts as no points in two objectives."""
    values = np.asarray(points, dtype=np.float64)
    if values.size == 0 and values.ndim == 1:
        values = values.reshape(0, 2)
    if values.ndim != 2:
        raise ValueError(f"points are {values.shape}: need one row per point")
    return values


def _descends(values: FloatArray) -> BoolArray:
    """Marks the values that are smaller than all before them."""
    least = np.minimum.accumulate(values)
    marks = np.ones(len(values), dtype=bool)
    marks[1:] = values[1:] < least[:-1]
    return marks
