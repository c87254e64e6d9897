"""Samples from a Python function, named as ``package.module:function``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from hawx_onnx.errors import DataError, HawxError
from hawx_onnx.frontend.data_types import Array, InputSpec
from hawx_onnx.frontend.sources import RawData, RawPart
from hawx_onnx.frontend.sources.several_inputs import numeric, records
from hawx_onnx.frontend.sources.spool import spooled
from hawx_onnx.named_function import (
    named_function,
    working_directory_importable,
)

_LOG = logging.getLogger(__name__)


def load(spec: str, inputs: InputSpec) -> RawData:
    """Imports the module, calls the function without arguments, returns what it returns.

    What a generator yields, sample by sample, is written to a temporary file.
    The working directory can be imported from, as with ``python -m``.

    Args:
        spec: Module and function.
        inputs: Of the model; of several, ``x`` maps their names to arrays.

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
        return _generated(result, spec, inputs)
    x, y = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    part = RawPart(
        x=_samples(x, spec, inputs),
        y=None if y is None else _array(y, spec, "y"),
        x_where=f"{spec}, x",
        y_where=f"{spec}, y",
    )
    return RawData(name=spec, note=f"samples returned by {spec}", parts={"all": part})


def _generated(samples: Iterator[object], spec: str, inputs: InputSpec) -> RawData:
    """What a generator yields."""
    try:
        with working_directory_importable():
            x, y = spooled(samples, spec, inputs)
    except (HawxError, OSError):
        raise
    except Exception as error:
        raise DataError(
            f"the generator failed: {type(error).__name__}: {error}", where=spec
        ) from error
    part = RawPart(x, y, x_where=f"{spec}, x", y_where=f"{spec}, y")
    return RawData(name=spec, note=f"samples yielded by {spec}", parts={"all": part})


def _samples(x: object, spec: str, inputs: InputSpec) -> Array:
    """Samples: an array, or one for each input by its name."""
    if not isinstance(x, Mapping):
        return _array(x, spec, "x")
    arrays = {str(name): _array(value, spec, f"x['{name}']") for name, value in x.items()}
    return records(arrays, inputs, f"{spec}, x", "return one array for each input, by its name")


def _array(value: object, spec: str, name: str) -> Array:
    """Returns a numeric array of what the function gave."""
    array = numeric(value, f"{spec}, {name}")
    if array.ndim == 0:
        raise DataError(
            f"is one {type(value).__name__}, not an array of samples",
            where=f"{spec}, {name}",
            mend="return x, or a pair (x, y), of numpy arrays",
        )
    return array
