"""Whole networks: products with cotangents against what the float network itself answers."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from hawx_onnx import components, models
from hawx_onnx.components import Encoding
from hawx_onnx.frontend.data import Preprocessing, load_dataset
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.passes import Canonicalize, LowerQdq, PassState, Quantize
from hawx_onnx.passes.approximate import with_tables
from hawx_onnx.passes.gradient import build_gradient

PRODUCTS = ("Conv", "Gemm", "MatMul", "QLinearConv", "QLinearMatMul")
DIRECTIONS, STEP = 3, 3e-5
# Of the deviation of the responses: kinks crossed and rounding of single precision.
TOLERANCE = 0.08
CIFAR = {"scale": 255.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
MNIST = {"scale": 255.0, "mean": [0.1307], "std": [0.3081]}
IMAGENET = {"scale": 127.5, "mean": [1.0], "layout": "nhwc"}


def products(model):
    return [node.name for node in model.graph.node if node.op_type in PRODUCTS]


def prepared(source, x, *passes):
    """The model after passes that calibrate on samples."""
    from hawx_onnx.frontend.data import Dataset, Split

    data = Dataset("test", *(Split(n, x, None) for n in ("calibration", "validation", "test")), "")
    state = PassState(source, data, (components.exact(Encoding.SIGNED),))
    for one in passes:
        state = one(state)
    return state.model


def answers(backward, model, x, node, shape, cotangent, size):
    """Random changes of a node's output, and the network's response to each, by differences.

    Steps of 3e-5 of the tensor's deviation (`size`): differences come nearer to the derivative down
    to there, as fewer values cross the kink of a Relu, and rounding takes over below.
    """
    moved = backward.moved(model, node)
    name, output = model.graph.input[0].name, model.graph.output[0].name
    rng = np.random.default_rng(len(node))
    for _ in range(DIRECTIONS):
        direction = rng.standard_normal(shape).astype(np.float32)

        def value(change):
            (y,) = backward.forward(moved, {name: x, "change": change}, [output])[output][None]
            return np.vdot(y.astype(np.float64), cotangent)

        zero = np.zeros(shape, np.float32)
        yield direction, backward.directional(value, zero, direction, np.float32(STEP * size))


def compared(backward, float_model, model, x, wanted):
    """Predicted and measured responses over nodes and directions, in units of their deviation."""
    gradient = build_gradient(model, wanted)
    assert not gradient.unreached
    output = model.graph.output[0].name
    feeds = {model.graph.input[0].name: x}
    y = backward.forward(model, feeds, [output])[output]
    cotangent = np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)
    found = backward.cotangents(model, gradient, feeds, {output: cotangent})
    tensors = {n.name: n.output[0] for n in float_model.graph.node}
    predicted, measured = [], []
    for node in wanted:
        values = backward.forward(float_model, feeds, [tensors[node]])[tensors[node]]
        deviation = np.linalg.norm(found[node])
        for direction, response in answers(
            backward, float_model, x, node, found[node].shape, cotangent, values.std()
        ):
            predicted.append(np.vdot(found[node], direction) / deviation)
            measured.append(response / deviation)
    return np.array(predicted), np.array(measured)


NETWORKS = {
    "resnet20_cifar10_fp32": ("cifar10_test_5k", CIFAR, 2, 5),
    "vit_mnist_fp32": ("mnist_test", MNIST, 2, 7),
    "mobilenet_v1_0.25_224_imagenet_fp32_keras": ("imagenet_sample_128", IMAGENET, 1, 5),
    "squeezenet1.0_deepcomp_imagenet_fp32": ("imagenet_sample_128", {}, 1, 6),
}


def samples(shared, model, data, preprocessing, count):
    with np.load(shared(f"data/{data}.npz")) as arrays:
        x = arrays["x"][:count]
    return Preprocessing.from_dict(preprocessing).apply(x, model_input(model))


@pytest.mark.parametrize("name", NETWORKS)
def test_float_network(backward, shared, name):
    data, preprocessing, count, every = NETWORKS[name]
    source = load_model(shared(f"data/models/{name}.onnx"))
    x = samples(shared, source, data, preprocessing, count)
    model = prepared(source, x, Canonicalize())
    predicted, measured = compared(backward, model, model, x, products(model)[::every])
    np.testing.assert_allclose(predicted, measured, atol=TOLERANCE)


def test_language_model(backward, shared):
    source = load_model(shared("data/models/stories260K_llama_fp32.onnx"))
    with np.load(shared("data/tinystories_tok512.npz")) as arrays:
        ids = arrays["ids"][:1]
    model = prepared(source, ids, Canonicalize())
    x = ids.astype(model_input(model).dtype)
    predicted, measured = compared(backward, model, model, x, products(model)[::9])
    np.testing.assert_allclose(predicted, measured, atol=TOLERANCE)


def int8_pair(source, x):
    """The canonical float network and its int8 graph; nodes bear the same names."""
    chain = (Canonicalize(), Quantize(Encoding.SIGNED), LowerQdq())
    return prepared(source, x, Canonicalize()), prepared(source, x, *chain)


def alignment(backward, float_model, int8, x):
    """Cosine and ratio of norms between cotangents of the int8 graph and of the float network."""
    wanted, output = products(int8), int8.graph.output[0].name
    feeds = {int8.graph.input[0].name: x}
    y = backward.forward(float_model, feeds, [output])[output]
    given = {output: np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)}
    ours, theirs = (
        backward.cotangents(m, build_gradient(m, wanted), feeds, given) for m in (int8, float_model)
    )
    for node in wanted:
        sizes = [np.linalg.norm(found[node]) for found in (ours, theirs)]
        yield np.vdot(ours[node], theirs[node]) / np.prod(sizes), sizes[0] / sizes[1]


def test_int8_lenet5(backward):
    source = load_model(models.reference("lenet5").path)
    x = load_dataset("digits", model_input(source), reference="lenet5").calibration.x[:64]
    float_model, int8 = int8_pair(source, x)
    for cosine, ratio in alignment(backward, float_model, int8, x[:16]):
        assert cosine > 0.95
        assert 0.93 < ratio < 1.03
    predicted, measured = compared(backward, float_model, int8, x[:16], products(int8))
    assert np.corrcoef(predicted, measured)[0, 1] > 0.95


def test_int8_resnet20(backward, shared):
    """Other Relus are open in the int8 network, so that cotangents turn on their way."""
    source = load_model(shared("data/models/resnet20_cifar10_fp32.onnx"))
    x = samples(shared, source, "cifar10_test_5k", CIFAR, 48)
    float_model, int8 = int8_pair(source, x)
    for cosine, ratio in alignment(backward, float_model, int8, x[:16]):
        assert cosine > 0.85
        assert 0.93 < ratio < 1.03


def test_rewritten_nodes_are_differentiated_as_exact_ones(shared):
    source = load_model(models.reference("lenet5").path)
    x = load_dataset("digits", model_input(source), reference="lenet5").calibration.x[:16]
    int8 = int8_pair(source, x)[1]
    table = components.load("mul8s_trunc2").table[None].astype(np.int32)
    channels = {
        node.name: next(t.dims[0] for t in int8.graph.initializer if t.name == node.input[3])
        for node in int8.graph.node
        if node.op_type == "QLinearConv"
    }
    index = {name: np.zeros(count, np.int32) for name, count in channels.items()}
    rewritten = with_tables(int8, table, index)
    ours, exact = (build_gradient(model, list(channels)) for model in (rewritten, int8))
    assert not ours.unreached
    assert ours.forward == exact.forward
    assert ours.backward == exact.backward
    onnx.checker.check_model(ours.backward)
