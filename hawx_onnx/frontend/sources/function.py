"""Samples from a Python function, named as ``package.module:function``."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from hawx_onnx.errors import DataError, HawxError
from hawx_onnx.frontend.data_types import Array
from hawx_onnx.frontend.sources import RawData, RawPart
from hawx_onnx.frontend.sources.spool import spooled
from hawx_onnx.named_function import (
    named_function,
    working_directory_importable,
)

_LOG = logging.getLogger(__name__)


def load(spec: str) -> RawData:
    """Imports the module, calls the function without arguments, returns what it returns.

    What a generator yields, sample by sample, is written to a temporary file.
    The working directory can be imported from, as with ``python -m``.

    Raises:
        DataError: If the module or function does not exist, it fails, or it returns neither
            ``x`` nor ``(x, y)``, nor yields such for single samples.
    """
    _LOG.warning("%s: executing this Python function to get the data", spec)
    function = named_function(spec, DataError)
    try:
        with working_directory_importable():
            result = function()
    except Exception as error:
        raise DataError(
            f"the function failed: {type(error).__name__}: {error}", where=spec
        ) from error
    if isinstance(result, Iterator):
        return _generated(result, spec)
    x, y = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    part = RawPart(
        x=_array(x, spec, "x"),
        y=None if y is None else _array(y, spec, "y"),
        x_where=f"{spec}, x",
        y_where=f"{spec}, y",
    )
    return RawData(name=spec, note=f"samples returned by {spec}", parts={"all": part})


def _generated(samples: Iterator[object], spec: str) -> RawData:
    """What a generator yields."""
    try:
        with working_directory_importable():
            x, y = spooled(samples, spec)
    except (HawxError, OSError):
        raise
    except Exception as error:
        raise DataError(
            f"the generator failed: {type(error).__name__}: {error}", where=spec
        ) from error
    part = RawPart(x, y, x_where=f"{spec}, x", y_where=f"{spec}, y")
    return RawData(name=spec, note=f"samples yielded by {spec}", parts={"all": part})


def _array(value: object, spec: str, name: str) -> Array:
    """Returns a numeric array of what the function gave."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} is no array: {error}", where=spec) from error
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise DataError(
            f"{name} is {type(value).__name__}, not a numeric array of samples",
            where=spec,
            mend="return x, or a pair (x, y), of numpy arrays",
        )
    return array
