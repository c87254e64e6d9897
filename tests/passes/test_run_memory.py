"""What a run takes, and the batch that fits."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.memory import MEBIBYTE, parse_bytes, release_freed, resident_bytes
from hawx_onnx.passes import Calibrate, Score, run_memory
from hawx_onnx.passes.layer_level import LayerLevel, SampleRuns
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.passes.run_memory import MARGIN, SLACK, fitting_batch, live_bytes, tensor_bytes

CHAIN = """net (float[N,4,8,8] x) => (float[N,4,8,8] y) {
    a = Relu(x)
    b = Sigmoid(a)
    c = Add(a, b)
    y = Neg(c)
}"""
ONE = 4 * 4 * 8 * 8  # bytes of each of its tensors


def test_tensors_are_measured(kit):
    sizes, rows = tensor_bytes(kit.model(CHAIN), np.zeros((5, 4, 8, 8), np.float32))
    assert sizes == dict.fromkeys("xabcy", ONE)
    assert rows == 1


def test_a_fixed_batch_is_measured_whole(kit):
    model = kit.model(CHAIN.replace("[N", "[3"))
    sizes, rows = tensor_bytes(model, np.zeros((5, 4, 8, 8), np.float32))
    assert (sizes["b"], rows) == (3 * ONE, 3)


def test_tensors_live_from_their_node_to_their_last_reader(kit):
    model = kit.model(CHAIN)
    sizes = dict.fromkeys("xabcy", ONE)
    assert live_bytes(model, sizes, ()) == 3 * ONE  # a and b while c is made
    assert live_bytes(model, sizes, ("a", "b")) == 4 * ONE  # a and b stay while y is made
    assert live_bytes(model, {**sizes, "y": 9 * ONE}, ()) == 10 * ONE


def test_the_batch_fits_beside_what_is_held():
    free = 100 * MEBIBYTE
    release_freed()
    limit = resident_bytes() + MARGIN + free
    count = fitting_batch(limit, 4 * MEBIBYTE, most=1000)
    assert count == pytest.approx(free / (SLACK * 4 * MEBIBYTE), abs=3)
    assert fitting_batch(limit, 4 * MEBIBYTE, free // 2, most=1000) == pytest.approx(
        count / 2, abs=3
    )
    assert fitting_batch(limit, 1.0, most=64) == 64


@pytest.mark.parametrize("least", [1, 8])
def test_too_little_is_told_with_what_is_needed(least):
    with pytest.raises(ConfigError) as caught:
        fitting_batch(40 * MEBIBYTE, 100 * MEBIBYTE, least=least)
    assert "--memory-limit: 40M is too little" in str(caught.value)
    assert f"a batch of {least} needs" in str(caught.value)
    needed = parse_bytes(str(caught.value).split("give at least ")[1])
    assert needed > 100 * MEBIBYTE * least
    assert fitting_batch(needed + 64 * MEBIBYTE, 100 * MEBIBYTE, least=least) >= least


def test_less_memory_means_smaller_batches_and_the_same_scores(library, kit, residual, signed):
    """Batches do not change a byte, whatever their size."""
    x = kit.samples(residual, 40)
    state = Calibrate()(kit.prepare(residual, signed, x))
    probe = LayerResponses(state.model, state.candidates, state.multipliers, threads=1)
    assert probe.fitting_batch(x, 2**40, 5) == 40
    wanted = Score(samples=40, threads=1, memory_limit=2**40)(state).sensitivity
    level = LayerLevel(SampleRuns(probe, x))
    small = [level.stream(batch=batch) for batch in (1, 7)]
    for parts in small:
        found = np.concatenate([response for _, response in parts], axis=2)
        assert found.tobytes() == wanted.responses.tobytes()


def test_score_refuses_too_little(library, kit, residual, signed):
    state = Calibrate()(kit.prepare(residual, signed, kit.samples(residual, 40)))
    with pytest.raises(ConfigError, match="--memory-limit: 1M is too little"):
        Score(memory_limit=2**20)(state)


WIDE = """net (float[N,8,128,128] x) => (float[N,8] y) {
    a = Conv<pads=[1,1,1,1]>(x, w)
    b = Conv<pads=[1,1,1,1]>(a, w)
    c = Conv<pads=[1,1,1,1]>(b, w)
    g = GlobalAveragePool(c)
    y = Flatten(g)
}"""
SCORED = """
import json, sys
import numpy as np
import onnx
from hawx_onnx import components
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.memory import peak_bytes, resident_bytes
from hawx_onnx.passes import Calibrate, FindCandidates, PassState, Score
rng = np.random.default_rng(0)
def split(name, count):
    return Split(name, rng.random((count, 8, 128, 128), np.float32), None)
data = Dataset('d', split('calibration', 2), split('validation', 64), split('test', 1), '')
multipliers = tuple(components.load(n) for n in ('mul8s_exact', 'mul8s_trunc2', 'mul8s_trunc3'))
state = FindCandidates()(PassState(onnx.load(sys.argv[1]), data, multipliers))
limit = resident_bytes() + int(sys.argv[2]) * 2**20
before = peak_bytes()
state = Score(64, 1, limit, filters=sys.argv[3] == 'filters')(Calibrate(1, limit)(state))
print(json.dumps({'before': before, 'peak': peak_bytes(), 'limit': limit}))
"""


@pytest.mark.parametrize(
    ("room", "level"), [(90, "layers"), (110, "layers"), (150, "filters"), (200, "filters")]
)
def test_the_peak_of_a_process_stays_under_the_limit(library, kit, signed, tmp_path, room, level):
    """Batches as large as without a limit take about 130 MiB here, and 650 MiB with filters."""
    names = tuple("abcgy")
    model = kit.model(WIDE, names=names, w=kit.normal(8, 8, 3, 3, scale=0.2))
    state = kit.prepare(model, signed, kit.samples(model, 2))
    onnx.save(state.model, tmp_path / "int8.onnx")
    done = subprocess.run(
        [sys.executable, "-c", SCORED, str(tmp_path / "int8.onnx"), str(room), level],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"] < found["limit"]
    assert found["peak"] <= found["limit"]


def test_shapes_tell_the_same_bytes_as_a_run(kit, residual, signed, monkeypatch):
    state = kit.prepare(residual, signed)
    x = kit.samples(residual, 4)
    inferred = tensor_bytes(state.model, x)
    monkeypatch.setattr(run_memory, "_inferred_bytes", lambda *given: None)
    assert inferred == tensor_bytes(state.model, x)


def test_what_shapes_do_not_tell_is_measured(kit):
    """The size of NonZero's output depends on the values."""
    model = kit.model(
        """net (float[N,4] x) => (float[N,4] y, int64[2,K] z) {
            y = Neg(x)
            z = NonZero(y)
        }"""
    )
    sizes, rows = tensor_bytes(model, np.ones((3, 4), np.float32))
    assert (sizes, rows) == ({"x": 16, "y": 16, "z": 64}, 1)
