"""Networks of several exporters through all passes: candidates, int8 accuracy, exactness."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Encoding
from hawx_onnx.frontend.data import Dataset, Preprocessing, Split
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.passes import (
    Canonicalize,
    FindCandidates,
    LowerQdq,
    PassState,
    Quantize,
    Rewrite,
    StaticForm,
    Verify,
)
from hawx_onnx.passes.exact_form import exact_form
from hawx_onnx.runtime.evaluate import accuracy
from hawx_onnx.runtime.runner import Runner

CALIBRATION, IMAGES = 64, 256


@dataclass(frozen=True)
class Network:
    """A file, its data, and what its passes are to find.

    ``right`` is how many images the int8 network got right when this was written down.
    """

    data: str
    preprocessing: dict[str, object]
    candidates: int
    right: int
    verify: bool = False
    images: int = IMAGES


# Ranges are found in floats, which differ in their last bits from processor to processor.
SLACK = 2
MNIST = {"scale": 255.0, "mean": [0.1307], "std": [0.3081]}
IMAGENET = {"scale": 255.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CIFAR = {"scale": 255.0, "mean": [0.4914, 0.4822, 0.4465], "std": [0.247, 0.2435, 0.2616]}
CODES = {"layout": "nhwc", "mean": [128.0]}
NETWORKS = {
    "resnet20_cifar10_fp32": Network("cifar10_test_5k", IMAGENET, 20, 120, images=128),
    "resnet56_cifar10_fp32": Network("cifar10_test_5k", IMAGENET, 56, 88, images=96),
    "resnet18w32_cifar10_fp32": Network("cifar10_test_5k", CIFAR, 21, 85, images=96),
    "vgg11_cifar10_fp32": Network("cifar10_test_5k", CIFAR, 9, 80, images=96),
    "mnist_cnn_cntk_fp32": Network("mnist_test", {}, 3, 253, verify=True),
    "lenet5_mnist_pytorch_fp32": Network("mnist_test", {**MNIST, "resize": [32, 32]}, 5, 255),
    "vit_mnist_fp32": Network("mnist_test", MNIST, 38, 124, images=128),
    "mlperf_tiny_resnet8_cifar10_fp32_keras": Network(
        "cifar10_test_5k", {"layout": "nhwc"}, 10, 227
    ),
    "mlperf_tiny_resnet8_cifar10_int8qdq": Network("cifar10_test_5k", CODES, 10, 226, verify=True),
    "mlperf_tiny_resnetlarge_cifar10_int8qdq": Network("cifar10_test_5k", CODES, 10, 85, images=96),
}


def state_of(shared, name, network):
    model = load_model(shared(f"data/models/{name}.onnx"))
    with np.load(shared(f"data/{network.data}.npz")) as arrays:
        x, y = (arrays[key][: CALIBRATION + network.images] for key in "xy")
    x = Preprocessing.from_dict(network.preprocessing).apply(x, model_input(model))
    first, rest = slice(CALIBRATION), slice(CALIBRATION, None)
    splits = [Split("calibration", x[first], y[first])]
    splits += [Split(part, x[rest], y[rest]) for part in ("validation", "test")]
    names = (components.exact(Encoding.SIGNED), components.load("mul8s_trunc1"))
    return PassState(model, Dataset(name, *splits, ""), names)


@pytest.mark.parametrize("name", NETWORKS)
def test_network(library, shared, name):
    network = NETWORKS[name]
    source = state_of(shared, name, network)
    before = source.model.SerializeToString()
    state = source
    for one in (Canonicalize(), Quantize(Encoding.SIGNED), LowerQdq(), FindCandidates()):
        given = state.model.SerializeToString()
        after = one(state)
        assert state.model.SerializeToString() == given, f"{one.name} edited its argument"
        state = after
    assert source.model.SerializeToString() == before
    assert len(state.candidates) == network.candidates
    assert state.left_exact == ()
    assert state.model.producer_name == source.model.producer_name
    own = {node.name for node in source.model.graph.node}
    if own != {""}:
        assert {candidate.name for candidate in state.candidates} <= own
    test = source.dataset.test
    exact, int8 = (
        accuracy(Runner(model).run(test.x), test.y).value for model in (source.model, state.model)
    )
    assert int8 > exact - 0.015
    assert abs(int8 * len(test) - network.right) < SLACK + 0.5
    if network.verify:
        chosen = Assignment.of({c.name: "mul8s_trunc1" for c in state.candidates})
        Verify(state.model)(Rewrite()(state.replace(assignment=chosen)))


# Name, products with dynamic ranges, and images right of 64 with mul8s_trunc1 in all of them.
DYNAMIC = [("vit_mnist_fp32", 26, 62), ("lenet5_mnist_pytorch_fp32", 5, 64)]


def dynamic_of(path, folder):
    from onnxruntime import quantization as ortq

    target = folder / "dynamic.onnx"
    ortq.quantize_dynamic(path, target, weight_type=ortq.QuantType.QUInt8)
    return load_model(target)


@pytest.mark.parametrize(("name", "products", "right"), DYNAMIC)
def test_dynamic_network(library, shared, tmp_path, name, products, right):
    """Exact, the file's own bytes; approximate, about as many images right as ever."""
    network = replace(NETWORKS[name], images=64)
    state = state_of(shared, name, network)
    model = dynamic_of(shared(f"data/models/{name}.onnx"), tmp_path)
    state = state.replace(model=Canonicalize()(state.replace(model=model)).model)
    state = FindCandidates()(state)
    assert len(state.candidates) == products
    everywhere = Assignment.of({c.name: "mul8s_trunc1" for c in state.candidates})
    after = Rewrite()(state.replace(assignment=everywhere))
    Verify(state.model)(after)
    split = state.dataset.test
    found = accuracy(Runner(after.model).run(split.x), split.y).value
    assert abs(found * len(split) - right) < SLACK + 0.5


def test_dynamic_language_model(library, shared, tmp_path):
    """Exact tables give the logits of the file itself, all 36 products among them."""
    model = dynamic_of(shared("data/models/stories260K_llama_fp32.onnx"), tmp_path)
    with np.load(shared("data/tinystories_tok512.npz")) as file:
        ids = file["ids"][:2].astype(np.int64)
    exact = components.exact(Encoding.SIGNED)
    state = PassState(model, None, (exact,))
    for one in (StaticForm(keep_dynamic=True), Canonicalize()):
        state = one(state)
    splits = [Split(part, ids, None) for part in ("calibration", "validation", "test")]
    state = FindCandidates()(state.replace(dataset=Dataset("stories", *splits, "")))
    assert [c.kind for c in state.candidates] == ["MatMulInteger"] * 36
    given = Runner(exact_form(state)).run(ids)
    assert given.tobytes() == Runner(model).run(ids).tobytes()
