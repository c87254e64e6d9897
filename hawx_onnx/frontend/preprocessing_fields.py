"""Checks and conversions of the preprocessing settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names

_CHOICES = {
    "layout": ("nchw", "nhwc"),
    "data_layout": ("nhwc", "nchw"),
    "channels": ("keep", "reverse"),
}
# Lengths that a list of numbers may have; one number alone stands for that many.
_LENGTHS: dict[str, tuple[int, ...]] = {
    "resize": (2,),
    "crop": (2,),
    "pad": (4,),
    "mean": (1, 3, 4, 2),
    "std": (1, 3, 4, 2),
    "value_range": (2,),
}
_SCALARS = ("scale", "label_offset", "shorter_side")
_WHOLE = ("resize", "crop", "shorter_side", "pad", "label_offset")
_OPTIONAL = ("resize", "crop", "shorter_side", "value_range")
KEYS = (*_CHOICES, *_LENGTHS, *_SCALARS)
MOST_EXTENT = 1 << 14
"""Pixels that images may be high or wide."""
MOST_PIXELS = 1 << 26
"""Pixels that images may have."""


def convert(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns keyword arguments for ``Preprocessing`` from plain YAML values.

    Raises:
        ConfigError: If a key is unknown or a value is of the wrong kind.
    """
    return {key: _convert_one(key, value, where) for key, value in values.items()}


def check(values: Mapping[str, Any]) -> None:
    """Checks the values of a ``Preprocessing``.

    Raises:
        ConfigError: If a value is out of its range.
    """
    for key, choices in _CHOICES.items():
        if values[key] not in choices:
            raise ConfigError(
                f"'{key}' is {values[key]!r}",
                where="preprocessing",
                mend=f"take one of: {', '.join(choices)}",
            )
    for key in ("resize", "crop", "shorter_side"):
        if values[key] is not None and np.min(values[key]) < 1:
            raise ConfigError(f"'{key}' must be positive", where="preprocessing")
    for key in ("resize", "crop", "shorter_side", "pad"):
        if values[key] is not None and np.max(values[key]) > MOST_EXTENT:
            raise ConfigError(f"'{key}' must be at most {MOST_EXTENT:,}", where="preprocessing")
    if values["resize"] is not None and math.prod(values["resize"]) > MOST_PIXELS:
        raise ConfigError(f"'resize' gives more than {MOST_PIXELS:,} pixels", where="preprocessing")
    if values["resize"] is not None and values["shorter_side"] is not None:
        raise ConfigError(
            "'resize' and 'shorter_side' exclude each other",
            where="preprocessing",
            mend="'shorter_side' keeps the proportions, 'resize' does not",
        )
    if min(values["pad"]) < 0:
        raise ConfigError("'pad' must not be negative", where="preprocessing")
    if values["scale"] == 0 or 0 in values["std"]:
        raise ConfigError("'scale' and 'std' must not be 0", where="preprocessing")
    span = values["value_range"]
    if span is not None and span[0] >= span[1]:
        raise ConfigError("'value_range' must be [lowest, highest]", where="preprocessing")


def _convert_one(key: str, value: object, where: str) -> object:
    """Converts one setting: a word, a number, or a tuple of numbers."""
    if key not in KEYS:
        raise ConfigError(
            f"unknown preprocessing setting {key!r}",
            where=where,
            mend=close_names(str(key), KEYS),
        )
    if key in _CHOICES:
        if not isinstance(value, str):
            raise ConfigError(f"'{key}' must be one of {', '.join(_CHOICES[key])}", where=where)
        return value.lower()
    if value is None and key in _OPTIONAL:
        return None
    if key in _SCALARS:
        return _number(key, value, where)
    if isinstance(value, (list, tuple)):
        if len(value) not in _LENGTHS[key]:
            wanted = " or ".join(str(n) for n in sorted(_LENGTHS[key]))
            raise ConfigError(f"'{key}' has {len(value)} values, not {wanted}", where=where)
        return tuple(_number(key, item, where) for item in value)
    return (_number(key, value, where),) * _LENGTHS[key][0]


def _number(key: str, value: object, where: str) -> int | float:
    """Returns a finite number, whole where the setting needs it."""
    kinds = "a whole number" if key in _WHOLE else "a number"
    allowed = int if key in _WHOLE else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not math.isfinite(value):
        raise ConfigError(f"'{key}' must be {kinds}, not {value!r}", where=where)
    return value if key in _WHOLE else float(value)
