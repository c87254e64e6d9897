"""Quantize: codes as the encoding needs them, the caller's model untouched."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from hawx_onnx import components
from hawx_onnx.components import Encoding
from hawx_onnx.errors import ConfigError, DataError, ModelError
from hawx_onnx.passes import Canonicalize, FindCandidates, LowerQdq, PassState, Quantize


def quantized(kit, model, encoding=Encoding.SIGNED):
    state = Canonicalize()(kit.state(model, (components.exact(encoding),)))
    before = state.model.SerializeToString()
    after = Quantize(encoding)(state)
    assert state.model.SerializeToString() == before, "the caller's model was edited"
    return state, after


def zero_points(model):
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found = {"activation": [], "weight": []}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and values[node.input[2]].dtype.itemsize == 1:
            found["weight" if node.input[0] in values else "activation"].append(
                values[node.input[2]]
            )
    return found


@pytest.mark.parametrize("encoding", list(Encoding))
def test_codes_follow_the_encoding(kit, residual, encoding):
    _, after = quantized(kit, residual, encoding)
    points = zero_points(after.model)
    assert len(points["weight"]) == 4
    for array in (*points["weight"], *points["activation"]):
        assert array.dtype == encoding.code_dtype
    if encoding.codes_signed:
        assert all(not array.any() for kind in points.values() for array in kind)
    else:
        # QLinearConv wants one zero point for all channels; 127.5, the middle of the codes, is
        # rounded up or down by different releases of the quantiser.
        assert np.unique(np.concatenate(points["weight"])).tolist() in ([127], [128])
        assert any(array != 0 for array in points["activation"])
    assert all(array.shape == (array.size,) and array.size > 1 for array in points["weight"])


@pytest.mark.parametrize("encoding", [Encoding.SIGNED, Encoding.UNSIGNED])
def test_outputs_stay_near_those_of_the_float_model(kit, residual, encoding):
    _, after = quantized(kit, residual, encoding)
    x = kit.samples(residual)
    exact, close = kit.run(residual, x)[0], kit.run(after.model, x)[0]
    integer = kit.run(LowerQdq()(after).model, x)[0]
    for outputs in (close, integer):
        noise = ((outputs - exact) ** 2).mean() / exact.var()
        assert noise < 0.01


def test_model_without_clamp_pairs_keeps_one_rounding_per_convolution(kit, residual):
    """The quantiser's pairs between Conv and Relu are gone: each would halve the code range."""
    _, after = quantized(kit, residual)
    writers = {name: node for node in after.model.graph.node for name in node.output}
    for node in after.model.graph.node:
        if node.op_type == "Relu" and node.name in ("ar", "br"):
            assert writers[node.input[0]].op_type == "Conv"


def test_names_and_identity_survive(kit, residual):
    state, after = quantized(kit, residual)
    convs = [n.name for n in after.model.graph.node if n.op_type == "Conv"]
    assert sorted(convs) == ["a", "b", "c", "d"]
    for field in ("producer_name", "producer_version", "domain", "doc_string", "ir_version"):
        assert getattr(after.model, field) == getattr(state.model, field), field
    assert list(after.model.metadata_props) == list(state.model.metadata_props)
    assert list(after.model.opset_import) == list(state.model.opset_import)


def test_quantised_model_of_the_user_is_left_as_it_is(kit, residual):
    _, after = quantized(kit, residual)
    again = Quantize(Encoding.SIGNED)(PassState(after.model))
    assert again.model is after.model
    assert not again.records[-1].modified
    assert again.records[-1].left_alone[0].reason == "the graph is quantised already"


def test_no_data_is_told_before_work(kit, residual):
    with pytest.raises(DataError, match="no calibration samples"):
        Quantize(Encoding.SIGNED)(PassState(residual))


def test_model_without_products_is_an_error(kit):
    model = kit.model("g (float[N,4] x) => (float[N,4] y) { y = Sigmoid(x) }")
    with pytest.raises(ModelError, match="nothing in the graph can be quantised"):
        Quantize(Encoding.SIGNED)(kit.state(model))


@pytest.mark.parametrize("batch", [1, 4])
def test_calibration_of_a_fixed_batch_takes_every_sample(kit, batch):
    """The last sample, which alone has large values, sets the ranges."""
    model = kit.model(
        f"g (float[{batch},3,4,4] x) => (float[{batch},4,4,4] y) {{ y = Conv(x, w) }}",
        w=kit.normal(4, 3, 1, 1),
    )
    x = kit.samples(model, 10)
    x[9] *= 50
    state = Canonicalize()(kit.state(model, x=x))
    after = Quantize(Encoding.SIGNED)(state)
    scales = [
        float(numpy_helper.to_array(tensor))
        for tensor in after.model.graph.initializer
        if tensor.name == "x_scale"
    ]
    assert scales == [pytest.approx(np.abs(x).max() / 127, rel=0.02)]


def test_batches_are_cut_to_the_memory(kit, residual, signed):
    """The ranges do not depend on the batches; a limit that is too small is told."""
    x = kit.samples(residual, 70)
    state = Canonicalize()(kit.state(residual, signed, x))
    wide = Quantize(signed[0].encoding)(state).model
    limited = Quantize(signed[0].encoding, 2**40)(state).model
    assert limited.SerializeToString() == wide.SerializeToString()
    with pytest.raises(ConfigError, match="--memory-limit: 1M is too little"):
        Quantize(signed[0].encoding, 2**20)(state)


def test_layers_that_stay_in_floating_point(residual, kit):
    state = Canonicalize()(kit.state(residual))
    encoding = state.multipliers[0].encoding
    quantised = Quantize(encoding, keep_float=("b", "d*"))(state)
    found = FindCandidates()(LowerQdq()(quantised))
    assert [c.name for c in found.candidates] == ["a", "c"]
    reasons = {note.node: note.reason for note in found.left_exact}
    assert reasons == dict.fromkeys("bd", "it is not quantised: --keep-float names it")
    with pytest.raises(ConfigError, match="'nothing'") as caught:
        Quantize(encoding, keep_float=("nothing",))(state)
    assert caught.value.where == "--keep-float"


def test_calibrations_give_ranges_of_their_own(residual, kit, capsys):
    # One outlier decides the extremes, and hardly anything of a percentile.
    x = kit.samples(residual, 1280)
    x[0, 0, 0, 0] = 1000.0
    state = Canonicalize()(kit.state(residual, x=x))
    encoding, scales = state.multipliers[0].encoding, {}
    for word in ("minmax", "percentile", "entropy"):
        model = Quantize(encoding, 2**31, word)(state).model
        constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        first = next(n for n in model.graph.node if n.op_type == "QuantizeLinear")
        assert first.input[0] == "x"
        scales[word] = float(constants[first.input[1]])
    assert scales["minmax"] == pytest.approx(1000 / 127, rel=0.01)
    assert scales["percentile"] < 0.5 * scales["minmax"]
    assert scales["entropy"] <= scales["minmax"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("encoding", [Encoding.SIGNED, Encoding.SIGN_MAGNITUDE])
def test_asymmetric_activations_use_all_codes(residual, kit, encoding):
    x = kit.samples(residual)
    state = Canonicalize()(kit.state(residual, (components.exact(encoding),), x))
    known = {}
    for word in ("symmetric", "asymmetric"):
        model = LowerQdq()(Quantize(encoding, activations=word)(state)).model
        constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        node = next(n for n in model.graph.node if n.name == "b")
        known[word] = [constants[name].reshape(-1)[0] for name in node.input[1:3]]
        weight_zeros = constants[node.input[5]]
        assert weight_zeros.dtype == np.int8 and not weight_zeros.any()
    # The layer reads what a Relu puts out: half of the symmetric codes are never used.
    assert known["symmetric"][1] == 0 and known["asymmetric"][1] == -128
    assert known["asymmetric"][0] == pytest.approx(known["symmetric"][0] * 127 / 255, rel=1e-3)
