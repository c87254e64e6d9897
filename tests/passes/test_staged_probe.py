"""StagedProbe: the bytes of the whole network wherever it is cut, and what it keeps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.hardware import LayerWorkload
from hawx_onnx.passes import staged_probe
from hawx_onnx.passes.activation_cache import ActivationCache
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.passes.segments import START, SegmentedGraph
from hawx_onnx.passes.staged_probe import StagedProbe, best_cuts

# A skip connection, a branch beside it, and a product that the output does not need.
RESIDUAL = """net (float[N,3,8,8] x) => (float[N,5] y, float[N,4,8,8] other) {
    a = Conv<pads=[1,1,1,1]>(x, wa)
    ar = Relu(a)
    b = Conv<pads=[1,1,1,1]>(ar, wb)
    s = Conv(x, ws)
    t = Add(b, ar)
    u = Add(t, s)
    ur = Relu(u)
    other = Conv<pads=[1,1,1,1]>(ar, wo)
    g = GlobalAveragePool(ur)
    f = Flatten(g)
    m = MatMul(f, wm)
    y = Softmax(m)
}"""


@pytest.fixture(scope="module")
def state(kit, library):
    model = kit.model(
        RESIDUAL,
        names=("a", "ar", "b", "s", "t", "u", "ur", "other", "g", "f", "m", "y"),
        wa=kit.normal(4, 3, 3, 3),
        wb=kit.normal(4, 4, 3, 3, seed=2),
        ws=kit.normal(4, 3, 1, 1, seed=3),
        wo=kit.normal(4, 4, 3, 3, seed=4),
        wm=kit.normal(4, 5, seed=5),
    )
    chosen = components.resolve(["mul8s_trunc3", "mul8sm_mitchell"], ("builtin",))
    return kit.prepare(model, (components.exact_for(chosen, ()), *chosen), kit.samples(model, 12))


def whole(state, x, choice):
    names = [m.name for m in state.multipliers]
    picks = {
        c.name: names[p] if isinstance(p, int) else [names[i] for i in p]
        for c, p in zip(state.candidates, choice, strict=True)
    }
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    return probe.outputs(Assignment.of(picks), x)


def probe_of(state, **options):
    return StagedProbe(state.model, state.candidates, state.multipliers, 1, **options)


@pytest.mark.parametrize("cuts", [(), (1,), (2, 3), (1, 2, 3, 4)])
def test_the_bytes_of_the_whole_network(state, cuts):
    x = state.dataset.validation.x
    assert len(state.candidates) == 5
    probe = probe_of(state)
    probe.cuts = cuts
    rng = np.random.default_rng(0)
    choices = sorted(tuple(int(i) for i in rng.integers(0, 3, 5)) for _ in range(12))
    for choice in choices:
        np.testing.assert_array_equal(probe.outputs(0, x, choice), whole(state, x, choice))


def test_multipliers_by_channel(state):
    x = state.dataset.validation.x
    choice = ((0, 1, 2, 1), 2, (1, 0, 0, 2), 0, (2, 2, 1, 1, 0))
    probe = probe_of(state)
    probe.cuts = (1, 3)
    np.testing.assert_array_equal(probe.outputs(0, x, choice), whole(state, x, choice))
    first = probe.outputs(0, x, (*choice[:4], 0))
    np.testing.assert_array_equal(first, whole(state, x, (*choice[:4], 0)))


def test_batches_are_kept_apart(state):
    x = state.dataset.validation.x
    probe = probe_of(state)
    probe.cuts = (1, 2)
    for choice in itertools.product((0, 2), repeat=2):
        full = (*choice, 1, 0, 1)
        parts = [probe.outputs(start, x[start : start + 6], full) for start in (0, 6)]
        np.testing.assert_array_equal(np.concatenate(parts), whole(state, x, full))


def test_what_is_shared_runs_once(state, monkeypatch):
    runs = []
    real = staged_probe.run
    monkeypatch.setattr(staged_probe, "run", lambda *args: runs.append(args[0]) or real(*args))
    x = state.dataset.validation.x
    probe = probe_of(state)
    probe.cuts = (2,)
    for last in range(3):
        probe.outputs("batch", x, (1, 1, 0, 0, last))
    assert len(runs) == 4
    probe.forget("batch")
    probe.outputs("batch", x, (1, 1, 0, 0, 0))
    assert len(runs) == 6
    none = probe_of(state, cache_bytes=0)
    none.cuts = (2,)
    for _ in range(2):
        none.outputs("batch", x, (1, 1, 0, 0, 0))
    assert len(runs) == 10


def test_sessions_are_bounded(state, monkeypatch):
    monkeypatch.setattr(staged_probe, "MOST_SESSIONS", 2)
    x = state.dataset.validation.x
    probe = probe_of(state)
    for cuts in ((1,), (2,), (3,), (1,)):
        probe.cuts = cuts
        given = probe.outputs(cuts, x, (1, 0, 2, 0, 1))
        np.testing.assert_array_equal(given, whole(state, x, (1, 0, 2, 0, 1)))
    assert len(probe._sessions) == 2


def test_states_hold_codes_and_no_more_than_is_read(state):
    names = [c.name for c in state.candidates]
    graph = SegmentedGraph(state.model, names, "y")
    assert names == ["s", "a", "b", "other", "m"]
    assert graph.state(START) == ()
    # The results of `s` and of `a`, which `b` and the sum read; codes, not what they stand for.
    assert len(graph.state(2)) == 2
    writers = {name: node.op_type for node in state.model.graph.node for name in node.output}
    assert "DequantizeLinear" not in {writers[name] for name in graph.state(2)}
    assert graph.between(3, 4).outputs == ()
    assert graph.state(5) == ("y",)


def workloads_of(*positions):
    return [LayerWorkload(f"l{i}", "Conv", p, 8, 72) for i, p in enumerate(positions)]


def test_cuts_where_choices_part():
    workloads = workloads_of(400, 400, 100, 100)
    alike = [(1, 2, 0, last) for last in range(3)]
    assert best_cuts(alike, workloads, 64) == (3,)
    assert best_cuts(list(itertools.product(range(3), repeat=4)), workloads, 64) == (1, 2, 3)
    assert best_cuts([(1, 0, 0, 0), (2, 0, 0, 0)], workloads, 64) == ()
    assert best_cuts([(1, 0, 0, 0)], workloads, 64) == ()
    assert best_cuts([], workloads, 64) == ()


def state_of(size):
    return {"t": np.zeros(size, np.int8)}


def test_cache_stays_within_its_bytes():
    cache = ActivationCache(100)
    for batch, size in ((0, 40), (0, 30), (1, 20), (1, 30)):
        cache.put(batch, size, state_of(size))
        assert cache.bytes <= 100
    # Batch 0 held most, so that its oldest had to go.
    assert cache.get(0, 40) is None
    assert cache.get(0, 30) is not None
    assert cache.get(1, 20) is not None
    cache.put(0, "large", state_of(101))
    assert cache.get(0, "large") is None
    cache.forget(1)
    assert cache.bytes == 30
    cache.put(0, 30, state_of(10))
    assert cache.bytes == 10


def test_cache_drops_what_was_used_longest_ago():
    cache = ActivationCache(100)
    for name in "abcde":
        cache.put(0, name, state_of(20))
    cache.get(0, "a")
    cache.put(0, "f", state_of(20))
    assert [name for name in "abcdef" if cache.get(0, name) is None] == ["b"]
