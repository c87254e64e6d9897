"""Samples of models with several inputs: one record for each, with a field for each input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array, InputSpec


def records(arrays: Mapping[str, Array], spec: InputSpec, where: str, mend: str) -> Array:
    """Samples of arrays by input.

    Args:
        arrays: Input -> its array [N, ...]; N is that of all.
        spec: The model's inputs; of one input, its array is returned.
        where: What error messages name as the place.
        mend: How to mend an array that is missing or not known.

    Raises:
        DataError: Arrays are missing, not known, or do not hold the same number of samples.
    """
    _same_names(arrays, spec, where, mend)
    lengths = {array.shape[:1] for array in arrays.values()}
    if len(lengths) > 1 or () in lengths:
        raise DataError(
            "the arrays of the inputs do not hold the same number of samples",
            where=where,
            mend="store one row of each for every sample",
        )
    return spec.join(arrays)


def record(values: Mapping[str, Any], spec: InputSpec, where: str) -> Array:
    """One sample of values by input, without a batch axis: a record without axes.

    Raises:
        DataError: Values are missing, not known, or no numeric arrays.
    """
    _same_names(values, spec, where, "yield one value for each input, by its name")
    rows = {name: numeric(value, f"{where}, '{name}'")[None] for name, value in values.items()}
    return np.array(spec.join(rows)[0])


def numeric(value: object, where: str) -> Array:
    """A numeric array.

    Raises:
        DataError: It is none.
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"is no array: {error}", where=where) from error
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"is {type(value).__name__}, not a numeric array",
            where=where,
            mend="give x, or a pair (x, y), of numpy arrays",
        )
    return array


def _same_names(given: Mapping[str, Any], spec: InputSpec, where: str, mend: str) -> None:
    """Every input has its values, and no others are there."""
    names = [part.name for part in spec.inputs]
    inputs = f"input is {names[0]}" if len(names) == 1 else f"inputs are {', '.join(names)}"
    missing = [name for name in names if name not in given]
    if missing:
        raise DataError(f"'{missing[0]}' is missing: the {inputs}", where=where, mend=mend)
    unknown = [str(name) for name in given if name not in names]
    if unknown:
        raise DataError(f"'{unknown[0]}' is no input: the {inputs}", where=where, mend=mend)
