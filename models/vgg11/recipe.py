"""The training recipe of VGG-11 on CIFAR-10."""

from __future__ import annotations

from hawx_onnx.models.training.presets import CIFAR10
from hawx_onnx.models.training.settings import Recipe, Settings

RECIPE = Recipe(
    name="vgg11",
    title="VGG-11 with batch normalisation for 32x32 images",
    source="Simonyan and Zisserman, Very deep convolutional networks, ICLR 2015",
    image=(3, 32, 32),
    preprocessing=CIFAR10,
    settings=Settings(
        epochs=100, batch=128, learning_rate=0.01, weight_decay=5e-4, shift=4, flip=True
    ),
)
