"""Seeded random inputs without labels, in the model's own type and shape."""

from __future__ import annotations

import logging

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array, InputSpec
from hawx_onnx.frontend.sources import RawData, RawPart

_LOG = logging.getLogger(__name__)
_SIZES = {"calibration": 64, "validation": 128, "test": 128}


def load(input_spec: InputSpec, seed: int) -> RawData:
    """Returns random samples: standard normal for float inputs, uniform codes for 8-bit inputs.

    Raises:
        DataError: If an axis other than the batch is symbolic, or the type has no natural range
            (token ids, for instance).
    """
    for one in input_spec.inputs:
        _check(one)
    _LOG.info(
        "no data given: inputs are random, so accuracies say only how often the class of the "
        "float model is kept; give --data for real ones"
    )
    rng = np.random.default_rng(seed)
    parts = {
        name: RawPart(_draw_all(rng, size, input_spec), None, x_where="synthetic x")
        for name, size in _SIZES.items()
    }
    return RawData(name="synthetic", note=f"random inputs, seed {seed}, no labels", parts=parts)


def _check(input_spec: InputSpec) -> None:
    """Refuses an input that no samples can be made for."""
    shape = input_spec.shape
    where = f"input '{input_spec.name}'"
    unknown = [axis for axis, extent in enumerate(shape) if axis and extent is None]
    if not shape or unknown:
        axes = f"axis {', '.join(map(str, unknown))} is symbolic" if shape else "it is a scalar"
        raise DataError(
            f"no synthetic samples can be made for {input_spec.describe()}: {axes}",
            where=where,
            mend="give real samples with --data",
        )
    if input_spec.dtype.kind != "f" and input_spec.dtype.itemsize > 1:
        raise DataError(
            f"no synthetic samples can be made of type {input_spec.dtype}: "
            "their range of values is not known",
            where=where,
            mend="give real samples with --data",
        )


def _draw_all(rng: np.random.Generator, size: int, input_spec: InputSpec) -> Array:
    """Draws samples of all inputs."""
    drawn = {one.name: _draw(rng, (size, *one.shape[1:]), one) for one in input_spec.inputs}
    return input_spec.join(drawn)


def _draw(rng: np.random.Generator, shape: tuple[int | None, ...], spec: InputSpec) -> Array:
    """Draws one array."""
    extents = [extent or 0 for extent in shape]
    if spec.dtype.kind == "f":
        return rng.standard_normal(extents, dtype=np.float32).astype(spec.dtype)
    if spec.dtype.kind == "b":
        return rng.integers(0, 2, extents).astype(np.bool_)
    limits = np.iinfo(spec.dtype)
    return rng.integers(limits.min, limits.max, extents, dtype=spec.dtype, endpoint=True)
