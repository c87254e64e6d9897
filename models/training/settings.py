"""What a training recipe is: a network, a preprocessing and settings, written down as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from hawx_onnx.frontend.preprocessing import Preprocessing


@dataclass(frozen=True)
class Settings:
    """Settings of one training run; the learning rate warms up, then follows a cosine to zero.

    Attributes:
        epochs: Passes over the training split.
        batch: Images in a step.
        learning_rate: Highest learning rate.
        weight_decay: Weight decay; weights alone, neither biases nor scales of normalisations.
        optimizer: ``sgd`` (Nesterov momentum 0.9) or ``adamw``.
        warm_up: Share of the steps over which the learning rate rises.
        label_smoothing: Probability mass spread over all classes.
        shift: Largest random shift along each axis, pixels; what comes in is black.
        flip: Whether half the images are mirrored.
        smallest_crop: Smallest share of the area that a random crop keeps; 1 crops nothing.
        seed: Seed of weights, order and augmentation.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    optimizer: str = "sgd"
    warm_up: float = 0.05
    label_smoothing: float = 0.0
    shift: int = 0
    flip: bool = False
    smallest_crop: float = 1.0
    seed: int = 0

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """Returns the settings with those changes that are not ``None``."""
        return replace(self, **{key: value for key, value in changes.items() if value is not None})

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as they stand in the model card."""
        return asdict(self)


@dataclass(frozen=True)
class Recipe:
    """How a reference network is trained on images of the user.

    ``hawx_onnx.models.NAME.architecture`` holds ``build(classes)``, which returns the torch module.

    Attributes:
        name: Name of the network and of its folder.
        title: Network and data in words.
        source: The publication.
        image: Channels, height and width of the network's input.
        preprocessing: From stored images, uint8, to the network's input.
        settings: The settings of the full run.
    """

    name: str
    title: str
    source: str
    image: tuple[int, int, int]
    preprocessing: Preprocessing
    settings: Settings
