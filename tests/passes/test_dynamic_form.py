"""Products whose ranges are found at run time: kept, and approximated as they are."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx import components
from hawx_onnx.components import Encoding
from hawx_onnx.layer_operands import find_layer, layer_operands
from hawx_onnx.passes import Calibrate, FindCandidates, MatchCodes, Quantize, Score, StaticForm
from hawx_onnx.passes.approximate import with_tables
from hawx_onnx.passes.dynamic_form import weight_scale
from hawx_onnx.passes.operator_level import score_operator
from hawx_onnx.passes.undo_rewrite import undo_rewrite
from hawx_onnx.runtime.reference_integer import approx_conv_integer, approx_matmul_integer
from hawx_onnx.runtime.runner import Runner
from hawx_onnx.sensitivity import GRADIENT

EXACT = {True: "mul8s_exact", False: "mul8u_exact"}


@pytest.fixture(scope="module")
def network(kit):
    """A convolution and a product, as onnxruntime's dynamic quantiser writes them."""
    rng = np.random.default_rng(0)
    return kit.model(
        """net (float[N,3,6,6] x) => (float[N,5] y) {
            q, s, z = DynamicQuantizeLinear(x)
            conv = ConvInteger<pads=[1,1,1,1], strides=[2,2]>(q, w, z, wz)
            cf = Cast<to=1>(conv)
            ck = Mul(s, ws)
            c = Mul(cf, ck)
            r = Relu(c)
            f = Flatten(r)
            fq, fs, fz = DynamicQuantizeLinear(f)
            product = MatMulInteger(fq, v, fz, vz)
            pf = Cast<to=1>(product)
            pk = Mul(fs, vs)
            y = Mul(pf, pk)
        }""",
        names=("q", "conv", "cf", "ck", "c", "r", "f", "fq", "product", "pf", "pk", "y"),
        w=rng.integers(0, 256, (4, 3, 3, 3), np.uint8),
        wz=np.array(131, np.uint8),
        ws=np.array(0.01, np.float32),
        v=rng.integers(-128, 128, (36, 5), np.int8),
        vz=np.zeros(5, np.int8),
        vs=rng.uniform(0.01, 0.02, 5).astype(np.float32),
    )


def found(kit, model, multipliers=()):
    """The state with candidates; ranges stay dynamic."""
    state = kit.state(model, multipliers)
    encoding = state.multipliers[0].encoding
    for one in (StaticForm(keep_dynamic=True), MatchCodes(encoding), FindCandidates()):
        state = one(state)
    return state


def rewritten(state, multiplier, **options):
    """The model with one multiplier everywhere."""
    index = {c.name: np.zeros(c.channels, np.int32) for c in state.candidates}
    signed = multiplier.encoding.codes_signed
    return with_tables(state.model, multiplier.table[None], index, signed=signed, **options)


def test_the_products_themselves_are_candidates(network, kit) -> None:
    state = found(kit, network)
    assert [(c.name, c.kind, c.op, c.channels) for c in state.candidates] == [
        ("conv", "ConvInteger", "Conv", 4),
        ("product", "MatMulInteger", "MatMul", 5),
    ]
    assert state.model is network
    assert state.candidates[0].workload.macs == 9 * 4 * 27


@pytest.mark.parametrize("signed", [True, False])
def test_exact_tables_give_onnxruntimes_own_bytes(network, kit, library, signed) -> None:
    exact = components.load(EXACT[signed])
    state = found(kit, network, (exact,))
    x = kit.samples(network, 5)
    wanted = [kit.run(network, one[None])[0] for one in x]
    model = rewritten(state, exact)
    for use_library in (True, False):
        given = Runner(model, use_library=use_library).run(x)
        assert given.tobytes() == np.concatenate(wanted).tobytes()


@pytest.mark.parametrize("name", ["mul8s_trunc_w3", "mul8u_trunc_w3"])
def test_accumulators_are_those_of_the_reference(network, kit, library, name) -> None:
    """The codes are moved in numpy here, and by nodes of the graph there."""
    multiplier = components.load(name)
    state = found(kit, network, (multiplier,))
    sums = ["conv", "product"]
    codes = ["q", "z", "fq", "fz"]
    runner = Runner(rewritten(state, multiplier), expose=[*sums, *codes])
    x = kit.samples(network, 1, seed=3)
    values = dict(zip([*sums, *codes], runner.run_batch(x, [*sums, *codes]), strict=True))
    constants = {t.name: numpy_helper.to_array(t) for t in network.graph.initializer}

    def moved(array: np.ndarray) -> np.ndarray:
        wanted = np.int8 if multiplier.encoding.codes_signed else np.uint8
        low = {np.dtype(np.int8): -128, np.dtype(np.uint8): 0}
        return (array.astype(int) - low[array.dtype] + low[np.dtype(wanted)]).astype(wanted)

    table, index = multiplier.table[None], np.zeros(4, np.int32)
    operands = (moved(one) for one in (values["q"], constants["w"], values["z"], constants["wz"]))
    expected = approx_conv_integer(*operands, table, index, pads=[1, 1, 1, 1], strides=[2, 2])
    np.testing.assert_array_equal(values["conv"], expected)
    operands = (moved(one) for one in (values["fq"], constants["v"], values["fz"], constants["vz"]))
    expected = approx_matmul_integer(*operands, table, np.zeros(5, np.int32))
    np.testing.assert_array_equal(values["product"], expected)


@pytest.mark.parametrize("name", ["mul8s_trunc1", "mul8u_trunc1"])
def test_portable_bodies_give_the_librarys_bytes(network, kit, library, name) -> None:
    multiplier = components.load(name)
    model = rewritten(found(kit, network, (multiplier,)), multiplier)
    x = kit.samples(network, 3, seed=5)
    given = [Runner(model, use_library=use).run(x) for use in (True, False)]
    assert given[0].tobytes() == given[1].tobytes()
    assert given[0].tobytes() != Runner(network).run(x).tobytes()


@pytest.mark.parametrize("name", ["mul8s_trunc1", "mul8u_trunc1"])
def test_a_rewrite_can_be_undone(network, kit, library, name) -> None:
    multiplier = components.load(name)
    model = undo_rewrite(rewritten(found(kit, network, (multiplier,)), multiplier))
    assert sorted(n.op_type for n in model.graph.node) == kit.ops(network)
    wanted = {t.name: numpy_helper.to_array(t) for t in network.graph.initializer}
    given = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert given.keys() == wanted.keys()
    for key, array in wanted.items():
        assert given[key].dtype == array.dtype
        np.testing.assert_array_equal(given[key], array)
    x = kit.samples(network, 1)
    assert kit.run(model, x)[0].tobytes() == kit.run(network, x)[0].tobytes()


@pytest.mark.parametrize("name", ["mul8s_trunc_w3", "mul8u_trunc_w3"])
def test_operands_of_a_layer_for_its_verilog(network, kit, library, name) -> None:
    """Of the exact model and of the rewritten one: codes as the multiplier takes them."""
    multiplier = components.load(name)
    state, x = found(kit, network, (multiplier,)), kit.samples(network, 1)
    model = rewritten(state, multiplier)
    sums = Runner(model, expose=["conv"]).run_batch(x, ["conv"])[0]
    for one in (network, model):
        given = layer_operands(one, find_layer(one, "conv"), x, [multiplier] * 4, "random")
        assert given.codes_signed == multiplier.encoding.codes_signed
        np.testing.assert_array_equal(given.accumulators, sums[0].reshape(4, -1).T)


def test_layers_that_read_the_same_codes_share_the_moved_ones(kit) -> None:
    model = kit.model(
        """net (float[N,4] x) => (float[N,2] y) {
            q, s, z = DynamicQuantizeLinear(x)
            a = MatMulInteger(q, u, z, wz)
            b = MatMulInteger(q, v, z, wz)
            t = Add(a, b)
            y = Cast<to=1>(t)
        }""",
        names=("q", "a", "b", "t", "y"),
        u=np.ones((4, 2), np.int8),
        v=np.full((4, 2), 3, np.int8),
        wz=np.zeros((), np.int8),
    )
    exact = components.load("mul8s_exact")
    result = rewritten(found(kit, model, (exact,)), exact)
    assert kit.ops(result).count("QuantizeLinear") == 2  # codes and zero point, once each
    x = kit.samples(model, 1)
    assert Runner(result).run(x).tobytes() == kit.run(model, x)[0].tobytes()


def test_a_fused_product_is_split(kit) -> None:
    rng = np.random.default_rng(1)
    model = kit.model(
        """net (float[N,8] x) => (float[N,4] y) {
            y = com.microsoft.DynamicQuantizeMatMul(x, w, s, , b)
        }""",
        names=("product",),
        more=', "com.microsoft" : 1',
        w=rng.integers(-128, 128, (8, 4), np.int8),
        s=np.array([0.1, 0.2, 0.3, 0.4], np.float32),
        b=kit.normal(4),
    )
    state = found(kit, model)
    assert [(c.name, c.kind) for c in state.candidates] == [("product", "MatMulInteger")]
    x = kit.samples(model, 1)
    wanted, given = (kit.run(m, x)[0] for m in (model, state.model))
    np.testing.assert_allclose(given, wanted, rtol=1e-5)


def test_zero_points_that_are_left_out_are_written(kit) -> None:
    model = kit.model(
        """net (float[N,4] x) => (int32[N,2] y) {
            q, s, z = DynamicQuantizeLinear(x)
            y = MatMulInteger(q, w, z)
        }""",
        names=("q", "y"),
        w=np.array([[1, -2], [3, 4], [-5, 6], [7, 8]], np.int8),
    )
    (note,) = FindCandidates().call(kit.state(model)).left_alone
    assert note.reason == "it leaves zero points out"
    given = found(kit, model)
    assert [c.name for c in given.candidates] == ["y"]
    x = kit.samples(model, 1)
    assert kit.run(given.model, x)[0].tobytes() == kit.run(model, x)[0].tobytes()


def test_scales_of_weights_are_found(network) -> None:
    nodes = {node.name: node for node in network.graph.node}
    constants = {t.name: numpy_helper.to_array(t) for t in network.graph.initializer}
    for name, scale in (("conv", "ws"), ("product", "vs")):
        np.testing.assert_array_equal(weight_scale(network, nodes[name]), constants[scale])
    assert weight_scale(network, nodes["fq"]) is None


@pytest.mark.parametrize("name", ["mul8s_trunc_w3", "mul8u_trunc_w3"])
def test_operator_level_predicts_the_mean_error(network, kit, library, name) -> None:
    """In closed form, of codes whose ranges and padding differ from sample to sample."""
    multiplier = components.load(name)
    exact = components.load(EXACT[multiplier.encoding.codes_signed])
    state = Calibrate(threads=1)(found(kit, network, (exact, multiplier)))
    x = state.dataset.calibration.x
    sums = {}
    for one in (exact, multiplier):
        for layer in ("conv", "product"):
            alone = state.replace(candidates=tuple(c for c in state.candidates if c.name == layer))
            model = rewritten(alone, one)
            parts = Runner(model, expose=[layer]).stream(x, [layer])
            sums[one.name, layer] = np.concatenate([part[0] for part in parts])
    for candidate, axes in zip(state.candidates, ((0, 2, 3), 0), strict=True):
        change = sums[name, candidate.name].astype(float) - sums[exact.name, candidate.name]
        score = score_operator(state, candidate)
        np.testing.assert_allclose(score.mean[1], change.mean(axis=axes), rtol=1e-9)
        assert score.relative_rms()[1] > 0


@pytest.mark.parametrize("signed", [True, False])
def test_scores_are_responses_of_the_dynamic_network(network, kit, library, signed) -> None:
    multipliers = tuple(
        components.load(f"mul8{'s' if signed else 'u'}_{name}") for name in ("exact", "trunc1")
    )
    state = Score(samples=6, threads=1)(Calibrate(threads=1)(found(kit, network, multipliers)))
    x = state.dataset.validation.x[:6]
    exact = Runner(network).run(x)
    for row, candidate in enumerate(state.candidates):
        alone = state.replace(candidates=(candidate,))
        change = Runner(rewritten(alone, multipliers[1])).run(x) - exact
        np.testing.assert_array_equal(state.sensitivity.responses[row, 1], change)


def test_channels_are_scored_by_derivatives(network, kit, library) -> None:
    """Of the last layer, behind which nothing is rounded, they are the changes as they are."""
    multipliers = tuple(components.load(name) for name in ("mul8s_exact", "mul8s_trunc_w3"))
    state = Score(samples=6, threads=1)(Calibrate(threads=1)(found(kit, network, multipliers)))
    filters = state.sensitivity.filters
    assert {score.method for score in filters.values()} == {GRADIENT}
    x = state.dataset.validation.x[:6]
    alone = state.replace(candidates=state.candidates[1:])
    change = Runner(rewritten(alone, multipliers[1])).run(x) - Runner(network).run(x)
    expected = (change.astype(np.float64) ** 2).mean(axis=0) / change.shape[1]
    np.testing.assert_allclose(filters["product"].first_order_mse[1], expected, rtol=1e-3)
    assert filters["conv"].first_order_mse[1].min() > 0


@pytest.mark.parametrize("encoding", [Encoding.SIGNED, Encoding.UNSIGNED])
def test_float_networks_get_dynamic_ranges(residual, kit, encoding) -> None:
    state = kit.state(residual, (components.exact(encoding),))
    quantised = Quantize(encoding, dynamic=True)(state)
    ops = kit.ops(quantised.model)
    assert ops.count("ConvInteger") == 3
    tensors = quantised.model.graph.initializer
    zeros = [t for t in tensors if t.name.endswith("_zero_point")]
    assert {int(z) for t in zeros for z in numpy_helper.to_array(t).ravel()} == {128}
    assert {t.data_type for t in zeros} == {onnx.TensorProto.UINT8}
    assert {c.name for c in FindCandidates()(quantised).candidates} >= {"a", "b", "c"}
    x = kit.samples(residual, 1, seed=3)
    wanted, given = (kit.run(m, x)[0] for m in (residual, quantised.model))
    assert 0 < np.abs(given - wanted).max() < 0.1 * np.ptp(wanted)
    kept = Quantize(encoding, keep_float=("b",), dynamic=True)(state).model
    assert kit.ops(kept).count("ConvInteger") == 2
    assert onnx.checker.check_model(kept) is None
