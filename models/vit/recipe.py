"""The training recipe of the small vision transformer on CIFAR-10."""

from __future__ import annotations

from hawx_onnx.models.training.presets import CIFAR10
from hawx_onnx.models.training.settings import Recipe, Settings

RECIPE = Recipe(
    name="vit",
    title="Vision transformer of six blocks for 32x32 images, patches of 4x4",
    source="Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021",
    image=(3, 32, 32),
    preprocessing=CIFAR10,
    settings=Settings(
        epochs=200,
        batch=128,
        learning_rate=1e-3,
        weight_decay=0.05,
        optimizer="adamw",
        label_smoothing=0.1,
        smallest_crop=0.5,
        flip=True,
    ),
)
