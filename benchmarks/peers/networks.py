"""Layers of LeNet-5, VGG-11 and ResNet-18 as hardware models see them, from their papers."""

from __future__ import annotations

from dataclasses import replace

from hawx_onnx.hardware import Geometry, LayerWorkload

VGG11_STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))
RESNET18_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))


def conv(
    name: str,
    channels: int,
    filters: int,
    size: int,
    kernel: int,
    stride: int = 1,
    pad: int = 0,
    sources: tuple[str, ...] | None = None,
) -> LayerWorkload:
    """A convolution of square images; size is that of the input without its padding."""
    out = (size + 2 * pad - kernel) // stride + 1
    images = Geometry(channels, size, size, out, kernel, kernel)
    window = kernel * kernel * channels
    return LayerWorkload(name, "Conv", out * out, filters, window, geometry=images, sources=sources)


def linear(name: str, inputs: int, outputs: int) -> LayerWorkload:
    """A fully connected layer."""
    return LayerWorkload(name, "Gemm", 1, outputs, inputs)


def lenet5() -> tuple[LayerWorkload, ...]:
    """LeNet-5 on 28 x 28 images that are padded to 32 x 32 (LeCun et al., 1998)."""
    return (
        conv("conv1", 1, 6, 28, 5, pad=2),
        conv("conv2", 6, 16, 14, 5),
        linear("fc1", 400, 120),
        linear("fc2", 120, 84),
        linear("fc3", 84, 10),
    )


def vgg11(size: int = 32, classes: int = 10) -> tuple[LayerWorkload, ...]:
    """VGG-11 on images of so many pixels a side (Simonyan, Zisserman, 2015), one linear layer."""
    layers, channels = [], 3
    for stage in VGG11_STAGES:
        for filters in stage:
            layers.append(conv(f"conv{len(layers) + 1}", channels, filters, size, 3, pad=1))
            channels = filters
        size //= 2
    return (*layers, linear("fc", channels * size * size, classes))


def resnet18(size: int = 32, classes: int = 10) -> tuple[LayerWorkload, ...]:
    """ResNet-18 (He et al., 2016): with the stem for CIFAR at 32 pixels, else for ImageNet."""
    if size == 32:
        layers = [conv("stem", 3, 64, size, 3, pad=1, sources=())]
    else:
        layers = [conv("stem", 3, 64, size, 7, stride=2, pad=3, sources=())]
        size //= 4
    channels, reads = 64, ("stem",)
    for stage, (filters, first) in enumerate(RESNET18_STAGES, 1):
        for block, stride in enumerate((first, 1), 1):
            name = f"stage{stage}.{block}"
            one, two, skip = (f"{name}.{part}" for part in ("conv1", "conv2", "skip"))
            layers.append(conv(one, channels, filters, size, 3, stride, pad=1, sources=reads))
            if stride > 1:
                layers.append(conv(skip, channels, filters, size, 1, stride, sources=reads))
                reads = (skip,)
            size //= stride
            layers.append(conv(two, filters, filters, size, 3, pad=1, sources=(one,)))
            channels, reads = filters, (two, *reads)
    return (*layers, replace(linear("fc", channels, classes), sources=reads))
