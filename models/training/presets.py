"""Preprocessing of well-known data sets; mean and deviation are those of the training images."""

from __future__ import annotations

from hawx_onnx.frontend.preprocessing import Preprocessing

CIFAR10 = Preprocessing(
    layout="nchw",
    scale=255.0,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
    value_range=(0.0, 255.0),
)
MNIST = Preprocessing(
    layout="nchw",
    resize=(32, 32),
    scale=255.0,
    mean=(0.1307,),
    std=(0.3081,),
    value_range=(0.0, 255.0),
)
