"""The training recipe of LeNet-5 on the digits data set.

799 training images, each epoch warped anew by a random small rotation, scaling, shear and shift;
Adam with a one-cycle-like schedule (short warm-up, cosine to zero); an exponential moving average
of the weights is what gets exported. Settings were chosen on the validation split; the test split
is measured once, at the end.
"""

from __future__ import annotations

import copy
import logging
import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch.nn import functional

from hawx_onnx.models.lenet5.architecture import LeNet5

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Settings of one training run.

    Attributes:
        epochs: Passes over the training split.
        seed: Seed of initial weights, order and augmentation.
        batch: Samples in a step.
        learning_rate: Highest learning rate of Adam.
        weight_decay: Decoupled weight decay.
        label_smoothing: Probability mass spread over all classes.
        rotation: Largest rotation, degrees.
        scaling: Largest relative change of size.
        shear: Largest shear.
        shift: Largest shift, pixels of the 32 x 32 image.
        average_decay: Decay of the moving average of the weights, per step.
    """

    epochs: int = 120
    seed: int = 0
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    rotation: float = 15.0
    scaling: float = 0.12
    shear: float = 0.15
    shift: float = 3.0
    average_decay: float = 0.995

    def to_dict(self) -> dict[str, float]:
        """Returns the settings as they stand in the model card."""
        return asdict(self)


def fit(x: np.ndarray, y: np.ndarray, background: float, settings: Settings) -> LeNet5:
    """Trains a network and returns the moving average of its weights.

    Args:
        x: Training images, normalised, float32 [N, 1, 32, 32].
        y: Classes, int64 [N].
        background: Normalised value of an empty pixel, for what a warp brings in.
        settings: The recipe.
    """
    torch.manual_seed(settings.seed)
    images, labels = torch.tensor(x), torch.tensor(y)
    network = LeNet5()
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps = settings.epochs * math.ceil(len(x) / settings.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    done = 0
    for epoch in range(settings.epochs):
        total = 0.0
        for rows in torch.randperm(len(images)).split(settings.batch):
            warped = warp(images[rows] - background, settings) + background
            loss = functional.cross_entropy(
                network(warped), labels[rows], label_smoothing=settings.label_smoothing
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
            # A decay that grows from 0 keeps the initial weights out of the average.
            _average(average, network, min(settings.average_decay, done / (done + 10.0)))
            total += loss.item() * len(rows)
        if (epoch + 1) % 20 == 0 or epoch + 1 == settings.epochs:
            _LOG.info("epoch %d: loss %.4f", epoch + 1, total / len(images))
    average.eval()
    return average


def warp(images: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Returns the images under random affine maps; what comes in from outside is 0."""
    count, size = len(images), images.shape[-1]

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(count) * 2 - 1) * limit

    angle = uniform(math.radians(settings.rotation))
    across, down = 1 + uniform(settings.scaling), 1 + uniform(settings.scaling)
    shear = uniform(settings.shear)
    cos, sin = torch.cos(angle), torch.sin(angle)
    first = torch.stack(
        [cos * across, (shear * cos - sin) * down, uniform(settings.shift) * 2 / size], 1
    )
    second = torch.stack(
        [sin * across, (shear * sin + cos) * down, uniform(settings.shift) * 2 / size], 1
    )
    grid = functional.affine_grid(
        torch.stack([first, second], 1), list(images.shape), align_corners=False
    )
    return functional.grid_sample(images, grid, align_corners=False)


def _rate(step: int, steps: int) -> float:
    """Returns the factor of the learning rate: linear warm-up over 5 %, then cosine to zero."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _average(average: LeNet5, network: LeNet5, decay: float) -> None:
    """Moves the average a step towards the network's weights."""
    with torch.no_grad():
        for mean, value in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
