"""The collection's networks, their data and preprocessing, as its README tells them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MODELS = DATA / "models"


@dataclass(frozen=True)
class Network:
    """A file of the collection and the samples that it is run on.

    Attributes:
        name: Its file name without the suffix.
        framework: What it was trained in and exported with.
        train: Samples for calibration and validation, the name of an ``.npz`` file.
        test: Samples for the final figures; None where one file is cut into all three splits.
        preprocessing: How its images become its input.
        metric: What it is judged by.
    """

    name: str
    framework: str
    train: str
    test: str | None = None
    preprocessing: dict[str, Any] = field(default_factory=dict)
    metric: str = "accuracy"

    @property
    def path(self) -> Path:
        """Its ONNX file."""
        return MODELS / f"{self.name}.onnx"


_CIFAR = ("cifar10_train_5k", "cifar10_test_5k")
_MNIST = ("mnist_train_5k", "mnist_test")
_RESNET = {"scale": 255.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_VGG = {"scale": 255.0, "mean": [0.4914, 0.4822, 0.4465], "std": [0.247, 0.2435, 0.2616]}
_DIGITS = {"scale": 255.0, "mean": [0.1307], "std": [0.3081]}
_CODES = {"layout": "nhwc", "mean": [128.0]}
_CAFFE = {"channels": "reverse", "mean": [104.0, 117.0, 123.0]}

NETWORKS = (
    Network("lenet5_mnist_pytorch_fp32", "PyTorch 1.3", *_MNIST, {**_DIGITS, "resize": [32, 32]}),
    Network("mnist_cnn_cntk_fp32", "CNTK", *_MNIST, {"scale": 1.0}),
    Network("vit_mnist_fp32", "PyTorch", *_MNIST, _DIGITS),
    Network("mlperf_tiny_resnet8_cifar10_fp32_keras", "Keras", *_CIFAR, {"layout": "nhwc"}),
    Network("mlperf_tiny_resnet8_cifar10_int8qdq", "TFLite int8", *_CIFAR, _CODES),
    Network("mlperf_tiny_resnetlarge_cifar10_int8qdq", "TFLite int8", *_CIFAR, _CODES),
    Network("resnet20_cifar10_fp32", "PyTorch", *_CIFAR, _RESNET),
    Network("resnet56_cifar10_fp32", "PyTorch", *_CIFAR, _RESNET),
    Network("resnet18w32_cifar10_fp32", "PyTorch", *_CIFAR, _VGG),
    Network("vgg11_cifar10_fp32", "PyTorch", *_CIFAR, _VGG),
    Network(
        "mobilenet_v1_0.25_224_imagenet_fp32_keras",
        "Keras",
        "imagenet_sample_128",
        None,
        {"layout": "nhwc", "scale": 127.5, "mean": [1.0]},
    ),
    Network(
        "mobilenet_v2_1.0_224_imagenet_int8qdq",
        "TFLite int8",
        "imagenet_sample_128",
        None,
        {"layout": "nhwc", "label_offset": 1},
    ),
    Network("squeezenet1.0_deepcomp_imagenet_fp32", "PyTorch", "imagenet_sample_128", None, _CAFFE),
    Network("efficientnet_lite0_flowers5_fp32", "TFLite", "flowers_120", None, {"layout": "nhwc"}),
    Network(
        "efficientnet_lite0_flowers5_int8qdq",
        "TFLite int8",
        "flowers_120",
        None,
        {"layout": "nhwc"},
    ),
    Network("stories260K_llama_fp32", "PyTorch", "tinystories_tok512", metric="perplexity"),
)
SAMPLES = {"train": 1250, "test": 1000}
_WINDOW = 48  # tokens of a window of a story; none is in two
_LEAST = 16  # tokens of the shortest window
_IGNORED = -100  # label of positions behind a window


def write_data(network: Network, folder: Path, share: float = 1.0) -> list[str]:
    """Writes a network's samples and preprocessing.

    Args:
        network: The network; its data must be there.
        folder: Where the files go.
        share: How much of the usual number of samples, for short runs.

    Returns:
        The flags that name them.
    """
    arrays = _windows() if network.train.startswith("tinystories") else _images(network, share)
    np.savez(folder / "data.npz", **arrays)
    flags = ["--data", str(folder / "data.npz")]
    if network.preprocessing:
        file = folder / "preprocessing.yaml"
        file.write_text(json.dumps(network.preprocessing), encoding="utf-8")  # JSON is YAML
        flags += ["--preprocess", str(file)]
    if network.metric != "accuracy":
        flags += ["--metric", network.metric]
    return flags


def _images(network: Network, share: float) -> dict[str, np.ndarray]:
    """A prefix of each file; the one file of some networks is taken whole."""
    if network.test is None:
        with np.load(DATA / f"{network.train}.npz") as file:
            return {"x": file["x"], "y": file["y"]}
    found = {}
    for part, name in (("train", network.train), ("test", network.test)):
        count = max(16, round(SAMPLES[part] * share))
        with np.load(DATA / f"{name}.npz") as file:
            found |= {f"{key}_{part}": file[key][:count] for key in "xy"}
    return found


def _windows() -> dict[str, np.ndarray]:
    """Parts of the stories, right-padded, with the token that comes next at each position."""
    with np.load(DATA / "tinystories_tok512.npz") as file:
        stories, lengths = file["ids"].astype(np.int64), file["length"]
    tokens, labels = [], []
    for ids, length in zip(stories, lengths, strict=True):
        for start in range(0, int(length), _WINDOW):
            window = ids[start : min(int(length), start + _WINDOW + 1)]
            if len(window) < _LEAST:
                continue
            row, following = np.zeros_like(ids), np.full_like(ids, _IGNORED)
            row[: len(window) - 1], following[: len(window) - 1] = window[:-1], window[1:]
            tokens.append(row)
            labels.append(following)
    return {"x": np.stack(tokens), "y": np.stack(labels)}
