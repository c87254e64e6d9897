"""Samples from a Python function, named as ``package.module:function``."""

from __future__ import annotations

import importlib
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array
from hawx_onnx.frontend.sources import RawData, RawPart
from hawx_onnx.names import close_names

_LOG = logging.getLogger(__name__)
_PATTERN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_spec(spec: str) -> bool:
    """Tells whether the text has the form ``package.module:function``."""
    return _PATTERN.fullmatch(spec) is not None


def load(spec: str) -> RawData:
    """Imports the module, calls the function without arguments, returns what it returns.

    The working directory can be imported from, as with ``python -m``.

    Raises:
        DataError: If the module or function does not exist, it fails, or it returns neither
            ``x`` nor ``(x, y)``.
    """
    _LOG.warning("%s: executing this Python function to get the data", spec)
    function = _resolve(spec)
    try:
        with _working_directory_importable():
            result = function()
    except Exception as error:
        raise DataError(
            f"the function failed: {type(error).__name__}: {error}", where=spec
        ) from error
    x, y = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    part = RawPart(
        x=_array(x, spec, "x"),
        y=None if y is None else _array(y, spec, "y"),
        x_where=f"{spec}, x",
        y_where=f"{spec}, y",
    )
    return RawData(name=spec, note=f"samples returned by {spec}", parts={"all": part})


def _resolve(spec: str) -> Callable[[], Any]:
    """Returns the function that the text names."""
    module_name, function_name = spec.split(":")
    try:
        with _working_directory_importable():
            module = importlib.import_module(module_name)
    except Exception as error:
        raise DataError(
            f"module '{module_name}' cannot be imported: {type(error).__name__}: {error}",
            where=spec,
            mend="install the module, or run where it can be imported from",
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        names = [name for name, value in vars(module).items() if callable(value)]
        raise DataError(
            f"module '{module_name}' has no function '{function_name}'",
            where=spec,
            mend=close_names(function_name, names),
        )
    return function  # type: ignore[no-any-return]


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


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """Puts the working directory at the end of the import path for a while."""
    entry = str(Path.cwd())
    sys.path.append(entry)
    try:
        yield
    finally:
        if entry in sys.path:
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(entry)]
