"""The training recipe of ResNet-18 on CIFAR-10."""

from __future__ import annotations

from hawx_onnx.models.training.presets import CIFAR10
from hawx_onnx.models.training.settings import Recipe, Settings

RECIPE = Recipe(
    name="resnet18",
    title="ResNet-18 for 32x32 images",
    source="He et al., Deep residual learning for image recognition, CVPR 2016",
    image=(3, 32, 32),
    preprocessing=CIFAR10,
    settings=Settings(
        epochs=100, batch=128, learning_rate=0.1, weight_decay=5e-4, shift=4, flip=True
    ),
)
