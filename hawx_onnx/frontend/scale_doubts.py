"""Stored samples whose values do not look like what the preprocessing is made for."""

from __future__ import annotations

import numpy as np

from hawx_onnx.frontend.data_types import Array, InputSpec
from hawx_onnx.frontend.preprocessing import Preprocessing

# A divisor from which on values up to 1 were divided already: 255, 256, 127.5 and the like.
_LARGE_SCALE = 16
_BRIGHTEST = 255
_LOOKED_AT = 512  # samples


def unscaled(x: Array, input_spec: InputSpec, where: str) -> str:
    """Tells of images as they are stored, handed to a network as they are; nothing if all is well.

    Args:
        x: Samples in the model's form, that no preprocessing was given for.
        input_spec: The input of the model.
        where: File and array.
    """
    if x.dtype.kind != "f" or input_spec.dtype.kind != "f" or x.ndim != 4 or not x.size:
        return ""
    few = x[:_LOOKED_AT]
    low, high = float(few.min()), float(few.max())
    if low < 0 or not _BRIGHTEST / 2 < high <= _BRIGHTEST or (few != np.rint(few)).any():
        return ""
    return (
        f"{where} holds whole numbers up to {high:g}, as images are stored, and there is no "
        "preprocessing; most networks take values around 0 to 1: --preprocess scales them"
    )


def scaled_twice(x: Array, chosen: Preprocessing, where: str) -> str:
    """Tells of samples that look as if the preprocessing had been applied; nothing if not.

    Args:
        x: Samples as they are stored.
        chosen: What they go through.
        where: File and array.
    """
    if x.dtype.kind not in "uif" or not x.size:
        return ""
    low, high = float(x[:_LOOKED_AT].min()), float(x[:_LOOKED_AT].max())
    told = f"values of {where} run from {low:.3g} to {high:.3g}, and the preprocessing"
    if chosen.scale >= _LARGE_SCALE and max(abs(low), abs(high)) <= 1:
        return f"{told} divides them by {chosen.scale:g}: they look scaled already"
    if low < 0 and min(chosen.mean) > 0:
        return f"{told} subtracts the mean of values that are not negative: they look normalised"
    return ""
