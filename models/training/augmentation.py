"""Random changes of training images, a batch at a time, all on the device that trains."""

from __future__ import annotations

import torch
from torch.nn import functional

from hawx_onnx.models.training.settings import Settings

# Width to height of random crops, as in "Going deeper with convolutions", CVPR 2015.
_ASPECT = (3 / 4, 4 / 3)


def augment(images: torch.Tensor, black: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Returns the batch as the settings want it changed.

    Args:
        images: Normalised images [N, C, H, W].
        black: What a black pixel becomes, [C, 1, 1], for what a shift brings in.
        settings: ``shift``, ``flip`` and ``smallest_crop``.
    """
    if settings.smallest_crop < 1:
        images = _crop(images, settings.smallest_crop)
    if settings.shift:
        images = _shift(images - black, settings.shift) + black
    if settings.flip:
        mirrored = torch.rand(len(images), device=images.device) < 0.5
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    return images


def _shift(images: torch.Tensor, most: int) -> torch.Tensor:
    """Returns each image moved by whole pixels; what comes in from outside is 0."""
    count, _, height, width = images.shape
    padded = functional.pad(images, [most] * 4)
    down, across = torch.randint(0, 2 * most + 1, (2, count, 1), device=images.device)
    rows = down + torch.arange(height, device=images.device)
    columns = across + torch.arange(width, device=images.device)
    index = torch.arange(count, device=images.device)[:, None, None]
    # Index arrays on both sides of a slice put the channels last.
    return padded[index, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _crop(images: torch.Tensor, smallest: float) -> torch.Tensor:
    """Returns random parts of the images, stretched to the size of the whole."""
    count = len(images)

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, device=images.device)

    area = uniform(smallest, 1.0)
    aspect = uniform(*_ASPECT)
    across = (area * aspect).sqrt().clamp(max=1.0)
    down = (area / aspect).sqrt().clamp(max=1.0)
    none = torch.zeros_like(area)
    # Grid coordinates run from -1 to 1: a part of share s has room for shifts of 1 - s.
    first = torch.stack([across, none, (1 - across) * uniform(-1, 1)], 1)
    second = torch.stack([none, down, (1 - down) * uniform(-1, 1)], 1)
    grid = functional.affine_grid(
        torch.stack([first, second], 1), list(images.shape), align_corners=False
    )
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
