"""From images as they are stored to the tensor that a model takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.frontend import preprocessing_fields
from hawx_onnx.frontend.data_types import Array, InputSpec, describe_shape
from hawx_onnx.frontend.preprocessing_resize import in_proportion, middle, resize_bilinear
from hawx_onnx.yaml_files import read_yaml


@dataclass(frozen=True)
class Preprocessing:
    """How stored images become the model's input, in the order of the steps.

    Resize, crop, pad, order the channels, divide by ``scale``, subtract ``mean``, divide by
    ``std``, order the axes, convert to the model's type (integer types are rounded and saturated).

    Attributes:
        layout: Axes of the model's input, ``nchw`` or ``nhwc``.
        data_layout: Axes of stored images of rank 4; images of rank 3 are [N, H, W].
        resize: Height and width to resize to bilinearly, or ``None``. Integer images are rounded
            to whole values afterwards, as image libraries do.
        shorter_side: Length to resize the shorter side of an image to, the other one in
            proportion; or ``None``.
        crop: Height and width of the middle to keep after that, or ``None``.
        pad: Zero pixels to add at top, bottom, left and right.
        channels: ``keep``, or ``reverse`` for a model that takes BGR while the data holds RGB.
        scale: Divisor of the stored values.
        mean: Subtracted after scaling; one value, or one for each channel.
        std: Divisor after that; one value, or one for each channel.
        value_range: Lowest and highest stored value that make sense; data beyond is refused.
        label_offset: Added to every label.
    """

    layout: str = "nchw"
    data_layout: str = "nhwc"
    resize: tuple[int, int] | None = None
    shorter_side: int | None = None
    crop: tuple[int, int] | None = None
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    channels: str = "keep"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    value_range: tuple[float, float] | None = None
    label_offset: int = 0

    def __post_init__(self) -> None:
        for key, value in preprocessing_fields.convert(vars(self), "preprocessing").items():
            object.__setattr__(self, key, value)
        preprocessing_fields.check(vars(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "preprocessing") -> Preprocessing:
        """Builds it from plain values, as they stand in YAML.

        Args:
            values: Attribute names and values; ``mean``, ``std`` and ``pad`` may be one number.
            where: What error messages name as the place.

        Raises:
            ConfigError: If a key is unknown or a value is of the wrong kind or range.
        """
        try:
            return cls(**preprocessing_fields.convert(values, where))
        except ConfigError as error:
            raise ConfigError(error.what, where=where, mend=error.mend) from error

    @classmethod
    def from_yaml(cls, path: str | Path) -> Preprocessing:
        """Reads a YAML file that holds the attributes, or a model card with ``preprocessing``.

        Raises:
            ConfigError: If the file is missing, is no YAML mapping, or holds a wrong value.
        """
        mend = f"write lines such as 'scale: 255'; keys: {', '.join(cls.keys())}"
        values, _ = read_yaml(path, mend)
        if isinstance(values, dict) and isinstance(values.get("preprocessing"), dict):
            values = values["preprocessing"]
        if not isinstance(values, dict):
            raise ConfigError(
                "not a mapping of preprocessing settings",
                where=str(path),
                mend=mend,
            )
        return cls.from_dict(values, where=str(path))

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Returns the names of the settings."""
        return tuple(cls.__dataclass_fields__)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values that ``from_dict`` takes."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in vars(self).items()
        }

    def apply(self, x: Array, input_spec: InputSpec, *, where: str = "x") -> Array:
        """Turns stored images into the model's input.

        Args:
            x: Images [N, H, W], or rank 4 in ``data_layout``; integer or float.
            input_spec: The input of the model.
            where: What error messages name as the array.

        Returns:
            An array of the model's dtype and shape.

        Raises:
            DataError: If the images have another rank, values beyond ``value_range``, another
                number of channels than ``mean`` or ``std``, are smaller than ``crop``, or do
                not end in the model's shape.
        """
        images = self._as_nhwc(x, where)
        self._check_values(images, where)
        out = self._normalised(self._framed(images))
        if self.layout == "nchw":
            out = np.moveaxis(out, 3, 1)
        if not input_spec.shape_fits(out.shape):
            raise DataError(
                f"preprocessing gives {describe_shape((None, *out.shape[1:]))}, "
                f"the model's input '{input_spec.name}' takes {input_spec.describe()}",
                where=where,
                mend="set 'resize', 'pad' or 'layout' of the preprocessing so that they agree",
            )
        return _cast(out, input_spec.dtype)

    def _framed(self, images: Array) -> Array:
        """Returns [N, H, W, C] images of the size and channel order wanted."""
        wanted = self.resize
        if self.shorter_side is not None:
            wanted = in_proportion(images.shape[1:3], self.shorter_side)
            if math.prod(wanted) > preprocessing_fields.MOST_PIXELS:
                raise DataError(
                    f"images of {list(images.shape[1:3])} would get {list(wanted)}",
                    where="'shorter_side' of the preprocessing",
                    mend="take a smaller one, or leave these images out",
                )
        if wanted is not None and images.shape[1:3] != wanted:
            images = resize_bilinear(images, wanted)
        if self.crop is not None:
            images = middle(images, self.crop)
        top, bottom, left, right = self.pad
        if any(self.pad):
            images = np.pad(images, ((0, 0), (top, bottom), (left, right), (0, 0)))
        if self.channels == "reverse":
            images = images[..., ::-1]
        return images

    def _normalised(self, images: Array) -> Array:
        """Returns float32 images, scaled and normalised."""
        out: Array = images.astype(np.float32) / np.float32(self.scale)
        out -= np.asarray(self.mean, dtype=np.float32)
        out /= np.asarray(self.std, dtype=np.float32)
        return out

    def _as_nhwc(self, x: Array, where: str) -> Array:
        """Returns the images with axes [N, H, W, C]."""
        if x.dtype.kind not in "uif" or x.ndim not in (3, 4):
            raise DataError(
                f"preprocessing needs numeric images [N, H, W] or of rank 4, "
                f"not {x.dtype} {list(x.shape)}",
                where=where,
                mend="store numbers, one image along each first axis",
            )
        if x.ndim == 3:
            return x[..., None]
        return np.moveaxis(x, 1, 3) if self.data_layout == "nchw" else x

    def _check_values(self, images: Array, where: str) -> None:
        """Refuses images whose channels or values the settings were not made for."""
        count = images.shape[3]
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, count):
                raise DataError(
                    f"'{key}' has {len(values)} values, the images have {count} channels",
                    where=where,
                    mend="set 'data_layout' to the axes of the stored images, or mend the list",
                )
        if self.value_range is None or not images.size:
            return
        low, high = float(images.min()), float(images.max())
        if low < self.value_range[0] or high > self.value_range[1]:
            raise DataError(
                f"values run from {low:g} to {high:g}, the preprocessing is made for "
                f"{self.value_range[0]:g} to {self.value_range[1]:g}",
                where=where,
                mend="give the preprocessing of this data with --preprocess FILE",
            )


def _cast(x: Array, dtype: np.dtype[Any]) -> Array:
    """Converts to the model's type, contiguous; integer types are rounded and saturated."""
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        x = np.clip(np.rint(x), limits.min, limits.max)
    return np.ascontiguousarray(x, dtype=dtype)
