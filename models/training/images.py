"""Labelled images of one split, in memory or in files that are decoded as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hawx_onnx.errors import DataError

Rows = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]


class Images(Protocol):
    """Images of one split."""

    @property
    def labels(self) -> Rows:
        """Classes, int64 [N]."""

    def read(self, rows: Rows) -> Pixels:
        """Returns images [n, H, W] or [n, H, W, 3] by index."""


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """Images in memory.

    Attributes:
        pixels: uint8 [N, H, W] or [N, H, W, 3].
        labels: Classes, int64 [N].
    """

    pixels: Pixels
    labels: Rows

    def read(self, rows: Rows) -> Pixels:
        """Returns images by index."""
        return self.pixels[rows]

    def take(self, rows: Rows) -> ArrayImages:
        """Returns some of the images as a split of its own."""
        return ArrayImages(self.pixels[rows], self.labels[rows])


@dataclass(frozen=True, eq=False)
class FileImages:
    """Images in files, never all in memory.

    The largest square in the middle is cut out and resized, since a batch has one size.

    Attributes:
        paths: The files.
        labels: Classes, int64 [N].
        size: Height and width in pixels.
    """

    paths: Sequence[Path]
    labels: Rows
    size: int

    def read(self, rows: Rows) -> Pixels:
        """Decodes images by index, uint8 [n, size, size, 3].

        Raises:
            DataError: If a file is no image.
        """
        return np.stack([_decode(self.paths[row], self.size) for row in rows])

    def take(self, rows: Rows) -> FileImages:
        """Returns some of the images as a split of its own."""
        return FileImages([self.paths[row] for row in rows], self.labels[rows], self.size)


def _decode(path: Path, size: int) -> Pixels:
    """Reads one image file as RGB."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            fitted = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BILINEAR)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"no readable image: {error}", where=str(path), mend="remove the file, or mend it"
        ) from error
    return np.asarray(fitted, np.uint8)
