"""ResNet-18 in torch, in the form that images of 32 x 32 pixels take.

After K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", CVPR 2016;
the first convolution is 3x3 without stride and without a pooling after it, as in the paper's own
networks for CIFAR-10.
"""

from __future__ import annotations

import torch
from torch import nn

WIDTHS = (64, 128, 256, 512)


class Block(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """Two 3x3 convolutions and a shortcut, 1x1 where the shape changes.

    Takes maps [N, inputs, H, W] and gives [N, outputs, H / stride, W / stride].
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Returns the block's output."""
        inner = torch.relu(self.bn1(self.conv1(maps)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(maps))


class ResNet18(nn.Module):  # type: ignore[misc]
    """A convolution, four stages of two blocks, a linear layer.

    11,173,962 parameters for 10 classes. Takes float images [N, 3, 32, 32] and gives logits
    [N, classes].
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        stages: list[nn.Module] = []
        channels = WIDTHS[0]
        for index, width in enumerate(WIDTHS):
            stride = 1 if index == 0 else 2
            stages.append(nn.Sequential(Block(channels, width, stride), Block(width, width, 1)))
            channels = width
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the logits, float [N, classes], of images [N, 3, 32, 32]."""
        maps = self.stages(torch.relu(self.bn1(self.conv1(images))))
        return self.fc(nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1))


def build(classes: int) -> ResNet18:
    """Returns an untrained network."""
    return ResNet18(classes)
