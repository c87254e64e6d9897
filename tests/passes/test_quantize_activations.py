"""Activations quantised around weights that stay codes, against the usual quantisation."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx import components
from hawx_onnx.components import Encoding
from hawx_onnx.errors import ConfigError
from hawx_onnx.frontend import external_data
from hawx_onnx.frontend.narrow_weights import narrow_weights
from hawx_onnx.passes import (
    Canonicalize,
    FindCandidates,
    LowerQdq,
    MatchCodes,
    Quantize,
    StaticForm,
)
from hawx_onnx.passes.quantize import has_codes_alone
from hawx_onnx.runtime import model_session

SIZE = 32


def network(kit) -> onnx.ModelProto:
    """Products in a row, one of two activations among them."""
    rng = np.random.default_rng(1)
    values = {
        "w0": rng.normal(0, 0.2, (SIZE, SIZE)),
        "w1": rng.normal(0, 0.2, (SIZE, SIZE)),
        "w2": rng.normal(0, 0.2, (SIZE, SIZE)),
        "b": rng.normal(0, 0.2, SIZE),
    }
    return kit.model(
        f"""net (float[N,4,{SIZE}] x) => (float[N,4,4] y, float[N,4,{SIZE}] q) {{
            q = MatMul(x, w0)
            k = MatMul(x, w1)
            r = Relu(k)
            m = MatMul(r, w2)
            s = Add(m, b)
            t = Transpose<perm=[0,2,1]>(s)
            y = MatMul(q, t)
        }}""",
        names=("query", "key", "relu", "more", "bias", "turn", "product"),
        **{name: array.astype(np.float32) for name, array in values.items()},
    )


@pytest.fixture(params=[False, True], ids=["by bytes", "by files"])
def too_large(request, monkeypatch) -> None:
    """As if the network were too large for a message; with and without sessions over files."""
    monkeypatch.setattr(external_data, "LARGEST", 3 * 4 * SIZE * SIZE)
    if request.param:
        monkeypatch.setattr(model_session, "LARGE", 2000)


def prepared(kit, model: onnx.ModelProto, encoding: Encoding, **options):
    multipliers = (components.exact(encoding),)
    state = kit.state(model, multipliers)
    passes = (
        StaticForm(),
        Canonicalize(),
        Quantize(encoding, **options),
        LowerQdq(),
        MatchCodes(encoding),
        FindCandidates(),
    )
    for one in passes:
        state = one(state)
    return state


def narrowed(kit, tmp_path) -> onnx.ModelProto:
    model = network(kit)
    narrow_weights(model, tmp_path)
    return model


@pytest.mark.parametrize("encoding", [Encoding.SIGNED, Encoding.UNSIGNED])
def test_all_products_become_candidates(kit, tmp_path, too_large, encoding) -> None:
    given = narrowed(kit, tmp_path)
    assert has_codes_alone(given)
    state = prepared(kit, given, encoding)
    assert sorted(c.name for c in state.candidates) == ["key", "more", "product", "query"]
    assert not state.left_exact
    x = kit.samples(given, seed=5)
    usual = prepared(kit, network(kit), encoding).model
    for exact, rounded, known in zip(
        *(kit.run(m, x) for m in (network(kit), state.model, usual)), strict=True
    ):
        assert 0 < spread(rounded - exact) < 1.3 * spread(known - exact)


def spread(error: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(error**2)))


def test_the_codes_of_the_weights_stay(kit, tmp_path, too_large) -> None:
    given = narrowed(kit, tmp_path)
    codes = {t.name: numpy_helper.to_array(t) for t in given.graph.initializer}
    state = prepared(kit, given, Encoding.SIGNED)
    after = {t.name: numpy_helper.to_array(t) for t in state.model.graph.initializer}
    nodes = {node.name: node for node in state.model.graph.node}
    for name, weights in (("query", "w0"), ("key", "w1")):
        np.testing.assert_array_equal(after[nodes[name].input[3]], codes[f"{weights}.codes"])
        np.testing.assert_array_equal(after[nodes[name].input[4]], codes[f"{weights}.scale"])


def test_layers_stay_in_floating_point(kit, tmp_path, too_large) -> None:
    state = prepared(kit, narrowed(kit, tmp_path), Encoding.SIGNED, keep_float=("key",))
    assert sorted(c.name for c in state.candidates) == ["more", "product", "query"]
    (left,) = state.left_exact
    assert left.node == "key"
    assert "--keep-float" in left.reason


def test_other_calibrations_are_refused(kit, tmp_path, too_large) -> None:
    with pytest.raises(ConfigError, match="entropy"):
        prepared(kit, narrowed(kit, tmp_path), Encoding.SIGNED, calibration="entropy")


def test_weights_that_fit_are_computed(kit, tmp_path) -> None:
    given = narrowed(kit, tmp_path)
    assert not has_codes_alone(given)
    state = StaticForm()(kit.state(given))
    assert "DequantizeLinear" not in kit.ops(state.model)


def test_asymmetric_activations_take_zero_points(kit, tmp_path, too_large) -> None:
    given = narrowed(kit, tmp_path)
    x = kit.samples(given, seed=5)
    errors = []
    for word in ("symmetric", "asymmetric"):
        state = prepared(kit, given, Encoding.SIGNED, activations=word)
        zeros = [
            numpy_helper.to_array(t)
            for t in state.model.graph.initializer
            if t.name.endswith(".zero")
        ]
        assert {zero.dtype for zero in zeros} == {np.dtype(np.int8)}
        assert any(zero.any() for zero in zeros) == (word == "asymmetric")
        pairs = zip(kit.run(network(kit), x), kit.run(state.model, x), strict=True)
        errors.append(sum(spread(rounded - exact) for exact, rounded in pairs))
    assert errors[1] < 1.1 * errors[0]
