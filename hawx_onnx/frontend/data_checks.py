"""Checks of samples and labels before anything else runs."""

from __future__ import annotations

import logging

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array, InputSpec, describe_shape
from hawx_onnx.frontend.sources import MIN_SAMPLES, too_few

_LOG = logging.getLogger(__name__)
CLASSES, TOKENS, VALUES = "classes", "tokens", "values"


def check_stored(x: Array, where: str, *, least: int = MIN_SAMPLES) -> None:
    """Checks samples as they are stored.

    Args:
        x: The samples.
        where: File and array.
        least: The smallest number of samples that can be split.

    Raises:
        DataError: If there are too few samples, or one is NaN or infinite.
    """
    if x.ndim == 0:
        raise DataError(
            f"holds a single value, at least {least} samples are needed",
            where=where,
            mend="calibration, validation and test each need samples of their own",
        )
    too_few(len(x), least, where)
    for name in x.dtype.names or ():
        check_stored(x[name], f"{where}, {name}", least=least)
    if x.dtype.kind == "f":
        bad = ~np.isfinite(x)
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            raise DataError(
                f"value at {list(index)} is {x[index]} ({int(bad.sum())} values are not finite)",
                where=where,
                mend="drop or repair these samples",
            )


def check_labels(y: Array, samples: int, where: str) -> Array:
    """Returns the labels as int64 [N]; a column [N, 1] is flattened.

    Raises:
        DataError: If they are not integers, negative, or not one for each sample.
    """
    if y.dtype.kind not in "ui":
        raise DataError(
            f"labels are {y.dtype}, not integers",
            where=where,
            mend="store the class number of each sample, for example y.astype('int64')",
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(
            f"labels have shape {list(y.shape)}, not [{samples}]",
            where=where,
            mend="store one class number for each sample (one-hot rows: y.argmax(axis=1)), "
            "or name the metric that takes these with --metric",
        )
    if len(y) != samples:
        raise DataError(
            f"{len(y)} labels for {samples} samples",
            where=where,
            mend="store one class number for each sample",
        )
    if y.dtype.kind == "i" and (y < 0).any():
        index = int(np.argmax(y < 0))
        raise DataError(
            f"label {int(y[index])} at [{index}] is negative",
            where=where,
            mend="number the classes from 0",
        )
    return y.astype(np.int64)


def check_targets(y: Array, samples: int, where: str, kind: str) -> Array:
    """Returns labels as a metric takes them: int64 [N] of classes, int64 or numbers [N, ...] else.

    Args:
        y: As they are stored.
        samples: How many samples there are.
        where: File and array.
        kind: ``classes``, ``tokens`` or ``values``.

    Raises:
        DataError: They are of another kind, not one for each sample, or not finite.
    """
    if kind == CLASSES:
        return check_labels(y, samples, where)
    if y.dtype.kind not in ("ui" if kind == TOKENS else "buif"):
        wanted = "whole numbers" if kind == TOKENS else "numbers"
        raise DataError(
            f"labels are {y.dtype}, not {wanted}",
            where=where,
            mend="store what --metric compares the outputs with, of each sample",
        )
    if not y.ndim or len(y) != samples:
        told = "a single value" if not y.ndim else f"{len(y)} labels"
        raise DataError(f"{told} for {samples} samples", where=where, mend="store one for each")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise DataError(
            f"{int((~np.isfinite(y)).sum())} labels are NaN or infinite",
            where=where,
            mend="drop or repair these samples",
        )
    return y.astype(np.int64) if kind == TOKENS else y


def fit_without_preprocessing(x: Array, input_spec: InputSpec, where: str) -> Array:
    """Returns samples that already have the model's form, converting between float widths.

    Raises:
        DataError: If type or shape differ from the model's.
    """
    if input_spec.parts:
        return _fit_records(x, input_spec, where)
    if x.dtype.kind in "ui" and input_spec.dtype.kind == "f" and x.ndim in (3, 4):
        raise DataError(
            f"holds {x.dtype} images {_shape(x)}, the model's input '{input_spec.name}' takes "
            f"{input_spec.describe()}",
            where=where,
            mend="give --preprocess FILE, YAML with lines such as `scale: 255`; keys: scale, mean, "
            "std, resize, layout and others",
        )
    if not input_spec.shape_fits(x.shape):
        raise DataError(
            f"has shape {_shape(x)}, the model's input '{input_spec.name}' takes "
            f"{input_spec.describe()}: {_difference(x, input_spec)}",
            where=where,
            mend="reshape the samples, or give --preprocess FILE (resize, pad, layout)",
        )
    if x.dtype == input_spec.dtype:
        return x
    if not _lossless(x, input_spec):
        raise DataError(
            f"holds {x.dtype}, the model's input '{input_spec.name}' takes {input_spec.dtype}",
            where=where,
            mend=f"convert the samples with x.astype('{input_spec.dtype}') if that is meant",
        )
    _LOG.info("%s: converted from %s to %s", where, x.dtype, input_spec.dtype)
    return x.astype(input_spec.dtype)


def _fit_records(x: Array, input_spec: InputSpec, where: str) -> Array:
    """The same for samples of several inputs."""
    names = [part.name for part in input_spec.parts]
    if x.dtype.names is None or set(x.dtype.names) != set(names):
        raise DataError(
            f"gives one array, the model has the inputs {', '.join(names)}",
            where=where,
            mend="give one array for each input under its name",
        )
    fitted = {
        part.name: fit_without_preprocessing(x[part.name], part, f"{where}, input {part.name}")
        for part in input_spec.parts
    }
    return input_spec.join(fitted)


def _lossless(x: Array, input_spec: InputSpec) -> bool:
    """Tells whether a conversion keeps the meaning: between floats, or to a wider integer."""
    if x.dtype.kind == "f" and input_spec.dtype.kind == "f":
        return True
    both_integers = x.dtype.kind in "ui" and input_spec.dtype.kind in "ui"
    return both_integers and np.can_cast(x.dtype, input_spec.dtype)


def _difference(x: Array, input_spec: InputSpec) -> str:
    """Says where two shapes differ first."""
    if x.ndim != len(input_spec.shape):
        return f"{x.ndim} axes instead of {len(input_spec.shape)}"
    axes = [
        f"axis {axis} is {have} instead of {want}"
        for axis, (have, want) in enumerate(zip(x.shape, input_spec.shape, strict=True))
        if axis and want is not None and have != want
    ]
    return ", ".join(axes)


def _shape(x: Array) -> str:
    """Returns the shape of stored samples in words."""
    return describe_shape((None, *x.shape[1:]))
