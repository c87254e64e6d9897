"""A small vision transformer in torch.

After A. Dosovitskiy et al., "An image is worth 16x16 words: transformers for image recognition at
scale", ICLR 2021, with patches of 4x4 pixels and the mean over all tokens in place of a class
token, as in L. Beyer, X. Zhai and A. Kolesnikov, "Better plain ViT baselines for ImageNet-1k",
2022. Attention is written out, so that its two products of activations are plain nodes in the ONNX
graph.
"""

from __future__ import annotations

import torch
from torch import nn

SIZE, PATCH = 32, 4
WIDTH, DEPTH, HEADS, EXPANSION = 128, 6, 4, 2
TOKENS = (SIZE // PATCH) ** 2


class Attention(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """Self-attention of several heads; takes and gives tokens [N, TOKENS, WIDTH]."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns each token as a mixture of all."""
        query, key, value = (
            layer(tokens).reshape(-1, TOKENS, HEADS, WIDTH // HEADS).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        weights = torch.softmax(query @ key.transpose(2, 3) * (WIDTH // HEADS) ** -0.5, dim=3)
        return self.out((weights @ value).transpose(1, 2).reshape(-1, TOKENS, WIDTH))


class Block(nn.Module):  # type: ignore[misc]
    """Attention and a perceptron of two layers, each with a shortcut around it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, WIDTH * EXPANSION)
        self.fc2 = nn.Linear(WIDTH * EXPANSION, WIDTH)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns the tokens [N, TOKENS, WIDTH] that the next block takes."""
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.fc2(nn.functional.gelu(self.fc1(self.norm2(tokens))))


class VisionTransformer(nn.Module):  # type: ignore[misc]
    """Patches, six blocks, the mean, a linear layer; 810,890 parameters for 10 classes.

    Takes float images [N, 3, 32, 32] and gives logits [N, classes].
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.position = nn.Parameter(torch.randn(1, TOKENS, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the logits, float [N, classes], of images [N, 3, 32, 32]."""
        tokens = self.patches(images).reshape(-1, WIDTH, TOKENS).transpose(1, 2) + self.position
        return self.head(self.norm(self.blocks(tokens)).mean(dim=1))


def build(classes: int) -> VisionTransformer:
    """Returns an untrained network."""
    return VisionTransformer(classes)
