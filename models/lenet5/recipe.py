"""The whole recipe of the shipped network: load the digits, train, export, measure, write the card.

``RECIPE`` is that of the same network on images of the user, such as MNIST.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from hawx_onnx.frontend.data_types import InputSpec
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.models.lenet5.data import digits_splits
from hawx_onnx.models.lenet5.export import save_model
from hawx_onnx.models.training.presets import MNIST
from hawx_onnx.models.training.settings import Recipe, Settings

_LOG = logging.getLogger(__name__)

# Mean and standard deviation of the training images, scaled to 0..1 and resized.
MEAN = 0.3046
STD = 0.3238
PREPROCESSING = Preprocessing(
    layout="nchw",
    resize=(32, 32),
    scale=16.0,
    mean=(MEAN,),
    std=(STD,),
    value_range=(0.0, 16.0),
)
INPUT = InputSpec("input", np.dtype(np.float32), (None, 1, 32, 32))

RECIPE = Recipe(
    name="lenet5",
    title="LeNet-5 (ReLU, max pooling) for 28x28 grey images resized to 32x32",
    source="LeCun et al., Gradient-based learning applied to document recognition, 1998",
    image=(1, 32, 32),
    preprocessing=MNIST,
    settings=Settings(
        epochs=20, batch=64, learning_rate=2e-3, weight_decay=0.01, optimizer="adamw", shift=2
    ),
)

Samples = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


def model_splits() -> dict[str, Samples]:
    """Returns (x, y) of each split, x float32 [N, 1, 32, 32] as the network takes it."""
    return {
        name: (PREPROCESSING.apply(images, INPUT), labels)
        for name, (images, labels) in digits_splits().items()
    }


def run(out: Path, *, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Trains LeNet-5 on the digits and writes the ONNX file and, beside it, ``card.yaml``.

    Args:
        out: The ONNX file to write.
        changes: Settings that differ from the recipe's, by name; ``None`` changes nothing.

    Returns:
        The content of the card.
    """
    from hawx_onnx.models.lenet5 import train

    settings = train.Settings(**{k: v for k, v in (changes or {}).items() if v is not None})
    splits = model_splits()
    network = train.fit(*splits["train"], background=-MEAN / STD, settings=settings)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    save_model(weights, out)
    accuracy = {name: measure(out, splits[name]) for name in ("validation", "test")}
    card = _card(out, settings.to_dict(), accuracy)
    text = yaml.safe_dump(card, sort_keys=False, width=100, default_flow_style=None)
    (out.parent / "card.yaml").write_text(_HEAD + text, encoding="utf-8")
    _LOG.info("%s: %d of %d test samples right", out, *list(accuracy["test"].values())[:2])
    return card


def measure(model: Path, samples: Samples) -> dict[str, float]:
    """Returns how many samples onnxruntime classifies as labelled.

    Returns:
        ``correct``, ``samples`` and their ratio ``accuracy``.
    """
    import onnxruntime

    x, y = samples
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"input": x})
    correct = int((logits.argmax(axis=1) == y).sum())
    return {"correct": correct, "samples": len(y), "accuracy": round(correct / len(y), 4)}


_HEAD = "# Model card, written by `python -m hawx_onnx.models train lenet5`; see README.md.\n"


def _card(
    out: Path, training: dict[str, float], accuracy: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """Returns the content of the model card."""
    return {
        "name": "lenet5",
        "title": "LeNet-5 (ReLU, max pooling) on 8x8 handwritten digits resized to 32x32",
        "file": out.name,
        "dataset": "digits",
        "task": "classification",
        "classes": 10,
        "input": {"name": "input", "dtype": "float32", "shape": ["N", 1, 32, 32]},
        "output": {"name": "logits", "dtype": "float32", "shape": ["N", 10]},
        "preprocessing": {k: v for k, v in PREPROCESSING.to_dict().items() if v is not None},
        "parameters": 61706,
        "macs": 416520,
        "accuracy": accuracy,
        "training": {"split": "train", "samples": 799, **training},
        "license": {"weights": "Apache-2.0", "data": "CC-BY-4.0"},
    }
