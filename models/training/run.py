"""The whole of a recipe: load, train, export, measure with onnxruntime, write the card."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hawx_onnx.errors import ConfigError
from hawx_onnx.frontend.data_types import InputSpec
from hawx_onnx.models.training import data as training_data
from hawx_onnx.models.training.export import check_agreement, export
from hawx_onnx.models.training.images import Images
from hawx_onnx.models.training.loop import fit
from hawx_onnx.models.training.settings import Recipe
from hawx_onnx.report import atomic_write_bytes, atomic_write_text

_LOG = logging.getLogger(__name__)
_BATCH = 64


def run(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    changes: Mapping[str, Any] | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Trains a network and writes the ONNX file and, beside it, ``card.yaml``.

    Args:
        recipe: The network's recipe.
        data: A file or folder of images: ``hawx_onnx.models.training.data.FORMS``.
        out: The ONNX file to write.
        changes: Settings that differ from the recipe's, by name.
        device: Where to train, as torch names it; by default a CUDA device where there is one.

    Returns:
        The content of the card.

    Raises:
        DataError: If the data is missing, damaged, or not made for the network.
        ConfigError: If the device is not there, the file cannot be written, or training diverges.
    """
    settings = recipe.settings.changed(changes or {})
    chosen = _device(device)
    images = training_data.load(data, recipe.image[1])
    first = _prepared(images.validation, recipe, np.arange(min(4, len(images.validation.labels))))
    torch.manual_seed(settings.seed)
    module = importlib.import_module(f"hawx_onnx.models.{recipe.name}.architecture")
    network = module.build(images.classes)
    losses = fit(network, images.train, recipe, settings, chosen)
    model = export(network, recipe.image, recipe.name)
    atomic_write_bytes(out, model.SerializeToString(deterministic=True))
    check_agreement(network, out, first)
    accuracy = {
        name: measure(out, getattr(images, name), recipe) for name in ("validation", "test")
    }
    training = {
        "data": images.name,
        "samples": len(images.train.labels),
        **settings.to_dict(),
        "final_loss": round(losses[-1], 4),
        "torch": str(torch.__version__),
    }
    parameters = sum(value.numel() for value in network.parameters())
    card = _card(recipe, out, images.classes, parameters, accuracy, training)
    _write_card(card, out.parent / "card.yaml")
    _LOG.info("%s: %d of %d test images right", out, *list(accuracy["test"].values())[:2])
    return card


def measure(model: Path, images: Images, recipe: Recipe) -> dict[str, float]:
    """Returns how many images onnxruntime classifies as labelled, a batch at a time.

    Returns:
        ``correct``, ``samples`` and their ratio ``accuracy``.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    correct, total = 0, len(images.labels)
    for start in range(0, total, _BATCH):
        rows = np.arange(start, min(start + _BATCH, total))
        (logits,) = session.run(["logits"], {"input": _prepared(images, recipe, rows)})
        correct += int((logits.argmax(axis=1) == images.labels[rows]).sum())
    return {"correct": correct, "samples": total, "accuracy": round(correct / total, 4)}


def _prepared(images: Images, recipe: Recipe, rows: np.ndarray) -> np.ndarray:
    """Returns images as the network takes them, float32 [n, C, H, W]."""
    spec = InputSpec("input", np.dtype(np.float32), (None, *recipe.image))
    return recipe.preprocessing.apply(images.read(rows), spec, where="the training data")


def _device(name: str | None) -> str:
    """Returns the device to train on."""
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"torch cannot compute there: {str(error).splitlines()[0]}",
            where=f"--device {name}",
            mend="take cpu, or leave the flag out",
        ) from error
    return name


def _card(
    recipe: Recipe,
    out: Path,
    classes: int,
    parameters: int,
    accuracy: dict[str, dict[str, float]],
    training: dict[str, Any],
) -> dict[str, Any]:
    """Returns the content of the model card."""
    return {
        "name": recipe.name,
        "title": recipe.title,
        "source": recipe.source,
        "file": out.name,
        "task": "classification",
        "classes": classes,
        "input": {"name": "input", "dtype": "float32", "shape": ["N", *recipe.image]},
        "output": {"name": "logits", "dtype": "float32", "shape": ["N", classes]},
        "preprocessing": {
            key: value for key, value in recipe.preprocessing.to_dict().items() if value is not None
        },
        "parameters": parameters,
        "accuracy": accuracy,
        "training": training,
    }


def _write_card(card: dict[str, Any], path: Path) -> None:
    """Writes the card as YAML."""
    import yaml

    head = f"# Model card, written by `python -m hawx_onnx.models train {card['name']}`.\n"
    text = yaml.safe_dump(card, sort_keys=False, width=100, default_flow_style=None)
    atomic_write_text(path, head + text)
