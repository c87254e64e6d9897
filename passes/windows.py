"""The windows that the outputs of a convolution see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Array = npt.NDArray[Any]


def windows(x: Array, zero: int, kernel: Sequence[int], attributes: Mapping[str, Any]) -> Array:
    """Returns views of what each output of a convolution sees in one image.

    Args:
        x: The image [C, spatial...].
        zero: What padding holds.
        kernel: Sizes of the kernel.
        attributes: Those of the node.

    Returns:
        [out..., C, kernel...]
    """
    rank = len(kernel)
    strides = list(attributes.get("strides") or [1] * rank)
    dilations = list(attributes.get("dilations") or [1] * rank)
    reach = [dilation * (size - 1) + 1 for dilation, size in zip(dilations, kernel, strict=True)]
    pads = _pads(x.shape[1:], reach, strides, attributes)
    padded = np.pad(x, ((0, 0), *pads), constant_values=zero)
    axes = tuple(range(1, 1 + rank))
    views: Array = sliding_window_view(padded, reach, axes)
    index = (slice(None), *(slice(None, None, step) for step in (*strides, *dilations)))
    # [C, out..., kernel...] -> [out..., C, kernel...]
    return np.moveaxis(views[index], 0, rank)


def chosen_windows(views: Array, positions: Array) -> Array:
    """Returns the windows of some outputs: [positions, K].

    Args:
        views: [out..., C, kernel...], with as many axes behind C as before it.
        positions: Their numbers.
    """
    places = np.unravel_index(positions, views.shape[: views.ndim // 2])
    return views[places].reshape(len(positions), -1)


def _pads(
    sizes: Sequence[int],
    reach: Sequence[int],
    strides: Sequence[int],
    attributes: Mapping[str, Any],
) -> list[tuple[int, int]]:
    """Padding before and after each spatial axis."""
    auto = attributes.get("auto_pad", b"NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    if auto == "NOTSET":
        pads = list(attributes.get("pads") or [0] * (2 * len(sizes)))
        return list(zip(pads[: len(sizes)], pads[len(sizes) :], strict=True))
    result = []
    for size, extent, step in zip(sizes, reach, strides, strict=True):
        whole = 0 if auto == "VALID" else max((-(-size // step) - 1) * step + extent - size, 0)
        before = whole // 2 if auto == "SAME_UPPER" else whole - whole // 2
        result.append((before, whole - before))
    return result
