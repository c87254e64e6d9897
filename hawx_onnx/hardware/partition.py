"""Partitioned arrays: how many columns each multiplier type gets, for one or many assignments.

Each column of the array holds one type, and a channel runs on a column of its type. A layer with
n_t channels of type t and c_t columns of it folds max over t of ceil(n_t / c_t) times over the
columns, since the columns of all types work side by side. The make-up c is one for all layers; that
with the least latency, the sum over the layers of step cycles x folds, is found by trying all
compositions of the columns into types, or, where there are too many, by giving the next column
where it helps most and then exchanging columns while that helps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hawx_onnx.errors import ConfigError

IntArray = npt.NDArray[np.int64]

MOST_COMPOSITIONS = 5000
"""Up to as many compositions all are tried: 4 types on 32 columns are 4,495."""
_CHUNK = 2_000_000


def compositions(columns: int, types: int) -> IntArray:
    """Returns all ways to give columns to types, at least one to each: [ways, types]."""
    cuts = itertools.combinations(range(1, columns), types - 1)
    ends = np.array([(0, *cut, columns) for cut in cuts], dtype=np.int64)
    return np.diff(ends, axis=1)


def column_folds(channels: npt.ArrayLike, makeup: npt.ArrayLike) -> IntArray:
    """Returns how often layers fold over the columns.

    Args:
        channels: Int array [..., T], channels of each type.
        makeup: Int array broadcastable to it, columns of each type; none only for a type without
            channels.

    Returns:
        Int array [...]; the most folds of any type.
    """
    counts, columns = np.asarray(channels, np.int64), np.asarray(makeup, np.int64)
    return np.asarray((-(-counts // np.maximum(columns, 1))).max(axis=-1), np.int64)


def best_makeups(
    channels: npt.ArrayLike,
    step_cycles: npt.ArrayLike,
    columns: int,
    leakage: npt.ArrayLike | None = None,
) -> IntArray:
    """Returns the make-up with the least latency for each assignment.

    Args:
        channels: Int array [A, L, T]: channels of each type in each layer of each assignment.
        step_cycles: Int array [L]: cycles of a layer for each fold over the columns.
        columns: Columns of the array.
        leakage: Float array [T], leakage of a column of each type. With it the product of latency
            and leakage is least, thus static energy; without it, latency.

    Returns:
        Int array [A, T] that sums up to the columns; 0 for types that an assignment does not use.

    Raises:
        ConfigError: If an assignment uses more types than there are columns.
    """
    counts = np.asarray(channels, np.int64)
    steps = np.asarray(step_cycles, np.int64)
    weights = None if leakage is None else np.asarray(leakage, np.float64)
    used = counts.any(axis=1)
    most = int(used.sum(axis=1).max(initial=0))
    if most > columns:
        raise ConfigError(
            f"{most} multiplier types are used, the array has {columns} columns",
            where="partitioned array",
            mend="use fewer types, more columns, or heterogeneity multi-mode",
        )
    result = np.zeros((len(counts), counts.shape[2]), np.int64)
    for pattern in np.unique(used, axis=0):
        rows = np.flatnonzero((used == pattern).all(axis=1))
        kept = np.flatnonzero(pattern)
        of_types = None if weights is None else weights[kept]
        result[np.ix_(rows, kept)] = _search(counts[rows][:, :, kept], steps, columns, of_types)
    return result


def _search(
    counts: IntArray, steps: IntArray, columns: int, leakage: npt.NDArray[np.float64] | None
) -> IntArray:
    """Makes up arrays for assignments that use all types."""
    assignments, _, types = counts.shape
    if math.comb(columns - 1, types - 1) > MOST_COMPOSITIONS:
        return np.stack([_climb(one, steps, columns, leakage) for one in counts])
    ways = compositions(columns, types)
    best = np.zeros(assignments, np.int64)
    size = max(1, _CHUNK // (len(ways) * counts[0].size))
    for start in range(0, assignments, size):
        part = counts[start : start + size, None]
        best[start : start + size] = _score(part, ways[:, None], steps, leakage).argmin(axis=1)
    return ways[best]


def _score(
    counts: IntArray,
    ways: IntArray,
    steps: IntArray,
    leakage: npt.NDArray[np.float64] | None,
) -> npt.NDArray[np.float64]:
    """Returns what is minimised; counts [..., L, T], ways [..., 1, T]."""
    cycles = (column_folds(counts, ways) @ steps).astype(np.float64)
    return cycles if leakage is None else cycles * (ways[..., 0, :] @ leakage)


def _climb(
    counts: IntArray, steps: IntArray, columns: int, leakage: npt.NDArray[np.float64] | None
) -> IntArray:
    """Finds a good make-up for one assignment of many types."""
    types = counts.shape[1]
    makeup = np.ones(types, np.int64)
    unit = np.eye(types, dtype=np.int64)
    for _ in range(columns - types):
        # Latency alone: a further column always leaks more.
        grown = makeup + unit
        makeup = grown[_score(counts, grown[:, None], steps, None).argmin()]
    moves = (unit[:, None] - unit[None]).reshape(-1, types)
    while True:
        tried = makeup + moves
        tried = tried[(tried > 0).all(axis=1)]
        scores = _score(counts, tried[:, None], steps, leakage)
        if scores.min() >= _score(counts, makeup[None], steps, leakage):
            return makeup
        makeup = tried[scores.argmin()]


def evenly_over(channels: Sequence[int], groups: int) -> list[int]:
    """Returns the channels of each type in one group, types spread evenly over the groups."""
    return [-(-count // groups) for count in channels]
