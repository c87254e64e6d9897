"""The training loop: batches, loss, optimiser, learning rate."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from hawx_onnx.errors import ConfigError
from hawx_onnx.frontend.data_types import InputSpec
from hawx_onnx.models.training.augmentation import augment
from hawx_onnx.models.training.images import Images, Rows
from hawx_onnx.models.training.settings import Recipe, Settings

_LOG = logging.getLogger(__name__)


def fit(
    network: nn.Module, images: Images, recipe: Recipe, settings: Settings, device: str
) -> list[float]:
    """Trains a network in place and leaves it in evaluation mode on the processor.

    Args:
        network: The module, float [N, C, H, W] to logits [N, classes].
        images: The training split.
        recipe: Input and preprocessing.
        settings: The settings of this run.
        device: Where to compute, as torch names it.

    Returns:
        The mean loss of each epoch.

    Raises:
        ConfigError: If the loss is no longer finite.
    """
    order = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    network.to(device).train()
    optimizer = _optimizer(network, settings)
    steps = settings.epochs * len(_batches(np.arange(len(images.labels)), settings.batch))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step, steps, settings.warm_up)
    )
    losses = []
    for epoch in range(settings.epochs):
        start, total, count = time.monotonic(), 0.0, 0
        for x, y in _prepared(images, order, recipe, settings, device):
            loss = functional.cross_entropy(network(x), y, label_smoothing=settings.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total, count = total + loss.item() * len(y), count + len(y)
        losses.append(total / count)
        _check(losses)
        seconds = time.monotonic() - start
        _LOG.info(
            "epoch %d of %d: loss %.4f, %.1f s", epoch + 1, settings.epochs, losses[-1], seconds
        )
    network.to("cpu").eval()
    return losses


def _check(losses: list[float]) -> None:
    """Refuses to go on where training diverged."""
    if not math.isfinite(losses[-1]):
        raise ConfigError(
            f"the loss is {losses[-1]} after epoch {len(losses)}",
            where="training",
            mend="give a smaller --learning-rate",
        )


def _prepared(
    images: Images, order: np.random.Generator, recipe: Recipe, settings: Settings, device: str
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Gives the batches of one epoch, normalised and augmented."""
    spec = InputSpec("input", np.dtype(np.float32), (None, *recipe.image))
    black = recipe.preprocessing.apply(np.zeros_like(images.read(np.zeros(1, np.int64))), spec)
    black_pixel = torch.tensor(black[0, :, :1, :1], device=device)
    for rows in _batches(order.permutation(len(images.labels)), settings.batch):
        x = torch.from_numpy(recipe.preprocessing.apply(images.read(rows), spec)).to(device)
        yield augment(x, black_pixel, settings), torch.from_numpy(images.labels[rows]).to(device)


def _batches(rows: Rows, size: int) -> list[Rows]:
    """Cuts indices into batches; a last one of a single image, which has no variance, is left."""
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    return parts[:-1] if len(parts) > 1 and len(parts[-1]) == 1 else parts


def _optimizer(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Returns the optimiser; vectors, which are biases and scales, do not decay."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=settings.learning_rate)
    return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=0.9, nesterov=True)


def _rate(step: int, steps: int, warm_up: float) -> float:
    """Returns the factor of the learning rate: linear warm-up, then cosine to zero."""
    warm = max(1, int(steps * warm_up))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
