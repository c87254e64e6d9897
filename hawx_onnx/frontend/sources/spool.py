"""Samples that come one after the other, written to a file that goes when no one needs it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array, InputSpec
from hawx_onnx.frontend.sources.mapped_rows import MappedRows
from hawx_onnx.frontend.sources.several_inputs import numeric, record


def spooled(
    samples: Iterable[object], where: str, inputs: InputSpec
) -> tuple[MappedRows, Array | None]:
    """Writes samples, or pairs of sample and label, to a temporary file, each once it comes.

    Args:
        samples: Arrays of one shape and type, or pairs ``(array, label)``; a mapping of names to
            arrays where the model has several inputs.
        where: What error messages name as the place.
        inputs: Of the model.

    Returns:
        Samples [N, ...] in the file, and labels [N, ...] or None.

    Raises:
        DataError: There are none, one is no numeric array, or they differ in shape or type.
    """
    labels: list[Array] = []
    count, first = 0, np.empty(0)
    # It goes once it is closed, which is when nothing refers to it.
    file = tempfile.TemporaryFile(prefix="hawx-onnx-")  # noqa: SIM115
    try:
        for count, item in enumerate(samples, 1):
            pair = isinstance(item, tuple) and len(item) == 2
            sample = _sample(item[0] if pair else item, f"{where}, sample {count - 1}", inputs)  # type: ignore[index]
            first = sample if count == 1 else first
            if (sample.shape, sample.dtype) != (first.shape, first.dtype):
                raise DataError(
                    f"is {sample.dtype} {list(sample.shape)}, the first one is {first.dtype} "
                    f"{list(first.shape)}",
                    where=f"{where}, sample {count - 1}",
                    mend="yield samples of one shape and type, without the batch axis",
                )
            if pair:
                labels.append(numeric(item[1], f"{where}, label {count - 1}"))  # type: ignore[index]
            if len(labels) not in (0, count):
                raise DataError("only some samples have labels", where=where, mend="label all")
            file.write(np.ascontiguousarray(sample).tobytes())
        file.flush()
        if not count or not first.nbytes:
            raise DataError("yields no samples", where=where)
    except BaseException:
        file.close()
        raise
    x = MappedRows(file, first.dtype, (count, *first.shape))
    return x, np.stack(labels) if labels else None


def _sample(value: object, where: str, inputs: InputSpec) -> Array:
    """One sample: an array, or a record of arrays by input."""
    return record(value, inputs, where) if isinstance(value, Mapping) else numeric(value, where)
