"""Rewrite and Verify: exact tables change nothing, other tables do, and what fails is named."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx import components, models
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Encoding, stacked_factors
from hawx_onnx.errors import ConfigError, LibraryError
from hawx_onnx.frontend.data import load_dataset
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.passes import Rewrite, Verify, approximate, verify
from hawx_onnx.passes.approximate import FACTORS, TABLES, with_tables
from hawx_onnx.passes.graph import factors_of, metadata, table_index_of
from hawx_onnx.passes.rewrite import ASSIGNMENT_KEY, MULTIPLIERS_KEY
from hawx_onnx.runtime.evaluate import accuracy
from hawx_onnx.runtime.runner import Runner

ATTENTION = """net (float[N,6,8] x) => (float[N,6,8] y) {
    q = MatMul(x, wq)
    k = MatMul(x, wk)
    v = MatMul(x, wv)
    t = Transpose<perm=[0,2,1]>(k)
    a = MatMul(q, t)
    p = Softmax<axis=-1>(a)
    m = MatMul(p, v)
    o = MatMul(m, wo)
    y = Add(o, x)
}"""


def attention(kit):
    weights = {f"w{name}": kit.normal(8, 8, seed=i) for i, name in enumerate("qkvo")}
    return kit.model(ATTENTION, names=tuple("qkvtapmoy"), **weights)


def mixed(kit):
    """Forms of convolution that the residual network lacks."""
    return kit.model(
        """net (float[N,4,9,9] x) => (float[N,6,1,1] y) {
            a = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, wa)
            ar = Clip(a, low, high)
            b = Conv<group=8, dilations=[2,1], pads=[2,1,2,1]>(ar, wb, bb)
            c = Conv<kernel_shape=[1,1]>(b, wc)
            y = GlobalAveragePool(c)
        }""",
        names=("a", "ar", "b", "c", "y"),
        wa=kit.normal(8, 4, 3, 3),
        low=np.float32(0),
        high=np.float32(6),
        wb=kit.normal(16, 1, 3, 3, seed=2),
        bb=kit.normal(16, seed=3),
        wc=kit.normal(6, 16, 1, 1, seed=4),
    )


def volumes(kit):
    """1-D and 3-D convolutions, a batched product."""
    return kit.model(
        """net (float[N,2,4,5,6] x) => (float[N,4,3] y) {
            a = Conv<pads=[1,0,1,0,1,0]>(x, wa)
            r = Reshape(a, flat)
            b = Conv<pads=[1,1]>(r, wb)
            m = MatMul(b, wm)
            s = Reshape(m, stack)
            t = MatMul(s, wt)
            y = Reshape(t, rows)
        }""",
        names=tuple("arbmsty"),
        wa=kit.normal(3, 2, 2, 2, 3),
        flat=np.array([0, 3, -1], np.int64),
        wb=kit.normal(4, 3, 3, seed=2),
        wm=kit.normal(100, 8, seed=3),
        stack=np.array([-1, 2, 2, 8], np.int64),
        wt=kit.normal(2, 8, 3, seed=4),
        rows=np.array([-1, 4, 3], np.int64),
    )


NETWORKS = {"attention": attention, "mixed": mixed, "volumes": volumes}


@pytest.fixture(params=[*NETWORKS, "residual"])
def network(request, kit, residual):
    """Each of the small networks."""
    return residual if request.param == "residual" else NETWORKS[request.param](kit)


def rewritten(state, choice):
    """The state after Rewrite, with `choice` for every candidate."""
    chosen = Assignment.of({c.name: choice(c) for c in state.candidates})
    before = state.model.SerializeToString()
    after = Rewrite()(state.replace(assignment=chosen))
    assert state.model.SerializeToString() == before, "the caller's model was edited"
    return after


def alternating(multipliers):
    """Multipliers mixed over the channels."""
    names = [multiplier.name for multiplier in multipliers]
    return lambda c: [names[i % len(names)] for i in range(c.channels)]


def outputs(model, x, use_library):
    return Runner(model, threads=1, use_library=use_library).run(x)


@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
def test_exact_tables_change_no_bit(library, kit, network, encoding, request):
    state = kit.prepare(network, request.getfixturevalue(encoding))
    x = kit.samples(network)
    index = {c.name: np.zeros(c.channels, np.int32) for c in state.candidates}
    assert len(index) >= 3
    model = with_tables(state.model, state.multipliers[0].table[None], index)
    domains = [node.domain for node in model.graph.node if node.domain]
    assert domains == ["ai.hawx"] * len(index)
    (stock,) = kit.run(state.model, x)
    for use_library in (True, False):
        assert outputs(model, x, use_library).tobytes() == stock.tobytes()


@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
def test_portable_body_equals_the_library(library, kit, network, encoding, request):
    """Mixed multipliers; the unsigned codes have zero points other than 0."""
    multipliers = request.getfixturevalue(encoding)
    state = kit.prepare(network, multipliers)
    after = rewritten(state, alternating(multipliers))
    x = kit.samples(network)
    ours = outputs(after.model, x, use_library=True)
    assert ours.tobytes() == outputs(after.model, x, use_library=False).tobytes()
    assert ours.tobytes() != kit.run(state.model, x)[0].tobytes()
    Verify(state.model)(after)


def test_unsigned_networks_have_zero_points(kit, residual, unsigned):
    state = kit.prepare(residual, unsigned)
    values = {t.name: numpy_helper.to_array(t) for t in state.model.graph.initializer}
    nodes = [n for n in state.model.graph.node if n.op_type == "QLinearConv"]
    assert any(values[node.input[2]] != 0 for node in nodes)
    middle = np.concatenate([values[node.input[5]].ravel() for node in nodes])
    assert np.unique(middle).tolist() in ([127], [128])


def test_operand_order(library, kit, residual, signed):
    """A table that drops bits of weights and its transpose give different networks."""
    state = kit.prepare(residual, signed)
    x = kit.samples(residual)
    index = {c.name: np.zeros(c.channels, np.int32) for c in state.candidates}
    table = signed[2].table
    assert (table != table.T).any()
    one, other = (with_tables(state.model, t[None], index) for t in (table, table.T))
    assert outputs(one, x, True).tobytes() != outputs(other, x, True).tobytes()


def test_only_tables_in_use_are_written(library, kit, residual, signed):
    state = kit.prepare(residual, signed)
    chosen = Assignment.of({"b": signed[2].name, "c": signed[0].name})
    after = Rewrite()(state.replace(assignment=chosen))
    tensors = {tensor.name: tensor for tensor in after.model.graph.initializer}
    np.testing.assert_array_equal(numpy_helper.to_array(tensors[TABLES]), signed[2].table[None])
    assert [n.name for n in after.model.graph.node if n.domain == "ai.hawx"] == ["b"]
    assert {note.node for note in after.records[-1].left_alone} == {"a", "c", "d"}
    kept = metadata(after.model)
    assert json.loads(kept[ASSIGNMENT_KEY]) == {"b": signed[2].name, "c": signed[0].name}
    assert json.loads(kept[MULTIPLIERS_KEY]) == {signed[2].name: signed[2].content_hash}
    assert kept["author"] == "me"


def initializers(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_factors_are_written_once_for_all_nodes(library, kit, residual, signed):
    state = kit.prepare(residual, signed)
    after = rewritten(state, alternating(signed))
    tensors = initializers(after.model)
    chosen = [m for m in signed if any((m.table == t).all() for t in tensors[TABLES])]
    np.testing.assert_array_equal(tensors[FACTORS], stacked_factors(chosen))
    nodes = [node for node in after.model.graph.node if node.domain == "ai.hawx"]
    assert [factors_of(node) for node in nodes] == [FACTORS] * len(nodes)
    assert {table_index_of(node) for node in nodes} == {f"{n.name}.table_index" for n in nodes}
    verified(state, after)


def test_tables_without_factors_leave_the_input_out(library, kit, residual, signed, table_of):
    """A table of full rank, alone and beside one that has factors."""
    rng = np.random.default_rng(3)
    noisy = table_of("noisy", signed[0].table + rng.integers(-40, 41, (256, 256)))
    state = kit.prepare(residual, (signed[0], signed[1], noisy))
    alone = rewritten(state, lambda c: "noisy")
    assert FACTORS not in initializers(alone.model)
    assert not any(factors_of(n) for n in alone.model.graph.node if n.domain == "ai.hawx")
    verified(state, alone)
    beside = rewritten(state, lambda c: "noisy" if c.name == "b" else signed[1].name)
    (row,) = initializers(beside.model)[FACTORS]
    assert row[0] == 0
    verified(state, beside)


def test_identity_and_names_survive(library, kit, network, signed):
    state = kit.prepare(network, signed)
    after = rewritten(state, lambda c: signed[1].name).model
    for field in ("producer_name", "producer_version", "domain", "model_version", "doc_string"):
        assert getattr(after, field) == getattr(network, field), field
    assert {n.name for n in after.graph.node} == {n.name for n in state.model.graph.node}
    assert [(e.domain, e.version) for e in after.opset_import] == [("", 13), ("ai.hawx", 1)]
    assert after.ir_version == 8
    onnx.checker.check_model(after, full_check=False)


def test_assignment_without_approximation_leaves_standard_ops(kit, residual, signed):
    state = kit.prepare(residual, signed)
    after = rewritten(state, lambda c: signed[0].name)
    assert not after.records[-1].modified
    assert {node.domain for node in after.model.graph.node} == {""}


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        (None, "no assignment was chosen"),
        ({"bb": "mul8s_trunc1"}, "no candidate layer is named 'bb'"),
        ({"b": "mul8s_trunk1"}, "multiplier 'mul8s_trunk1' is not among"),
        ({"b": ["mul8s_trunc1"] * 3}, "3 multipliers given, the layer has 6"),
    ],
)
def test_wrong_assignments_are_refused(kit, residual, signed, chosen, reason):
    state = kit.prepare(residual, signed)
    given = None if chosen is None else Assignment.of(chosen)
    with pytest.raises(ConfigError, match=reason):
        Rewrite()(state.replace(assignment=given))


@pytest.fixture(scope="module")
def lenet(kit):
    """LeNet-5 with the digits data, and its int8 state for one signed multiplier."""
    model = load_model(models.reference("lenet5").path)
    return model, load_dataset("digits", model_input(model), reference="lenet5")


@pytest.mark.parametrize("broken", ["zeros", "shuffled rows", "shuffled columns", "flat"])
def test_broken_table_ruins_the_accuracy(library, kit, lenet, signed, table_of, broken):
    """A network that did not use its tables would not notice."""
    model, dataset = lenet
    exact = signed[0].table
    order = np.random.default_rng(0).permutation(256)
    table = {
        "zeros": np.zeros((256, 256)),
        "shuffled rows": exact[order],
        "shuffled columns": exact[:, order],
        "flat": np.full((256, 256), 5000),
    }[broken]
    multipliers = (signed[0], table_of("broken", table))
    state = kit.prepare(model, multipliers, dataset.calibration.x)
    after = rewritten(state, lambda c: "broken")
    test = dataset.test
    good = accuracy(Runner(state.model).run(test.x), test.y).value
    bad = accuracy(Runner(after.model).run(test.x), test.y).value
    assert good > 0.9
    assert bad < 0.3


def test_one_broken_layer_is_noticed(library, kit, lenet, signed, table_of):
    model, dataset = lenet
    broken = table_of("broken", signed[0].table[::-1])
    state = kit.prepare(model, (signed[0], broken), dataset.calibration.x)
    test = dataset.test
    good = accuracy(Runner(state.model).run(test.x), test.y).value
    for candidate in state.candidates:
        after = Rewrite()(state.replace(assignment=Assignment.of({candidate.name: "broken"})))
        assert accuracy(Runner(after.model).run(test.x), test.y).value < good - 0.2


def verified(state, after):
    Verify(state.model, 1)(after)


def test_verify_passes_and_changes_nothing(library, kit, network, signed):
    state = kit.prepare(network, signed)
    after = rewritten(state, alternating(signed))
    text = after.model.SerializeToString()
    assert Verify(state.model)(after).model is after.model
    assert after.model.SerializeToString() == text


def test_verify_names_the_node_whose_table_is_not_in_use(library, kit, residual, signed):
    """A node of the custom domain whose output scale swallows every product: all codes equal."""
    state = kit.prepare(residual, signed)
    after = rewritten(state, lambda c: signed[1].name)
    model = onnx.ModelProto()
    model.CopyFrom(after.model)
    node = next(n for n in model.graph.node if n.name == "c")
    node.input[6] = "dull"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1e9), "dull"))
    with pytest.raises(LibraryError, match=r"node c: its truth table is not in use"):
        verified(state, after.replace(model=model))


def test_verify_notices_tables_of_two_layers_that_were_swapped(library, kit, residual, signed):
    state = kit.prepare(residual, signed)
    first, second = (c.name for c in state.candidates[:2])
    chosen = {first: signed[1].name, second: signed[2].name}
    after = Rewrite()(state.replace(assignment=Assignment.of(chosen)))
    verified(state, after)
    model = onnx.ModelProto()
    model.CopyFrom(after.model)
    one, other = (next(n for n in model.graph.node if n.name == name) for name in chosen)
    places = [list(n.input).index(table_index_of(n)) for n in (one, other)]
    names = table_index_of(other), table_index_of(one)
    for node, place, name in zip((one, other), places, names, strict=True):
        node.input[place] = name
    with pytest.raises(LibraryError, match=f"node {first}: has other tables"):
        verified(state, after.replace(model=model))


def test_verify_notices_a_layer_that_was_not_rewritten(library, kit, residual, signed):
    state = kit.prepare(residual, signed)
    after = rewritten(state, lambda c: signed[1].name)
    with pytest.raises(LibraryError, match="has other tables than the assignment says"):
        verified(state, after.replace(model=state.model))


def test_verify_names_the_node_that_differs_with_exact_tables(
    library, kit, residual, signed, monkeypatch
):
    """A rewrite that forgets the bias of one node."""
    state = kit.prepare(residual, signed)
    after = rewritten(state, lambda c: signed[1].name)
    replace = approximate.replace_node

    def forgetful(node, *rest):
        replace(node, *rest)
        if node.name == "b":
            node.inputs[8].values = np.zeros_like(node.inputs[8].values)

    monkeypatch.setattr(approximate, "replace_node", forgetful)
    with pytest.raises(LibraryError, match="node b: with exact multipliers"):
        verified(state, after)


def test_verify_notices_a_portable_body_that_differs(library, kit, residual, unsigned):
    """A zero point with the wrong sign."""
    state = kit.prepare(residual, unsigned)
    after = rewritten(state, lambda c: unsigned[1].name)
    model = onnx.ModelProto()
    model.CopyFrom(after.model)
    (function,) = model.functions
    negative = next(n for n in function.node if n.output[0] == "zw_negative")
    negative.op_type = "Abs"
    with pytest.raises(LibraryError, match="the portable bodies differ from the library"):
        verified(state, after.replace(model=model))


def test_verify_without_rewritten_nodes(library, kit, residual, signed):
    state = kit.prepare(residual, signed)
    verified(state, rewritten(state, lambda c: signed[0].name))


def test_poison_is_beyond_every_product():
    """Its sums beat those of exact products, whatever the codes: (2**14 > 127 * 128)."""
    assert verify.POISON > 127 * 128


def test_models_of_sign_magnitude_multipliers_take_signed_codes(library, kit, residual):
    multipliers = (components.exact(Encoding.SIGNED), components.load("mul8sm_drum4"))
    state = kit.prepare(residual, multipliers)
    after = rewritten(state, lambda c: "mul8sm_drum4")
    verified(state, after)
