"""Where runs that approximate one layer start: a session for each layer does not always pay."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.staged_probe import PER_CODE

# Making a session, in multiplications as `PER_CODE` counts them: about 3 ms.
PER_SESSION = 250_000_000


def best_starts(
    candidates: Sequence[Candidate], behind: Mapping[str, Collection[str]], runs: int
) -> tuple[str | None, ...]:
    """The candidate that each candidate's runs start at, itself or an earlier one.

    A start saves, in every run, the layers before it, and costs a session. The best set of starts
    is found by dynamic programming over the candidates.

    Args:
        candidates: In the order of the graph.
        behind: Candidate -> tensors that depend on it; a run may only start at a candidate that
            the one to approximate depends on.
        runs: Samples that are going to be run for each candidate.

    Returns:
        One name for each candidate; None for the whole network, which has a session anyway.
    """
    loads = [
        c.workload.macs + PER_CODE * c.workload.output_positions * c.workload.filters
        for c in candidates
    ]
    before = np.concatenate([[0.0], np.cumsum(loads)])
    # Start -> least cost so far and the starts that it takes; -1 is the whole network.
    paths: dict[int, tuple[float, tuple[int, ...]]] = {-1: (0.0, ())}
    for place, candidate in enumerate(candidates):
        grown = {}
        for start, (cost, chosen) in paths.items():
            if start < 0 or _leads_to(candidates[start], candidate, behind):
                saved = before[start] if start >= 0 else 0.0
                grown[start] = (cost - runs * saved, (*chosen, start))
        cost, chosen = min(paths.values())
        if place:
            grown[place] = (cost + PER_SESSION - runs * before[place], (*chosen, place))
        paths = grown
    _, chosen = min(paths.values())
    return tuple(None if start < 0 else candidates[start].name for start in chosen)


def _leads_to(
    start: Candidate, candidate: Candidate, behind: Mapping[str, Collection[str]]
) -> bool:
    """Whether a candidate lies behind another one."""
    return set(behind[candidate.name]) <= set(behind[start.name])
