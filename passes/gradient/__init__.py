"""Reverse mode as a graph pass: vector-Jacobian products in standard ops, run by onnxruntime."""

from __future__ import annotations

from hawx_onnx.passes.gradient.build import Gradient, build_gradient
from hawx_onnx.passes.gradient.split import SplitGradient, split_gradient

__all__ = ["Gradient", "SplitGradient", "build_gradient", "split_gradient"]
