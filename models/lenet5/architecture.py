"""LeNet-5 in torch, in its ReLU and max-pool form.

After Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86(11), 1998; the trained sub-sampling, the partial
connection table and the radial-basis output of the paper are replaced by max pooling, full
connection and a linear output.
"""

from __future__ import annotations

import torch
from torch import nn


class LeNet5(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """Two convolutions and three fully connected layers.

    61,706 parameters and 416,520 MACs for 10 classes. Takes float images [N, 1, 32, 32] and gives
    logits [N, classes].
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)
        self.pool = nn.MaxPool2d(2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the logits, float [N, classes], of images [N, 1, 32, 32]."""
        maps = self.pool(torch.relu(self.conv1(images)))
        maps = self.pool(torch.relu(self.conv2(maps)))
        hidden = torch.relu(self.fc1(maps.flatten(1)))
        hidden = torch.relu(self.fc2(hidden))
        return self.fc3(hidden)


def build(classes: int) -> LeNet5:
    """Returns an untrained network."""
    return LeNet5(classes)
