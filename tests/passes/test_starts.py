"""Where runs of one approximated layer start."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx.hardware import LayerWorkload
from hawx_onnx.passes.base import Candidate
from hawx_onnx.passes.layer_level import LayerLevel, SampleRuns
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.passes.staged_probe import PER_CODE
from hawx_onnx.passes.starts import PER_SESSION, best_starts


def candidate(name: str, macs: int) -> Candidate:
    """A product of one output, so that nearly all its work is macs."""
    return Candidate(name, "MatMul", "QLinearMatMul", 1, LayerWorkload(name, "MatMul", 1, 1, macs))


def chain(*macs: int) -> tuple[list[Candidate], dict[str, set[str]]]:
    names = [f"n{place}" for place in range(len(macs))]
    behind = {name: set(names[place:]) for place, name in enumerate(names)}
    return [candidate(*pair) for pair in zip(names, macs, strict=True)], behind


def work(one: Candidate) -> float:
    load = one.workload
    return load.macs + PER_CODE * load.output_positions * load.filters


def cost(candidates: list[Candidate], starts: tuple[str | None, ...], runs: int) -> float:
    """Sessions, and what is run in vain before each candidate."""
    names = [one.name for one in candidates]
    before = np.concatenate([[0.0], np.cumsum([work(one) for one in candidates])])
    vain = [
        before[place] - before[0 if start is None else names.index(start)]
        for place, start in enumerate(starts)
    ]
    return PER_SESSION * len({s for s in starts if s is not None}) + runs * sum(vain)


@pytest.mark.parametrize("runs", [1, 100, 1000, 10_000, 10**9])
def test_no_other_starts_cost_less(runs):
    candidates, behind = chain(500_000, 20_000, 300_000, 1_000, 90_000)
    names = [one.name for one in candidates]
    found = best_starts(candidates, behind, runs)
    # Starts only move on along a chain: each of the others is a start or not.
    every = []
    for places in itertools.product([False, True], repeat=4):
        at, starts = None, [None]
        for place, own in enumerate(places, 1):
            at = names[place] if own else at
            starts.append(at)
        every.append(cost(candidates, tuple(starts), runs))
    assert cost(candidates, found, runs) == pytest.approx(min(every))


def test_few_runs_need_no_session_and_many_one_for_each():
    candidates, behind = chain(1_000_000, 1_000_000, 1_000_000)
    assert best_starts(candidates, behind, 1) == (None, None, None)
    assert best_starts(candidates, behind, 10**6) == (None, "n1", "n2")


def test_a_run_starts_at_no_layer_beside_its_own():
    """Branches: a -> b, a -> c; b does not lead to c."""
    candidates = [candidate(name, 10_000_000) for name in "abc"]
    behind = {"a": {"a", "b", "c"}, "b": {"b"}, "c": {"c"}}
    assert best_starts(candidates, behind, 10**6) == (None, "b", "c")
    for runs in (1, 10, 100, 10_000):
        assert best_starts(candidates, behind, runs)[2] in (None, "c")


def test_responses_do_not_depend_on_starts(library, kit, residual, signed):
    state = kit.prepare(residual, signed)
    x = kit.samples(residual, 9)
    found = []
    for samples in (1, 10**9):
        probe = LayerResponses(state.model, state.candidates, state.multipliers, 1, samples)
        found.append(
            np.concatenate([part for _, part in LayerLevel(SampleRuns(probe, x)).stream()], axis=2)
        )
    assert found[0].any()
    assert found[0].tobytes() == found[1].tobytes()
