"""VGG-11 in torch, in the form that images of 32 x 32 pixels take.

After K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image
recognition", ICLR 2015, configuration A; each convolution is followed by batch normalisation, and
one linear layer takes the place of three, since five poolings leave a single position.
"""

from __future__ import annotations

import torch
from torch import nn

# Output channels of the convolutions; 0 stands for a max pooling.
LAYERS = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0)


class VGG11(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """Eight convolutions and a linear layer, 9,228,362 parameters for 10 classes.

    Takes float images [N, 3, 32, 32] and gives logits [N, classes].
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in LAYERS:
            if width == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the logits, float [N, classes], of images [N, 3, 32, 32]."""
        return self.classifier(self.features(images).flatten(1))


def build(classes: int) -> VGG11:
    """Returns an untrained network."""
    return VGG11(classes)
