"""Layers of known networks that kernels are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A convolution of square images, or a matrix product.

    Attributes:
        name: What it is called in results.
        op: ``conv`` or ``matmul``.
        channels: Input channels, or the depth of the product.
        filters: Output channels.
        window: Height and width of the kernel; 1 for products.
        size: Height and width of the input; 1 for products.
        pad: Padding on each side.
        groups: Groups of the convolution.
        batches: Images, or rows of the product, to measure it with.
        large: Whether the limits against the exact operator hold for it.
    """

    name: str
    op: str
    channels: int
    filters: int
    window: int = 1
    size: int = 1
    pad: int = 0
    groups: int = 1
    batches: tuple[int, ...] = (1, 16)
    large: bool = True

    @property
    def depth(self) -> int:
        """Products in one sum."""
        return self.channels // self.groups * self.window**2

    @property
    def positions(self) -> int:
        """Output positions of one image."""
        return (self.size + 2 * self.pad - self.window + 1) ** 2

    @property
    def depthwise(self) -> bool:
        """Whether each group has one channel."""
        return self.groups == self.channels > 1

    def macs(self, batch: int) -> int:
        """Products of a whole run."""
        return batch * self.positions * self.filters * self.depth


SHAPES = (
    Shape("LeNet-5 conv2", "conv", 6, 16, window=5, size=14, large=False),
    Shape("VGG-11 128->256", "conv", 128, 256, window=3, size=8, pad=1),
    Shape("ResNet-18 64->64", "conv", 64, 64, window=3, size=32, pad=1),
    Shape("ResNet-18 256->256", "conv", 256, 256, window=3, size=8, pad=1),
    Shape("pointwise 112->672", "conv", 112, 672, size=14),
    Shape("depthwise 672", "conv", 672, 672, window=5, size=14, pad=2, groups=672, large=False),
    Shape("linear 768->768", "matmul", 768, 768, batches=(128,)),
    Shape("linear row 768->768", "matmul", 768, 768, batches=(1,), large=False),
)

QUICK = ("LeNet-5 conv2", "linear row 768->768")


def named(parts: Sequence[str]) -> tuple[Shape, ...]:
    """Returns the shapes whose name holds one of the parts; all if there are none.

    Raises:
        SystemExit: A part is in no name; the text lists the names.
    """
    for part in parts:
        if not any(part.lower() in shape.name.lower() for shape in SHAPES):
            names = ", ".join(shape.name for shape in SHAPES)
            raise SystemExit(f"--shapes: no shape is called {part!r}; there are {names}")
    chosen = [s for s in SHAPES if any(part.lower() in s.name.lower() for part in parts)]
    return tuple(chosen) if parts else SHAPES
