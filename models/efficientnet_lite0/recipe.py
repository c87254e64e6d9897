"""The training recipe of EfficientNet-Lite0 on ImageNet, or on image folders of one's own."""

from __future__ import annotations

from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.models.training.settings import Recipe, Settings

RECIPE = Recipe(
    name="efficientnet_lite0",
    title="EfficientNet-Lite0 for 224x224 images",
    source="Tan and Le, EfficientNet, ICML 2019, in the Lite form of 2020",
    image=(3, 224, 224),
    preprocessing=Preprocessing(
        layout="nchw",
        resize=(224, 224),
        scale=255.0,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        value_range=(0.0, 255.0),
    ),
    settings=Settings(
        epochs=150,
        batch=128,
        learning_rate=0.1,
        weight_decay=2e-5,
        label_smoothing=0.1,
        smallest_crop=0.2,
        flip=True,
    ),
)
