"""Bilinear resizing of image batches as two small matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hawx_onnx.errors import DataError

_BATCH = 2048
# Pixels that are resized at once; larger images are by bands of rows, which take less memory.
_BAND = 1 << 22


def resize_bilinear(
    images: npt.NDArray[np.generic], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Resizes images bilinearly with half-pixel centres.

    The triangle filter is widened when an axis shrinks, as image libraries do. Integer images are
    rounded to whole values after each axis (columns first), which is how 8-bit image libraries
    resize them; float images are not rounded.

    Args:
        images: [N, H, W, C], integer or float.
        size: The height and width wanted.

    Returns:
        float32 [N, height, width, C].
    """
    rows = bilinear_matrix(images.shape[1], size[0])
    columns = bilinear_matrix(images.shape[2], size[1])
    rounds = np.issubdtype(images.dtype, np.integer)
    out = np.empty((len(images), *size, images.shape[3]), dtype=np.float32)
    height, width = images.shape[1:3]
    large = height * width > _BAND
    step, band = (1, max(1, _BAND // width)) if large else (_BATCH, height)
    for start in range(0, len(images), step):
        narrow = [
            _apply(columns, part.astype(np.float64), axis=2, rounds=rounds)
            for top in range(0, height, band)
            for part in [images[start : start + step, top : top + band]]
        ]
        batch = narrow[0] if len(narrow) == 1 else np.concatenate(narrow, axis=1)
        out[start : start + step] = _apply(rows, batch, axis=1, rounds=rounds)
    return out


def in_proportion(size: tuple[int, ...], shorter: int) -> tuple[int, int]:
    """Height and width whose shorter one is given, in proportion, cut to whole pixels."""
    height, width = size
    if height <= width:
        return shorter, int(shorter * width / height)
    return int(shorter * height / width), shorter


def middle(images: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """The middle of images [N, H, W, C], as torchvision crops it: half a pixel is rounded to even.

    Raises:
        DataError: The images are smaller.
    """
    if images.shape[1] < size[0] or images.shape[2] < size[1]:
        raise DataError(
            f"images of {images.shape[1]} x {images.shape[2]} are smaller than 'crop', "
            f"{size[0]} x {size[1]}",
            where="preprocessing",
            mend="set 'shorter_side' or 'resize' to the crop's size or more",
        )
    top, left = (
        round((have - want) / 2) for have, want in zip(images.shape[1:3], size, strict=True)
    )
    return images[:, top : top + size[0], left : left + size[1]]


def bilinear_matrix(source: int, target: int) -> npt.NDArray[np.float64]:
    """Returns the weights [target, source] of one axis; each row sums to 1.

    At the borders the filter is cut and renormalised, which for enlarging equals repeating the
    edge sample.
    """
    step = source / target
    radius = max(step, 1.0)
    centres = (np.arange(target) + 0.5) * step
    distance = np.abs(np.arange(source) + 0.5 - centres[:, None]) / radius
    weights = np.maximum(1.0 - distance, 0.0)
    normalised: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _apply(
    weights: npt.NDArray[np.float64], images: npt.NDArray[np.float64], *, axis: int, rounds: bool
) -> npt.NDArray[np.float64]:
    """Multiplies one axis of the images by the weights, rounding half up where asked."""
    out = np.moveaxis(np.tensordot(weights, images, axes=(1, axis)), 0, axis)
    return np.floor(out + 0.5) if rounds else out
