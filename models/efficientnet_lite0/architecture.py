"""EfficientNet-Lite0 in torch.

After M. Tan and Q. V. Le, "EfficientNet: rethinking model scaling for convolutional neural
networks", ICML 2019, and the Lite variants that its authors published in 2020: no squeeze and
excitation, ReLU6 in place of swish, so that 8 bits hold the activations. Padding is the same on
both sides, where the original pads strided layers on one side more.
"""

from __future__ import annotations

import torch
from torch import nn

STEM, HEAD = 32, 1280
DROPOUT = 0.2
# Kernel, stride of the first block, expansion, output channels, blocks.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Returns a convolution with batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Block(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """Expansion, depthwise convolution, projection; a shortcut where the shape stays.

    Takes maps [N, inputs, H, W] and gives [N, outputs, H / stride, W / stride].
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = _conv(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = _conv(inner, inner, kernel, stride, groups=inner)
        self.project = _conv(inner, outputs, 1)
        self.act = nn.ReLU6()
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Returns the block's output."""
        inner = maps if self.expand is None else self.act(self.expand(maps))
        inner = self.project(self.act(self.depthwise(inner)))
        return maps + inner if self.shortcut else inner


class EfficientNetLite0(nn.Module):  # type: ignore[misc]
    """A convolution, sixteen blocks, a 1x1 convolution, a linear layer.

    4,652,008 parameters for 1,000 classes. Takes float images [N, 3, 224, 224] and gives logits
    [N, classes].
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = _conv(3, STEM, 3, 2)
        self.act = nn.ReLU6()
        blocks: list[nn.Module] = []
        channels = STEM
        for kernel, stride, expansion, outputs, count in STAGES:
            for index in range(count):
                blocks.append(
                    Block(channels, outputs, kernel, stride if index == 0 else 1, expansion)
                )
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = _conv(channels, HEAD, 1)
        self.dropout = nn.Dropout(DROPOUT)
        self.fc = nn.Linear(HEAD, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the logits, float [N, classes], of images [N, 3, 224, 224]."""
        maps = self.act(self.head(self.blocks(self.act(self.stem(images)))))
        pooled = nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1)
        return self.fc(self.dropout(pooled))


def build(classes: int) -> EfficientNetLite0:
    """Returns an untrained network."""
    return EfficientNetLite0(classes)
